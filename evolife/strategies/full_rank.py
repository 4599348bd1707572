"""Full-rank evolution strategy: every number of every member has noise of its own.

The OpenAI evolution strategy (Salimans et al. 2017) with antithetic pairs. Noise comes
from counters, so that no rank ever holds that of more than a tile of members.
"""

import dataclasses
import functools

from evolife import perturbations
from evolife.strategies._search_gradient import SearchGradient


@dataclasses.dataclass(frozen=True)
class FullRank(SearchGradient):
    """Antithetic isotropic evolution strategy, shared out among ranks.

    Raises:
        InvalidInput: for an odd population.
    """

    @functools.cached_property
    def _layout(self) -> perturbations.Layout:
        return perturbations.layout(self.template, 0)
