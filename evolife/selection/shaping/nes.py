"""max(0, log(K/2 + 1) - log k) normalised to sum 1, minus 1/K; k = 1 is the best."""

import dataclasses

import jax.numpy as jnp

from evolife.base import Array, Places
from evolife.selection.shaping import Shaping, ranks


@dataclasses.dataclass(frozen=True)
class Nes(Shaping):
    """Logarithms of places, for the better half.

    The utilities of natural evolution strategies; Wierstra et al. 2014, section 3.1.
    The sum is 0, the absolute sum below 2; 1/K is taken off as the mean utility.
    """

    def shape(self, fitness: Array, places: Places) -> Array:
        """Logarithmic ranks, centred."""
        size = fitness.size
        place = size - ranks(places)
        utility = jnp.maximum(0.0, jnp.log(size / 2 + 1) - jnp.log(place))
        # Above the minimum, so that ties among all stay exactly zero.
        above = utility - jnp.min(utility)
        return (above - jnp.mean(above)) / jnp.sum(utility)
