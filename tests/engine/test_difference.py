"""Differences, intervals and chances are those of the textbook, and cover the truth."""

import numpy as np
import pytest
from scipy import stats

from evolife.engine.difference import of_moments, paired, proportion_interval, unpaired

pytestmark = pytest.mark.fast


def sample(seed, size=40, shift=0.0, scale=1.0):
    return np.random.default_rng(seed).normal(shift, scale, size)


def test_pairs_are_tested_by_their_differences():
    luck = sample(0, scale=5.0)
    a, b = luck + sample(1, shift=1.0), luck + sample(2)
    found, reference = paired(a, b), stats.ttest_rel(a, b)
    ends = reference.confidence_interval(0.95)
    assert found.mean == pytest.approx(a.mean() - b.mean())
    assert found.p == pytest.approx(reference.pvalue)
    assert found.interval == pytest.approx((ends.low, ends.high))
    assert found.correlation == pytest.approx(stats.pearsonr(a, b).statistic)
    assert found.improvement == np.mean(a > b) and found.test == "paired"
    assert found.p < 0.01 * unpaired(a, b).p, "what both share cancels"


def test_samples_without_pairs_are_welch_s_and_mann_and_whitney_s():
    a, b = sample(0, 30, 0.5, 3.0), sample(1, 12)
    found = unpaired(a, b)
    reference = stats.ttest_ind(a, b, equal_var=False)
    ends = reference.confidence_interval(0.95)
    assert found.p == pytest.approx(reference.pvalue)
    assert found.interval == pytest.approx((ends.low, ends.high))
    assert found.improvement == np.mean(a[:, None] > b)
    moments = [(x.mean(), x.std(ddof=1), len(x)) for x in (a, b)]
    assert of_moments(*moments).interval == pytest.approx(found.interval)
    assert np.isnan(of_moments(*moments).improvement)


@pytest.mark.parametrize("test", [paired, unpaired])
def test_the_contestants_can_be_swapped(test):
    a, b = np.round(sample(3)), np.round(sample(4, shift=0.3))
    one, other = test(a, b), test(b, a)
    assert one.mean == pytest.approx(-other.mean) and one.p == pytest.approx(other.p)
    assert one.interval == pytest.approx(tuple(-end for end in other.interval[::-1]))
    assert one.improvement + other.improvement == pytest.approx(1), "ties count half"
    swapped = [1 - end for end in other.improvement_interval[::-1]]
    assert one.improvement_interval == pytest.approx(swapped)


@pytest.mark.parametrize("test", [paired, unpaired])
def test_intervals_cover_the_truth_as_often_as_they_say(test):
    """The bounds on the counts are exceeded with chance 1e-6."""
    rng, trials, truth = np.random.default_rng(0), 300, 0.5
    better = stats.norm.cdf(truth / np.sqrt(2))
    covered, held = 0, 0
    for _ in range(trials):
        found = test(rng.normal(truth, 1, 16), rng.normal(0, 1, 16))
        covered += found.interval[0] <= truth <= found.interval[1]
        low, high = found.improvement_interval
        held += low <= better <= high
    least, most = stats.binom.ppf([1e-6, 1 - 1e-6], trials, 0.95)
    assert least <= covered <= most
    assert held >= least, "that of the share is exact or wider"


@pytest.mark.parametrize("hits", [0, 3, 7, 10])
def test_the_interval_of_a_share_is_clopper_and_pearson_s(hits):
    exact = stats.binomtest(hits, 10).proportion_ci(0.95, "exact")
    assert proportion_interval(hits / 10, 10) == pytest.approx((exact.low, exact.high))


def test_differences_that_happen_not_to_vary_prove_little():
    """Two lives of whole numbers often differ by the same."""
    a = np.array([3.0, 5.0])
    assert paired(a, a - 1).p == 0.5
    assert paired(np.arange(20.0), np.arange(20.0) - 1).p < 1e-5
    assert paired(a, a).p == 1.0 and paired(a, a).improvement == 0.5
    alike = np.ones(3)
    assert paired(2 * alike, alike).p == 0.0, "nothing is left to chance"
    assert unpaired(alike, alike).p == 1.0


@pytest.mark.parametrize("test", [paired, unpaired])
def test_scores_that_are_not_finite_tell_nothing(test):
    found = test(np.array([1.0, np.nan, 2.0]), sample(0, 3))
    told = (found.mean, found.p, *found.interval, found.improvement)
    assert np.isnan(told).all()
