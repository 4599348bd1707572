"""Low-rank evolution strategy: a population that shares one set of weights.

The OpenAI evolution strategy (Salimans et al. 2017) with antithetic pairs, where each
matrix is perturbed by a product of thin Gaussian factors (EGGROLL, Sarkar et al.
2025): member i is ``mean + sigma * E_i`` and the mean moves along
``g = sum_i w_i E_i / sigma`` by an optimizer, with weights ``w`` from a selection.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax
from annotated_types import Ge, Gt, Le

from evolife import perturbations
from evolife.base import (
    Array,
    Genome,
    Key,
    LifeStatistics,
    SelectionState,
    Strategy,
)
from evolife.errors import InvalidInput


class LowRankState(NamedTuple):
    """What a checkpoint holds."""

    mean: Genome
    optimizer: Any
    key: Key
    selection: SelectionState


class LowRankProposal(NamedTuple):
    """What any member of a generation is built from."""

    mean: Genome
    key: Key
    sigma: Array


@dataclasses.dataclass(frozen=True)
class LowRank(Strategy):
    """Antithetic low-rank evolution strategy; never builds K x D.

    Raises:
        InvalidInput: for an odd population, a rank above the smaller side of a matrix,
            or a genome without matrices.
    """

    rank: Annotated[int, Ge(1)] = 1
    """Rank r of each matrix's perturbation."""
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

    def __post_init__(self) -> None:
        """Refuse sizes that cannot be searched so."""
        _refuse_misfits(self.rank, self.population_size, self.template)

    @property
    def member_size(self) -> int:
        """Numbers of one member's factors."""
        return self._layout.length

    @functools.cached_property
    def _layout(self) -> perturbations.Layout:
        return perturbations.layout(self.template, self.rank)

    @functools.cached_property
    def _optimizer(self) -> optax.GradientTransformation:
        rate = optax.exponential_decay(self.learning_rate, 1, self.learning_rate_decay)
        if self.optimizer == "sgd":
            return optax.chain(
                optax.add_decayed_weights(self.weight_decay), optax.sgd(rate)
            )
        return optax.adamw(rate, weight_decay=self.weight_decay)

    def init(self, key: Key, newborn: Callable[[Key], Genome]) -> LowRankState:
        """Start with the mean at a newborn genome."""
        mean = newborn(jax.random.fold_in(key, 0))
        return LowRankState(
            mean,
            self._optimizer.init(mean),
            jax.random.fold_in(key, 1),
            self.selection.init(),
        )

    def ask(self, state: LowRankState, generation: Array) -> LowRankProposal:
        """Share the mean; draw nothing."""
        key = jax.random.fold_in(state.key, generation)
        return LowRankProposal(state.mean, key, self._sigma(generation))

    def member(self, proposal: LowRankProposal, index: Array) -> Genome:
        """Perturb the mean by the draw of the member's pair."""
        return perturbations.perturb(self._layout, *proposal[:2], index, proposal.sigma)

    def tell(
        self,
        state: LowRankState,
        proposal: LowRankProposal,
        generation: Array,
        fitness: Array,
        statistics: LifeStatistics,
    ) -> LowRankState:
        """Move the mean along the weighted sum of perturbations."""
        seen = statistics._replace(scale=jnp.full(fitness.shape, proposal.sigma))
        weights, selection = self.selection.weights(fitness, seen, state.selection)
        signed = (weights[0::2] - weights[1::2]) / proposal.sigma
        ascent = perturbations.weighted_sum(self._layout, proposal.key, signed)
        descent = jax.tree.map(jnp.negative, ascent)
        changes, optimizer = self._optimizer.update(
            descent, state.optimizer, state.mean
        )
        mean = optax.apply_updates(state.mean, changes)
        return LowRankState(mean, optimizer, state.key, selection)

    def centre(self, state: LowRankState) -> Genome:
        """The mean."""
        return state.mean

    def _sigma(self, generation: Array) -> Array:
        decayed = self.sigma * self.sigma_decay ** jnp.asarray(generation, jnp.float32)
        return jnp.maximum(decayed, min(self.sigma_limit, self.sigma))


def _refuse_misfits(rank: int, population_size: int, template: Genome) -> None:
    if population_size % 2:
        raise InvalidInput(
            f"population.size = {population_size}: strategy low_rank evaluates "
            f"antithetic pairs and needs an even number, such as "
            f"{population_size - 1 or 2} or {population_size + 1}"
        )
    matrices = [leaf.shape for leaf in jax.tree.leaves(template) if leaf.ndim == 2]
    if not matrices:
        raise InvalidInput(
            "strategy.name = low_rank: this agent's genome has no matrix to perturb by "
            "factors; use a dense strategy such as Open_ES or CMA_ES"
        )
    # One without rows or columns, as of an agent that observes nothing, has no noise.
    smallest = min((min(s) for s in matrices if min(s)), default=rank)
    if rank > smallest:
        raise InvalidInput(
            f"strategy.rank = {rank}: this agent's smallest matrix has "
            f"{smallest} rows or columns, so the rank is at most {smallest}; "
            "for full-rank noise use Open_ES"
        )
