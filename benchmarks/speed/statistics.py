"""Medians of ratios, and how sure they are."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_RESAMPLES = 10_000


class Spread(NamedTuple):
    """A median with what surrounds it."""

    median: float
    low: float
    """Smallest value seen."""
    high: float
    """Largest value seen."""
    interval: tuple[float, float]
    """95% bootstrap interval of the median."""


def spread(values: Sequence[float]) -> Spread:
    """Sum up one value a round; raises ``ValueError`` for none."""
    if not values:
        raise ValueError("no values")
    table = np.asarray(values, np.float64)
    picks = np.random.default_rng(0).integers(
        0, len(table), size=(_RESAMPLES, len(table))
    )
    medians = np.median(table[picks], axis=1)
    low, high = np.percentile(medians, [2.5, 97.5])
    return Spread(
        float(np.median(table)),
        float(table.min()),
        float(table.max()),
        (float(low), float(high)),
    )


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """One ratio a round, over the rounds that both ran."""
    return [a / b for a, b in zip(ours, theirs, strict=False)]
