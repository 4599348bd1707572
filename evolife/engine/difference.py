"""How far two sets of scores are apart: difference, interval, chance of being better.

Pairs are scores of two contestants under the same luck: on the same life, or of runs
with the same seed. What both share cancels in their difference, so pairs tell apart
what the spread of the scores themselves would hide.
"""

import dataclasses
import math
from typing import Literal

import numpy as np

CONFIDENCE = 0.95
"""Of every interval."""


@dataclasses.dataclass(frozen=True)
class Difference:
    """Scores of A less those of B; NaN stands for what cannot be told."""

    mean: float
    """Mean of A's scores less that of B's."""
    interval: tuple[float, float]
    """95% confidence interval of ``mean``."""
    p: float
    """Two-sided chance of so large a difference between equals."""
    test: Literal["paired", "unpaired"]
    """Student's t test of the pairs' differences, or Welch's of two samples."""
    count: tuple[int, int]
    """Scores of A and of B; of pairs there are as many."""
    improvement: float = math.nan
    """Probability of improvement: that a score of A is above one of B, ties as half."""
    improvement_interval: tuple[float, float] = (math.nan, math.nan)
    """95% confidence interval of ``improvement``."""
    correlation: float = math.nan
    """Of the pairs; NaN without pairs, or where one side does not vary."""


def paired(a: np.ndarray, b: np.ndarray) -> Difference:
    """Compare ``(n,)`` scores with the ``(n,)`` that shared their luck, n >= 2."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    count = len(a), len(b)
    if not _finite(a, b):
        return Difference(math.nan, _UNKNOWN, math.nan, "paired", count)
    gaps = a - b
    wins = float(np.mean((gaps > 0) + 0.5 * (gaps == 0)))
    mean, interval, p = _student(a, b, gaps)
    better = wins, proportion_interval(wins, len(gaps))
    return Difference(mean, interval, p, "paired", count, *better, _correlation(a, b))


def unpaired(a: np.ndarray, b: np.ndarray) -> Difference:
    """Compare ``(n,)`` scores with ``(m,)`` independent ones, both at least 2."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if not _finite(a, b):
        count = len(a), len(b)
        return Difference(math.nan, _UNKNOWN, math.nan, "unpaired", count)
    found = of_moments(_moments(a), _moments(b))
    from scipy import stats

    wins = float(stats.mannwhitneyu(a, b).statistic) / (len(a) * len(b))
    # The variance of this share is at most p (1 - p) / min(n, m).
    better = proportion_interval(wins, min(len(a), len(b)))
    return dataclasses.replace(found, improvement=wins, improvement_interval=better)


def of_moments(a: tuple[float, float, int], b: tuple[float, float, int]) -> Difference:
    """The same from (mean, standard deviation, count), without any single score."""
    mean, count = a[0] - b[0], (a[2], b[2])
    if not all(map(math.isfinite, (*a, *b))):
        return Difference(mean, _UNKNOWN, math.nan, "unpaired", count)
    if a[1] == b[1] == 0:
        p = 0.0 if mean else 1.0
        return Difference(mean, (mean, mean), p, "unpaired", count)
    # Half a second to import, so only where it is needed.
    from scipy import stats

    parts = [deviation**2 / number for _, deviation, number in (a, b)]
    error = math.sqrt(sum(parts))
    free = sum(parts) ** 2 / sum(
        part**2 / (number - 1)
        for part, (_, _, number) in zip(parts, (a, b), strict=True)
    )
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, free)) * error
    p = float(stats.ttest_ind_from_stats(*a, *b, equal_var=False).pvalue)
    return Difference(mean, (mean - reach, mean + reach), p, "unpaired", count)


def proportion_interval(share: float, count: int) -> tuple[float, float]:
    """Clopper and Pearson's interval of a share of ``count``; halves may be ties."""
    from scipy import stats

    tail, hits = (1 - CONFIDENCE) / 2, share * count
    low = stats.beta.ppf(tail, hits, count - hits + 1) if hits > 0 else 0.0
    high = stats.beta.ppf(1 - tail, hits + 1, count - hits) if hits < count else 1.0
    return float(low), float(high)


def _student(
    a: np.ndarray, b: np.ndarray, gaps: np.ndarray
) -> tuple[float, tuple[float, float], float]:
    """Mean, interval and p of the pairs' differences."""
    if np.ptp(gaps) == 0:
        mean = float(gaps[0])
        # Scores that vary while their differences happen not to: n fair coins that
        # fall alike. Scores that never vary leave nothing to chance.
        chance = 0.0 if np.ptp(a) == 0 else 2.0 ** (1 - len(gaps))
        return mean, (mean, mean), chance if mean else 1.0
    from scipy import stats

    test = stats.ttest_1samp(gaps, 0.0)
    ends = test.confidence_interval(CONFIDENCE)
    return float(gaps.mean()), (float(ends.low), float(ends.high)), float(test.pvalue)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return math.nan
    return float(np.corrcoef(a, b)[0, 1])


def _moments(scores: np.ndarray) -> tuple[float, float, int]:
    deviation = float(scores.std(ddof=1)) if np.ptp(scores) else 0.0
    return float(scores.mean()), deviation, len(scores)


def _finite(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.isfinite(a).all() and np.isfinite(b).all())


_UNKNOWN = (math.nan, math.nan)
