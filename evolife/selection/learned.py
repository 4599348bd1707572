"""Selection by a learned operator, as a config names it."""

import dataclasses
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from evolife import base
from evolife.base import Array, LifeStatistics
from evolife.selection import features
from evolife.selection.operator import Architecture, Operator, weigh


class LearnedState(NamedTuple):
    """Carried from generation to generation, and so in every checkpoint."""

    operator: Operator
    """Its parameters; evolution leaves them alone."""
    trail: features.Trail


@dataclasses.dataclass(frozen=True, eq=False)
class Learned(base.Selection):
    """A trained operator: weights that backprop found, with sum 1 at most.

    The parameters travel in the state: checkpoints hold them, digests cover them, and
    whoever trains them puts their own in their place.
    """

    operator: str = ""
    """Name of a bundled operator, or the file that ``evolife meta`` wrote."""
    shape: Architecture = dataclasses.field(default=Architecture(), repr=False)
    parameters: Any = dataclasses.field(default=None, repr=False)

    def init(self) -> LearnedState:
        """The operator as it was loaded, and no past."""
        held = Operator(*(jnp.asarray(np.asarray(x)) for x in self.parameters))
        return LearnedState(held, features.start())

    def weights(
        self, fitness: Array, statistics: LifeStatistics, state: LearnedState
    ) -> tuple[Array, LearnedState]:
        """Weigh ``(K,)`` finite fitness by what is seen of it and of the lives."""
        seen, trail = features.observe(fitness, statistics, state.trail)
        ranks = features.ranks(jnp.asarray(fitness, jnp.float32))
        weights = weigh(state.operator, seen, ranks, self.shape.signed)
        return weights, LearnedState(state.operator, trail)
