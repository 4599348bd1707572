"""Where algorithms of evosax 0.3.2 do otherwise than their papers, and stay so here.

Plain data, for ``evolife list strategies`` and the table in docs/strategies.md; needs
no JAX. What evolife puts right is not listed.
"""

from typing import NamedTuple


class Difference(NamedTuple):
    """One algorithm's; both are parts of a sentence, in Markdown."""

    does: str
    """What it does."""
    instead: str
    """What to use where that matters."""


_TIES = Difference(
    "under `native`, members of equal fitness all get the weight of the middle one, "
    "and not the mean of theirs: on a plateau the step size falls to `std_min`",
    "any other selection, such as `centered_rank`",
)

DIFFERENCES: dict[str, Difference] = {
    "CMA_ES": _TIES,
    "CR_FM_NES": Difference(
        "on a long steep slope its scales turn negative, and their logarithm NaN; such "
        "updates are undone",
        "`Sep_CMA_ES`",
    ),
    "DES": _TIES,
    "EvoTF_ES": Difference(
        "on noise and on slopes without end its step size grows until it overflows; "
        "such updates are undone",
        "`LES`",
    ),
    "GuidedES": Difference(
        "has no gradient to guide it, so it is plain antithetic sampling",
        "`Open_ES`",
    ),
    "iAMaLGaM_Full": Difference(
        "adds the square of `std_min` to its variances, and so never samples with "
        "less; on a long steep slope its covariance loses its inverse, and such "
        "updates are undone",
        "`CMA_ES`",
    ),
    "iAMaLGaM_Univariate": Difference(
        "adds `std_min` to its standard deviations, and so never samples with less",
        "`Sep_CMA_ES`",
    ),
    "LGA": Difference(
        "a learned layer turns `std_init` into what is sampled with",
        "`SimpleGA`, with `std_schedule`",
    ),
    "LM_MA_ES": _TIES,
    "MA_ES": _TIES,
    "Rm_ES": Difference(
        "its success rule compares ranks of weights and never looks at fitness: the "
        "step size falls to `std_min` at the same pace whatever happens",
        "`LM_MA_ES` or `Sep_CMA_ES`",
    ),
    "Sep_CMA_ES": _TIES,
    "SimpleES": Difference(
        "under `native`, members of equal fitness all get the weight of the middle "
        "one: on a plateau the step size grows for ever where the population is even, "
        "and falls to `std_min` where it is odd",
        "any other selection, such as `truncation`",
    ),
    "SV_CMA_ES": _TIES,
    "xNES": Difference(
        "multiplies its matrix number by number, so that it stays diagonal and learns "
        "no correlation",
        "`CMA_ES`, or `SNES`, which costs less",
    ),
}
