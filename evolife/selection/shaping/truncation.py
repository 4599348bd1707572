"""1 / mu for the best mu = max(1, floor(elite_ratio K)) members, 0 for the others."""

import dataclasses
from typing import Annotated

import jax.numpy as jnp
from annotated_types import Gt, Le

from evolife.base import Array, Places
from evolife.selection.shaping import Shaping


@dataclasses.dataclass(frozen=True)
class Truncation(Shaping):
    """The best part of the members, all alike.

    Intermediate recombination, (mu/mu, lambda); Beyer & Schwefel 2002. The sum is 1.
    Members tied across the border share what the places within it weigh.
    """

    elite_ratio: Annotated[float, Gt(0), Le(1)] = 0.5
    """Part of the members that are parents of the next generation."""

    def shape(self, fitness: Array, places: Places) -> Array:
        """Share the elite's places among the tied."""
        elites = max(1, int(self.elite_ratio * fitness.size))
        better = fitness.size - places.upto
        tied = places.upto - places.worse
        held = jnp.clip(elites - better, 0, tied)
        return held / (tied * elites).astype(jnp.float32)
