"""Separable natural evolution strategy: a step size for every number of a genome.

SNES (Schaul, Glasmachers & Schmidhuber 2011; Wierstra et al. 2014, algorithm 6) with
antithetic pairs and noise from counters, shared out among ranks.
"""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from annotated_types import Gt

from evolife import perturbations
from evolife.additive import AdditiveStrategy
from evolife.base import Array, Genome, Key, LifeStatistics, SelectionState


class SeparableState(NamedTuple):
    """What a checkpoint holds."""

    mean: Genome
    scale: Genome
    """Standard deviation of every number."""
    key: Key
    selection: SelectionState


class SeparableProposal(NamedTuple):
    """What any member of a generation is built from."""

    mean: Genome
    scale: Genome
    key: Key


class Gradient(NamedTuple):
    """Flat sums over members of their weights times what is named."""

    mean: Array
    """``(D,)``: the draw z."""
    scale: Array
    """``(D,)``: z^2 - 1."""


@dataclasses.dataclass(frozen=True)
class Separable(AdditiveStrategy):
    """Antithetic separable natural evolution strategy.

    Member i is ``mean + scale * z_i``. With weights ``w`` of absolute sum 2 at most,
    ``mean += learning_rate * scale * sum_i w_i z_i`` and
    ``scale *= exp(scale_rate / 2 * sum_i w_i (z_i^2 - 1))``.

    Raises:
        InvalidInput: for an odd population.
    """

    native: ClassVar[str | None] = "nes"

    sigma: Annotated[float, Gt(0)] = 0.1
    """Standard deviation of all numbers at first."""
    sigma_limit: Annotated[float, Gt(0)] = 1e-6
    """No standard deviation falls below this."""
    learning_rate: Annotated[float, Gt(0)] = 1.0
    """Step of the mean, in standard deviations."""
    scale_rate: Annotated[float, Gt(0)] | None = None
    """Step of the logarithm of the deviations; None: (3 + log D) / (5 sqrt(D))."""

    @property
    def bound(self) -> float:
        """Of z^2 - 1."""
        return perturbations.LARGEST**2

    @functools.cached_property
    def _layout(self) -> perturbations.Layout:
        return perturbations.layout(self.template, 0)

    @property
    def _rate(self) -> float:
        dimensions = max(1, self._layout.length)
        default = (3 + math.log(dimensions)) / (5 * math.sqrt(dimensions))
        return default if self.scale_rate is None else self.scale_rate

    def init(self, key: Key, newborn: Callable[[Key], Genome]) -> SeparableState:
        """Start with the mean at a newborn genome."""
        mean = newborn(jax.random.fold_in(key, 0))
        scale = jax.tree.map(
            lambda leaf: jnp.full(leaf.shape, self.sigma, leaf.dtype), mean
        )
        run = jax.random.fold_in(key, 1)
        return SeparableState(mean, scale, run, self.selection.init())

    def ask(self, state: SeparableState, generation: Array) -> SeparableProposal:
        """Share mean and scales; draw nothing."""
        key = jax.random.fold_in(state.key, generation)
        return SeparableProposal(state.mean, state.scale, key)

    def member(self, proposal: SeparableProposal, index: Array) -> Genome:
        """Perturb the mean by the scaled draw of the member's pair."""
        drawn = perturbations.draw(self._layout, proposal.key, index // 2)
        z = self._tree(drawn)
        sign = jnp.where(index % 2 == 0, 1.0, -1.0).astype(jnp.float32)

        def perturbed(mean: Array, scale: Array, z: Array) -> Array:
            return mean + sign * scale * z

        return jax.tree.map(perturbed, proposal.mean, proposal.scale, z)

    def weigh(
        self,
        state: SeparableState,
        proposal: SeparableProposal,
        fitness: Array,
        statistics: LifeStatistics,
    ) -> tuple[Array, SelectionState]:
        """As the selection does, scaled to an absolute sum of 2 where it is larger.

        The scales follow the exponential of the weights, and raw fitness is as large as
        it likes.
        """
        logs = [jnp.sum(jnp.log(leaf)) for leaf in jax.tree.leaves(proposal.scale)]
        scale = jnp.exp(sum(logs, jnp.zeros(())) / max(1, self._layout.length))
        seen = statistics._replace(scale=jnp.full(fitness.shape, scale))
        weights, selection = self.selection.weights(fitness, seen, state.selection)
        total = jnp.sum(jnp.abs(weights))
        return weights * jnp.minimum(1, 2 / jnp.where(total > 0, total, 2)), selection

    def draw(self, proposal: SeparableProposal, first: Array) -> Array:
        """``(piece / 2, D)`` numbers z; both members of a pair share a row."""
        pairs = first // 2 + jnp.arange(self.piece // 2)
        draw = functools.partial(perturbations.draw, self._layout, proposal.key)
        return jax.vmap(draw)(pairs)

    def partial_sum(self, drawn: Array, weights: Array) -> Gradient:
        """Both sums."""
        plus, minus = weights[0::2], weights[1::2]
        slope = (plus - minus) @ drawn
        return Gradient(slope, (plus + minus) @ (drawn * drawn - 1))

    def move(
        self,
        state: SeparableState,
        proposal: SeparableProposal,
        generation: Array,
        total: Gradient,
        selection: SelectionState,
    ) -> SeparableState:
        """Move the mean and multiply the scales."""

        def moved(mean: Array, scale: Array, slope: Array) -> Array:
            return mean + self.learning_rate * scale * slope

        def scaled(scale: Array, slope: Array) -> Array:
            after = scale * jnp.exp(self._rate / 2 * slope)
            return jnp.maximum(after, min(self.sigma_limit, self.sigma))

        mean = jax.tree.map(moved, state.mean, state.scale, self._tree(total.mean))
        scale = jax.tree.map(scaled, state.scale, self._tree(total.scale))
        return SeparableState(mean, scale, state.key, selection)

    def centre(self, state: SeparableState) -> Genome:
        """The mean."""
        return state.mean

    def floor(self, state: SeparableState) -> tuple[Array, str]:
        """Whether every deviation rests at ``sigma_limit``."""
        limit = min(self.sigma_limit, self.sigma)
        leaves = jax.tree.leaves(state.scale)
        rests = [jnp.all(leaf <= limit) for leaf in leaves]
        return jnp.all(jnp.stack(rests)), f"strategy.sigma_limit = {limit:g}"

    def _tree(self, flat: Array) -> Any:
        leaves = perturbations.split(self._layout, flat)
        return jax.tree.unflatten(self._layout.treedef, leaves)
