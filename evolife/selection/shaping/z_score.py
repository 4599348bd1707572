"""(F - mean) / std / K; zero where all are equal."""

import dataclasses

import jax.numpy as jnp

from evolife.base import Array, Places
from evolife.selection.shaping import Shaping


@dataclasses.dataclass(frozen=True)
class ZScore(Shaping):
    """Fitness in standard deviations from its mean.

    The scaling by the standard deviation of Mania et al. 2018 (ARS), with the mean as
    baseline. The sum is 0, the absolute sum at most 1.
    """

    def shape(self, fitness: Array, places: Places) -> Array:
        """Standardise, above the minimum so that ties among all stay exactly zero."""
        half = 0.5 * fitness  # The range of float32 fitness may exceed float32.
        above = half - jnp.min(half)
        widest = jnp.max(above)
        above = above / jnp.where(widest > 0, widest, 1)
        centred = above - jnp.mean(above)
        deviation = jnp.sqrt(jnp.mean(jnp.square(centred)))
        return centred / jnp.where(deviation > 0, deviation, 1) / fitness.size
