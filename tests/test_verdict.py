"""A claim holds or fails only on evidence, and chance rarely makes it do either."""

import numpy as np
import pytest
from scipy import stats

from evolife.verdict import LEVEL, compare


def row(mean: float, deviation: float = 1.0, lives: int = 100) -> dict:
    return {"held_out": mean, "deviation": deviation, "lives": lives}


def measured(scores: np.ndarray) -> dict:
    return row(float(scores.mean()), float(scores.std(ddof=1)), len(scores))


def test_a_clear_difference_holds_and_its_reverse_fails():
    verdict = compare(row(2.0), row(1.0), "better")
    assert (verdict.outcome, verdict.claim) == ("holds", "better")
    assert verdict.difference == pytest.approx(1.0)
    reverse = compare(row(1.0), row(2.0), "better")
    assert reverse.outcome == "fails"
    assert (reverse.difference, reverse.p) == (-verdict.difference, verdict.p)


def test_a_difference_within_the_noise_is_undecided():
    for difference in (0.0, 0.1, -0.1):
        verdict = compare(row(1 + difference), row(1.0), "")
        assert verdict.outcome == "undecided" and verdict.p > LEVEL
    assert compare(row(1.3, lives=10), row(1.0, lives=10), "").outcome == "undecided"
    assert compare(row(1.3, lives=1000), row(1.0, lives=1000), "").outcome == "holds"


def test_p_is_that_of_welch_on_the_scores_themselves():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.4, 3.0, 60), rng.normal(0.0, 0.5, 25)
    welch = stats.ttest_ind(a, b, equal_var=False)
    verdict = compare(measured(a), measured(b), "")
    assert verdict.p == pytest.approx(float(welch.pvalue), rel=1e-9)
    assert verdict.p != pytest.approx(float(stats.ttest_ind(a, b).pvalue), rel=0.05)


def test_scores_without_spread_are_compared_exactly():
    assert compare(row(2.0, 0.0), row(1.0, 0.0), "").outcome == "holds"
    assert compare(row(1.0, 0.0), row(2.0, 0.0), "").outcome == "fails"
    same = compare(row(1.0, 0.0), row(1.0, 0.0), "")
    assert (same.outcome, same.p) == ("undecided", 1.0)
    assert compare(row(2.0, 0.0), row(1.0, 1.0), "").outcome == "holds"


def test_scores_that_are_not_finite_decide_nothing():
    for bad in (row(np.nan), row(1.0, np.nan), row(np.inf, np.nan)):
        assert compare(bad, row(1.0), "").outcome == "undecided"
        assert compare(row(1.0), bad, "").outcome == "undecided"


def test_equal_champions_get_a_verdict_as_rarely_as_stated():
    """The bound on the count of wrong verdicts is exceeded with chance 1e-6."""
    rng = np.random.default_rng(1)
    trials, wrong = 4000, 0
    for _ in range(trials):
        a, b = rng.normal(0, 1.0, 40), rng.normal(0, 3.0, 20)
        wrong += compare(measured(a), measured(b), "").outcome != "undecided"
    low, high = stats.binom.ppf([1e-6, 1 - 1e-6], trials, LEVEL)
    assert low <= wrong <= high
