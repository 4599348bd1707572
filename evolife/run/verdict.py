"""A claim held against its control."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from evolife.engine.difference import Difference, of_moments, paired
from evolife.storage.held_out import HeldOut, why_other_lives

LEVEL = 0.01
"""Chance of a wrong verdict that is accepted."""
Outcome = Literal["holds", "fails", "undecided"]


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Whether the best champion beats the control's best on held-out lives."""

    claim: str
    outcome: Outcome
    difference: float
    """Held-out score above the control's; NaN where one of them is not finite."""
    p: float
    """Two-sided chance of so large a difference between equals; NaN likewise."""
    interval: tuple[float, float]
    """95% confidence interval of ``difference``."""
    improvement: float
    """Chance that a life of the champion earns more than one of the control, the same
    life where there are pairs; ties count half. NaN where single lives are unknown."""
    test: Literal["paired", "unpaired"]
    """Student's t test of the pairs of lives, or Welch's of two samples."""
    reason: str
    """Why there are no pairs; empty where there are."""


def compare(
    champion: Mapping[str, Any],
    control: Mapping[str, Any],
    claim: str,
    ours: HeldOut | None = None,
    theirs: HeldOut | None = None,
) -> Verdict:
    """Hold a champion of the run against the control's, as in ``champions.json``.

    ``ours`` and ``theirs`` are what the best champions earned life by life; where they
    lived the same lives, these are paired.
    """
    reason = why_other_lives(ours, theirs)
    if champion["held_out"] is None or control["held_out"] is None:
        reason = reason or "nothing was held out, or not every life is finite"
    if ours and theirs and not reason:
        found = paired(ours.returns[0], theirs.returns[0])
    else:
        found = of_moments(*(_moments(row) for row in (champion, control)))
    return Verdict(
        claim,
        outcome_of(found),
        found.mean,
        found.p,
        found.interval,
        found.improvement,
        found.test,
        reason,
    )


def outcome_of(found: Difference) -> Outcome:
    """What a difference says of the claim that A is better."""
    if not found.p < LEVEL:
        return "undecided"
    return "holds" if found.mean > 0 else "fails"


def sentence(verdict: Verdict) -> str:
    """The evidence in words."""
    low, high = verdict.interval
    words = (
        f"{verdict.difference:+.4g} over the control (95% interval {low:+.4g} to "
        f"{high:+.4g}), p = {verdict.p:.2g}, "
    )
    if verdict.test == "paired":
        return f"{words}paired by life"
    return f"{words}not paired: {verdict.reason}"


def _moments(row: Mapping[str, Any]) -> tuple[float, float, int]:
    mean, deviation = (
        float("nan") if row[key] is None else float(row[key])
        for key in ("held_out", "deviation")
    )
    return mean, deviation, int(row["lives"])
