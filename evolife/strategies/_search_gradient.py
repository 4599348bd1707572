"""Ascent of the mean along a search gradient: what low and full rank have alike."""

import abc
import dataclasses
import functools
from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax
from annotated_types import Ge, Gt, Le

from evolife import perturbations
from evolife.additive import AdditiveStrategy
from evolife.base import Array, Genome, Key, LifeStatistics, SelectionState


class MeanState(NamedTuple):
    """What a checkpoint holds."""

    mean: Genome
    optimizer: Any
    key: Key
    selection: SelectionState


class MeanProposal(NamedTuple):
    """What any member of a generation is built from."""

    mean: Genome
    key: Key
    sigma: Array


@dataclasses.dataclass(frozen=True)
class SearchGradient(AdditiveStrategy):
    """The OpenAI evolution strategy (Salimans et al. 2017) with antithetic pairs.

    Member i is ``mean + sigma * E_i``, and the mean moves along
    ``g = sum_i w_i E_i / sigma`` by an optimizer, with weights ``w`` from a selection.
    """

    sigma: Annotated[float, Gt(0)] = 0.1
    """Standard deviation of the perturbations."""
    sigma_decay: Annotated[float, Gt(0), Le(1)] = 1.0
    """Factor applied to sigma each generation."""
    sigma_limit: Annotated[float, Gt(0)] = 0.001
    """Sigma never decays below this."""
    learning_rate: Annotated[float, Gt(0)] = 0.05
    """Step size of the optimizer."""
    learning_rate_decay: Annotated[float, Gt(0), Le(1)] = 1.0
    """Factor applied to the learning rate each generation."""
    optimizer: Literal["adam", "sgd"] = "adam"
    """Optimizer of the mean."""
    weight_decay: Annotated[float, Ge(0)] = 0.0
    """Decoupled weight decay of the mean (AdamW)."""

    @property
    @abc.abstractmethod
    def _layout(self) -> perturbations.Layout:
        """How the numbers of a draw become a perturbation."""

    @property
    def member_size(self) -> int:
        """Numbers of one member's draw."""
        return self._layout.length

    @property
    def bound(self) -> float:
        """Of a perturbation."""
        return self._layout.bound

    @functools.cached_property
    def _optimizer(self) -> optax.GradientTransformation:
        rate = optax.exponential_decay(self.learning_rate, 1, self.learning_rate_decay)
        if self.optimizer == "sgd":
            return optax.chain(
                optax.add_decayed_weights(self.weight_decay), optax.sgd(rate)
            )
        return optax.adamw(rate, weight_decay=self.weight_decay)

    def init(self, key: Key, newborn: Callable[[Key], Genome]) -> MeanState:
        """Start with the mean at a newborn genome."""
        mean = newborn(jax.random.fold_in(key, 0))
        return MeanState(
            mean,
            self._optimizer.init(mean),
            jax.random.fold_in(key, 1),
            self.selection.init(),
        )

    def ask(self, state: MeanState, generation: Array) -> MeanProposal:
        """Share the mean; draw nothing."""
        key = jax.random.fold_in(state.key, generation)
        return MeanProposal(state.mean, key, self._sigma(generation))

    def member(self, proposal: MeanProposal, index: Array) -> Genome:
        """Perturb the mean by the draw of the member's pair."""
        return perturbations.perturb(self._layout, *proposal[:2], index, proposal.sigma)

    def weigh(
        self,
        state: MeanState,
        proposal: MeanProposal,
        fitness: Array,
        statistics: LifeStatistics,
    ) -> tuple[Array, SelectionState]:
        """As the selection does, which is told the step size."""
        seen = statistics._replace(scale=jnp.full(fitness.shape, proposal.sigma))
        return self.selection.weights(fitness, seen, state.selection)

    def draw(self, proposal: MeanProposal, first: Array) -> Array:
        """``(piece / 2, length)`` numbers; both members of a pair share a row."""
        pairs = first // 2 + jnp.arange(self.piece // 2)
        draw = functools.partial(perturbations.draw, self._layout, proposal.key)
        return jax.vmap(draw)(pairs)

    def partial_sum(self, drawn: Array, weights: Array) -> Genome:
        """The weighted sum of perturbations."""
        signed = weights[0::2] - weights[1::2]
        return perturbations.weighted_sum(self._layout, drawn, signed)

    def move(
        self,
        state: MeanState,
        proposal: MeanProposal,
        generation: Array,
        total: Genome,
        selection: SelectionState,
    ) -> MeanState:
        """Move the mean along the search gradient."""
        descent = jax.tree.map(lambda leaf: -leaf / proposal.sigma, total)
        changes, optimizer = self._optimizer.update(
            descent, state.optimizer, state.mean
        )
        mean = optax.apply_updates(state.mean, changes)
        return MeanState(mean, optimizer, state.key, selection)

    def centre(self, state: MeanState) -> Genome:
        """The mean."""
        return state.mean

    def _sigma(self, generation: Array) -> Array:
        decayed = self.sigma * self.sigma_decay ** jnp.asarray(generation, jnp.float32)
        return jnp.maximum(decayed, min(self.sigma_limit, self.sigma))
