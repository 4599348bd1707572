"""A claim held against its control."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Literal

LEVEL = 0.01
"""Chance of a wrong verdict that is accepted."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Whether the best champion beats the control's best on held-out lives."""

    claim: str
    outcome: Literal["holds", "fails", "undecided"]
    difference: float
    """Held-out score above the control's; NaN where one of them is not finite."""
    p: float
    """Two-sided Welch test of equal means; NaN likewise."""


def compare(
    champion: Mapping[str, Any], control: Mapping[str, Any], claim: str
) -> Verdict:
    """Hold a champion of the run against the control's, as in ``champions.json``."""
    moments = [
        value
        for row in (champion, control)
        for value in (row["held_out"], row["deviation"], row["lives"])
    ]
    if None in moments:
        # A mean that is not finite is above or below nothing.
        return Verdict(claim, "undecided", math.nan, math.nan)
    difference = champion["held_out"] - control["held_out"]
    if champion["deviation"] == control["deviation"] == 0:
        p = 0.0 if difference else 1.0
    else:
        # Half a second to import, so only where a verdict is due.
        from scipy import stats

        p = float(stats.ttest_ind_from_stats(*moments, equal_var=False).pvalue)
    outcome: Literal["holds", "fails", "undecided"] = "undecided"
    if p < LEVEL:
        outcome = "holds" if difference > 0 else "fails"
    return Verdict(claim, outcome, difference, p)
