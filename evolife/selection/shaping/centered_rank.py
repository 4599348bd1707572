"""(r / (K - 1) - 1/2) / K: only the order of fitness matters."""

import dataclasses

from evolife.base import Array, Places
from evolife.selection.shaping import Shaping, centred_ranks


@dataclasses.dataclass(frozen=True)
class CenteredRank(Shaping):
    """Ranks from -1/2 to 1/2, over the number of members.

    Salimans et al. 2017, section 2.1. The sum is 0; the absolute sum without ties is
    K / (4 (K - 1)) for even K and (K + 1) / (4 K) for odd K, so 1/4 for large K.
    """

    def shape(self, fitness: Array, places: Places) -> Array:
        """Rank and centre."""
        return centred_ranks(places) / fitness.size
