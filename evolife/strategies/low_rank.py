"""Low-rank evolution strategy: a population that shares one set of weights.

The OpenAI evolution strategy with antithetic pairs, where each matrix is perturbed by a
product of thin normal factors (EGGROLL, Sarkar et al. 2025) and everything else by
normal numbers of its own.
"""

import dataclasses
import functools
from typing import Annotated

import jax
from annotated_types import Ge

from evolife import perturbations
from evolife.base import Genome
from evolife.errors import InvalidInput
from evolife.strategies._search_gradient import SearchGradient


@dataclasses.dataclass(frozen=True)
class LowRank(SearchGradient):
    """Antithetic low-rank evolution strategy; never builds K x D.

    Raises:
        InvalidInput: for an odd population, a rank above the smaller side of a matrix,
            or a genome without matrices.
    """

    rank: Annotated[int, Ge(1)] = 1
    """Rank r of each matrix's perturbation."""

    def __post_init__(self) -> None:
        """Refuse sizes that cannot be searched so."""
        super().__post_init__()
        _refuse_misfits(self.rank, self.template)

    @functools.cached_property
    def _layout(self) -> perturbations.Layout:
        return perturbations.layout(self.template, self.rank)


def _refuse_misfits(rank: int, template: Genome) -> None:
    matrices = [leaf.shape for leaf in jax.tree.leaves(template) if leaf.ndim == 2]
    if not matrices:
        raise InvalidInput(
            "strategy.name = low_rank: this agent's genome has no matrix to perturb by "
            "factors; use full_rank, or another dense strategy such as separable"
        )
    # One without rows or columns, as of an agent that observes nothing, has no noise.
    smallest = min((min(s) for s in matrices if min(s)), default=rank)
    if rank > smallest:
        raise InvalidInput(
            f"strategy.rank = {rank}: this agent's smallest matrix has "
            f"{smallest} rows or columns, so the rank is at most {smallest}; "
            "for noise of full rank use full_rank"
        )
