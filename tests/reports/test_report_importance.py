"""Shares of variance against hand-worked analyses, SciPy and chance."""

import math

import numpy as np
import pytest
from scipy import stats

from evolife.reports.importance import analysis, importance


def test_the_shares_of_a_hand_worked_analysis() -> None:
    # Means 2, 4, 9 around 5: between 3 (9 + 1 + 16) = 78, within 6, noise 6 / 6 = 1.
    scores = np.array([1.0, 2, 3, 3, 4, 5, 8, 9, 10])
    found = importance([*"aaabbbccc"], scores)
    assert found["share"] == pytest.approx(78 / 84)
    assert found["adjusted"] == pytest.approx((78 - 2 * 1) / (84 + 1))
    assert found["chance"] == pytest.approx(2 / 8)
    # With two degrees of freedom above, F = 39 has a tail in closed form.
    assert found["p"] == pytest.approx((1 + 2 * 39 / 6) ** -3)
    assert (found["runs"], found["levels"], found["binned"], found["reason"]) == (
        9,
        3,
        False,
        "",
    )


def test_p_is_that_of_scipy_for_unequal_groups() -> None:
    rng = np.random.default_rng(0)
    levels = np.array([0] * 5 + [1] * 9 + [2] * 4)
    scores = rng.normal(size=18) + 0.8 * (levels == 1)
    other = stats.f_oneway(*(scores[levels == level] for level in range(3)))
    assert analysis(levels, scores)[2] == pytest.approx(float(other.pvalue))


def test_a_parameter_without_effect_gets_what_chance_gives() -> None:
    rng = np.random.default_rng(1)
    levels = np.repeat(np.arange(4), 4)
    found = np.array([analysis(levels, rng.normal(size=16)) for _ in range(4000)])
    share, adjusted, p = found.mean(axis=0)
    # Five standard errors of the means: wrong once in a million.
    errors = 5 * found.std(axis=0) / math.sqrt(4000)
    assert abs(share - 3 / 15) < errors[0]
    # Omega squared is a ratio of unbiased sums, and itself only nearly unbiased.
    assert abs(adjusted) < errors[1] + 0.02
    assert abs(p - 0.5) < errors[2]


def test_too_few_runs_are_said() -> None:
    few = importance(["a", "a", "b", "b"], np.array([1.0, 2, 3, 4]))
    assert "share" not in few and few["reason"] == "not enough runs: 4 for 2 values"
    lone = importance([*"abcdefgh"], np.arange(8.0))
    assert "share" not in lone and "8 for 8" in lone["reason"]
    same = importance([*"aaabbb"], np.ones(6))
    assert "share" not in same and same["reason"] == "all runs score the same"


def test_many_numbers_are_put_into_bins_of_equal_rank() -> None:
    rng = np.random.default_rng(2)
    values = list(10 ** rng.uniform(-3, 0, 40))
    rising = importance(values, np.log10(values))
    assert rising["binned"] and rising["levels"] == 4
    ranks = stats.rankdata(values, "ordinal") - 1
    expected = analysis((ranks // 10).astype(int), np.log10(values))
    assert (rising["share"], rising["adjusted"], rising["p"]) == pytest.approx(expected)
    # A bow that a straight line would miss.
    bow = importance(values, np.abs(np.log10(values) + 1.5))
    assert bow["share"] > 0.5
    few = importance([1, 1.0, 2, 2.0] * 5, np.arange(20.0))
    assert not few["binned"] and few["levels"] == 2


def test_one_and_true_are_two_values() -> None:
    found = importance([1, True] * 4, np.arange(8.0))
    assert found["levels"] == 2
