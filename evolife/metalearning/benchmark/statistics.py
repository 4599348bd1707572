"""Robust means, and intervals for them from few runs on many tasks.

Agarwal et al. 2021 ("Deep reinforcement learning at the edge of the statistical
precipice", the rliable library): interquartile means over tasks, intervals from a
bootstrap stratified by task, probability of improvement. Here a run is an operator,
one from each meta-seed, so its score on a family is its mean over drawn tasks. Scores
have shape ``(operators, ..., seeds)``, where the middle axes are strata: families, or
settings and families. A contender that is not learned has one "operator".
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import stats

LEVEL = 0.95
RESAMPLES = 2000


class Estimate(NamedTuple):
    """A number with its interval."""

    value: float
    low: float
    high: float


def iqm(values: np.ndarray, kept: int = 0) -> np.ndarray:
    """Interquartile mean, without the lowest and the highest quarter of the values.

    Of n values floor(n / 4) are left out at each end. The first ``kept`` axes stay, all
    others are taken together.
    """
    values = np.asarray(values, np.float64)
    return stats.trim_mean(values.reshape(*values.shape[:kept], -1), 0.25, axis=-1)


def resample(scores: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """``(resamples, operators drawn, ...)`` means over seeds of resampled scores.

    Seeds are drawn with replacement within each stratum, the same for all operators,
    which met the same tasks; operators are drawn with replacement for all strata at
    once (Owen 2007, "The pigeonhole bootstrap"). One fewer is drawn than there are,
    so that the variance of a mean comes out unbiased (Rao & Wu 1988), and a single
    operator is taken as it is. Equal seeds give equal draws whatever the scores are.
    """
    generator = np.random.default_rng(seed)
    operators, *strata, seeds = scores.shape
    chosen = generator.integers(0, operators, (resamples, max(1, operators - 1)))
    flat = scores.reshape(operators, -1, seeds)
    means = np.empty((*chosen.shape, flat.shape[1]))
    drawn = max(1, seeds - 1)
    for stratum in range(flat.shape[1]):
        counts = generator.multinomial(drawn, np.full(seeds, 1 / seeds), resamples)
        of_all = counts @ flat[:, stratum].T / drawn
        means[..., stratum] = np.take_along_axis(of_all, chosen, axis=1)
    return means.reshape(*chosen.shape, *strata)


def percentiles(
    draws: np.ndarray, level: float = LEVEL
) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper bound from ``(resamples, ...)`` draws of a statistic."""
    tail = (1 - level) / 2
    low, high = np.quantile(draws, [tail, 1 - tail], axis=0)
    return low, high


def aggregate(
    scores: np.ndarray, seed: int = 0, level: float = LEVEL, resamples: int = RESAMPLES
) -> Estimate:
    """Interquartile mean over operators and strata of the means over seeds."""
    return _estimate(scores, iqm, seed, level, resamples)


def paired(
    ours: np.ndarray, theirs: np.ndarray, seed: int = 0, level: float = LEVEL
) -> Estimate:
    """As :func:`aggregate`, of ours minus theirs on the same task."""
    return aggregate(ours - theirs, seed, level)


def improvement(
    ours: np.ndarray, theirs: np.ndarray, seed: int = 0, level: float = LEVEL
) -> Estimate:
    """Chance that ours is lower on a drawn task of a drawn stratum; ties count half.

    Agarwal et al. 2021 compare every run of one with every run of the other; here both
    met the same tasks, and only what belongs together is compared.
    """
    wins = (ours < theirs) + 0.5 * (ours == theirs)
    return _estimate(wins, _mean, seed, level, RESAMPLES)


def by_family(
    ours: np.ndarray, theirs: np.ndarray, seed: int = 0, level: float = LEVEL
) -> list[Estimate]:
    """Mean of ours minus theirs, ``(operators, settings, families, seeds)`` each.

    One estimate for each family, over operators, settings and seeds. Every interval is
    for itself: with 13 families that differ in nothing, half of all such lists hold an
    interval that misses zero.
    """
    difference = ours - theirs
    values = difference.mean(axis=(0, 1, 3))
    draws = resample(difference, RESAMPLES, seed).mean(axis=(1, 2))
    bounds = zip(values, *percentiles(draws, level), strict=True)
    return [Estimate(*map(float, bound)) for bound in bounds]


def coverage(operators: int, level: float = LEVEL) -> float:
    """How often intervals would hold the truth if only operators varied, normally.

    Simulated with a thousand draws of so many operators: a bootstrap of few values
    cannot reach beyond them. 0 for a single one, of which nothing is known.
    """
    generator = np.random.default_rng(0)
    drawn = generator.normal(size=(operators, 1000, 1))
    low, high = percentiles(resample(drawn, 1000, 0).mean(axis=1), level)
    return float(np.mean((low < 0) & (high > 0)))


def _mean(values: np.ndarray, kept: int = 0) -> np.ndarray:
    return values.mean(axis=tuple(range(kept, values.ndim)))


def _estimate(
    scores: np.ndarray,
    statistic: Callable[..., np.ndarray],
    seed: int,
    level: float,
    resamples: int,
) -> Estimate:
    value = statistic(scores.mean(axis=-1))
    low, high = percentiles(statistic(resample(scores, resamples, seed), 1), level)
    return Estimate(float(value), float(low), float(high))
