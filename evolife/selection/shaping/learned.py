"""An operator that evolife meta trained: operator: FILE or name."""

import dataclasses
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from evolife.base import GIVEN, Array, LifeStatistics, Selection
from evolife.errors import InvalidInput
from evolife.selection import features, operator_file
from evolife.selection.operator import Architecture, Operator, weigh


class LearnedState(NamedTuple):
    """Carried from generation to generation, and so in every checkpoint."""

    operator: Operator
    """Its parameters; evolution leaves them alone."""
    trail: features.Trail


@dataclasses.dataclass(frozen=True, eq=False)
class Learned(Selection):
    """A trained operator: weights that backprop found, with sum 1 at most.

    The parameters travel in the state: checkpoints hold them, digests cover them, and
    whoever trains them puts their own in their place.
    """

    operator: str
    """Name of a bundled operator, or the file that ``evolife meta`` wrote."""
    shape: Architecture = dataclasses.field(
        default=Architecture(), repr=False, metadata=GIVEN
    )
    parameters: Any = dataclasses.field(default=None, repr=False, metadata=GIVEN)
    """An :class:`Operator`; None: to be read from the file, with its shape."""

    def __post_init__(self) -> None:
        """Read the file, once, unless the parameters are here.

        Raises:
            ValueError: it is missing, or no operator for this evolife.
        """
        if self.parameters is not None:
            return
        try:
            parameters, shape, _ = operator_file.read(self.operator)
        except InvalidInput as refusal:
            raise ValueError(str(refusal)) from refusal
        object.__setattr__(self, "parameters", parameters)
        object.__setattr__(self, "shape", shape)

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
