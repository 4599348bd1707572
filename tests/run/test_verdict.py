"""A claim holds or fails only on evidence, and chance rarely makes it do either."""

import numpy as np
import pytest
from scipy import stats

from evolife.run.verdict import LEVEL, compare, sentence
from evolife.storage.held_out import HeldOut


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


def lived(scores: np.ndarray, **lives) -> HeldOut:
    which = {"seed": 0, "env": {"name": "toy"}, "wrap": [], "steps": 5, **lives}
    returns = np.asarray(scores, np.float32)[None]
    return HeldOut(which, returns, np.zeros((1, 2), np.float32))


def test_lives_that_both_lived_are_paired():
    """What no mean and deviation can tell, the differences life by life do."""
    rng = np.random.default_rng(0)
    luck = rng.normal(0, 5.0, 64)
    a, b = luck + rng.normal(0.5, 1.0, 64), luck + rng.normal(0, 1.0, 64)
    rows, records = (measured(a), measured(b)), (lived(a), lived(b))
    verdict = compare(*rows, "better", *records)
    assert (verdict.outcome, verdict.test, verdict.reason) == ("holds", "paired", "")
    assert verdict.p == pytest.approx(float(stats.ttest_rel(a, b).pvalue), rel=1e-4)
    assert compare(*rows, "better").outcome == "undecided"
    assert "paired by life" in sentence(verdict)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"seed": 1}, "another seed"),
        ({"env": {"name": "toy", "delay": 3}, "steps": 6}, "another env and steps"),
        ({"wrap": [{"hide": 1}]}, "another wrap"),
    ],
)
def test_other_lives_are_not_paired_and_it_is_said(other, reason):
    a, b = np.random.default_rng(0).normal(size=(2, 30))
    rows = measured(a), measured(b)
    verdict = compare(*rows, "", lived(a), lived(b, **other))
    assert verdict.test == "unpaired" and reason in verdict.reason
    assert verdict.p == compare(*rows, "").p
    assert reason in sentence(verdict)
    fewer = compare(*rows, "", lived(a), lived(b[:20]))
    assert fewer.reason == "one lived 30 lives, the other 20"
    assert "not recorded" in compare(*rows, "", lived(a), None).reason
