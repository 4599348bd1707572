"""softmax(sharpness (1 - sigmoid(temperature (1/2 - r / (K - 1)))))."""

import dataclasses
from typing import Annotated

import jax
from annotated_types import Ge

from evolife.base import Array, Places
from evolife.selection.shaping import Shaping, centred_ranks


@dataclasses.dataclass(frozen=True)
class Des(Shaping):
    """A soft step between the better and the worse half.

    The recombination weights that Lange et al. 2023 ("Discovering evolution strategies
    via meta-black-box optimization", the DES update) read off a meta-learned strategy.
    All are positive and their sum is 1; the best weigh the most.
    """

    temperature: Annotated[float, Ge(0)] = 12.5
    """Steepness of the step between the better and the worse half."""
    sharpness: Annotated[float, Ge(0)] = 20.0
    """Log of the ratio between the weights above and below that step."""

    def shape(self, fitness: Array, places: Places) -> Array:
        """Softmax of a sigmoid of the centred ranks."""
        step = jax.nn.sigmoid(-self.temperature * centred_ranks(places))
        return jax.nn.softmax(-self.sharpness * step)
