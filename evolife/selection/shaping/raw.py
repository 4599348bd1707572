"""F / K: the plain Monte Carlo estimate of the search gradient."""

import dataclasses

from evolife.base import Array, Places
from evolife.selection.shaping import Shaping


@dataclasses.dataclass(frozen=True)
class Raw(Shaping):
    """Fitness over the number of members.

    Wierstra et al. 2014, section 2, without a baseline. The absolute sum is the mean of
    abs(F): of order one where fitness is. Equal fitness F gives every member F / K.
    """

    def shape(self, fitness: Array, places: Places) -> Array:
        """Divide by the number of members."""
        return fitness / fitness.size
