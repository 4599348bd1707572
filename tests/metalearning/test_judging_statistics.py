"""Robust means and bootstrap intervals: closed forms, enumeration, and coverage."""

import numpy as np
import pytest
from scipy import stats

from evolife.metalearning.benchmark import statistics
from evolife.metalearning.benchmark.statistics import (
    aggregate,
    by_family,
    coverage,
    improvement,
    iqm,
    paired,
    percentiles,
    resample,
)

FAR = 4.5
"""Standard errors; a normal number is farther off in 7 of a million cases."""


def normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def test_the_interquartile_mean_is_that_of_the_middle_half():
    assert iqm(np.array([-100.0, 1, 2, 3, 4, 5, 6, 1e9])) == (2 + 3 + 4 + 5) / 4
    assert iqm(np.array([7.0])) == 7


@pytest.mark.parametrize("size", [2, 3, 4, 13, 65])
def test_it_is_the_mean_without_a_quarter_at_each_end(size):
    values = normal(size, 4, size) ** 3
    expected = np.sort(values)[:, size // 4 : size - size // 4].mean(axis=1)
    np.testing.assert_allclose(iqm(values, kept=1), expected, rtol=1e-12)
    every = np.sort(values, axis=None)[size : 3 * size].mean()
    np.testing.assert_allclose(iqm(values), every, rtol=1e-12)
    split = values.reshape(4, 1, size)
    np.testing.assert_allclose(iqm(split, kept=1), expected, rtol=1e-12)


def test_two_of_three_seeds_are_drawn_in_all_nine_ways():
    scores = np.array([0.0, 1.0, 10.0]).reshape(1, 1, 3)
    drawn = resample(scores, 9000, 0).ravel()
    chances = {0: 1, 0.5: 2, 5: 2, 1: 1, 5.5: 2, 10: 1}
    for mean, ways in chances.items():
        error = np.sqrt(9000 * ways / 9 * (1 - ways / 9))
        assert abs(np.sum(drawn == mean) - 9000 * ways / 9) < FAR * error
    assert set(drawn) == set(chances)


@pytest.mark.parametrize("shape", [(1, 1, 6), (6, 1, 1)])
def test_the_variance_of_a_mean_is_the_unbiased_one(shape):
    scores = normal(1, 6).reshape(shape)
    count = 40_000
    drawn = resample(scores, count, 0).mean(axis=(1, 2))
    # The variance of so many nearly normal draws is known to sqrt(2 / draws) of itself.
    wanted = scores.var(ddof=1) / 6
    assert drawn.var() == pytest.approx(wanted, rel=FAR * np.sqrt(2 / count))
    assert drawn.mean() == pytest.approx(scores.mean(), abs=FAR * drawn.std() / 200)


def test_operators_are_drawn_for_all_strata_and_seeds_for_all_operators():
    of_operators = np.broadcast_to(normal(2, 4, 1, 1), (4, 5, 7))
    drawn = resample(of_operators, 50, 0)
    np.testing.assert_allclose(drawn, np.broadcast_to(drawn[..., :1], drawn.shape))
    assert len(np.unique(drawn.mean(axis=(1, 2)))) > 10
    of_seeds = np.broadcast_to(normal(3, 1, 5, 7), (4, 5, 7))
    drawn = resample(of_seeds, 50, 0)
    np.testing.assert_allclose(drawn, np.broadcast_to(drawn[:, :1], drawn.shape))
    assert not np.allclose(drawn[:, 0, 0], drawn[:, 0, 1])


def test_equal_seeds_give_equal_draws():
    scores = normal(4, 2, 3, 8)
    assert (resample(scores, 20, 5) == resample(scores, 20, 5)).all()
    assert not (resample(scores, 20, 5) == resample(scores, 20, 6)).all()
    np.testing.assert_allclose(
        resample(3 * scores + 1, 20, 5), 3 * resample(scores, 20, 5) + 1
    )


def test_intervals_of_many_normal_values_are_those_of_the_mean():
    scores = normal(5, 1, 1, 400)
    value, low, high = aggregate(scores)
    reach = stats.norm.ppf(0.975) * scores.std(ddof=1) / 20
    assert value == pytest.approx(scores.mean())
    # The quantile at 2.5% of 2000 draws has a standard error of 0.06 deviations.
    near = FAR * 0.06 * scores.std() / 20
    assert (low, high) == pytest.approx((value - reach, value + reach), abs=near)


def test_intervals_of_interquartile_means_hold_the_truth_as_often_as_they_say():
    """With 56 degrees of freedom in 94.5% of cases; 700 tries tell that to 4%."""
    tries, seeds = 700, 15
    centres = 100.0 * np.arange(8)[:, None]
    noise = normal(6, tries, 1, 8, seeds)
    held = 0
    for one in noise:
        _, low, high = aggregate(centres + one, resamples=400)
        held += low < centres[2:6].mean() < high
    assert abs(held / tries - 0.945) < FAR * np.sqrt(0.945 * 0.055 / tries)


def test_intervals_over_operators_hold_the_truth_at_least_as_often_as_is_said():
    """Noise of tasks on top only makes them safer; one-sided, 300 tries, 4.5 errors."""
    tries, operators = 300, 5
    scores = normal(7, tries, operators, 1, 1) + normal(8, tries, 1, 3, 10)
    scores = scores + normal(9, tries, operators, 3, 10)
    held = 0
    for one in scores:
        _, low, high = aggregate(one, resamples=400)
        held += low < 0 < high
    said = coverage(operators)
    assert held / tries > said - FAR * np.sqrt(said * (1 - said) / tries)


def test_what_few_operators_tell_is_said_honestly():
    """Of two or three the interval is their range, often without the truth."""
    error = FAR * np.sqrt(0.25 / 1000)
    assert coverage(1) == 0
    assert coverage(2) == pytest.approx(1 / 2, abs=error)
    assert coverage(3) == pytest.approx(3 / 4, abs=error)
    assert coverage(3) < coverage(10) < 0.95


def test_a_contender_is_no_better_than_itself():
    scores = normal(10, 3, 2, 5, 8)
    assert paired(scores, scores) == (0, 0, 0)
    assert improvement(scores, scores) == (0.5, 0.5, 0.5)
    assert by_family(scores, scores) == [(0, 0, 0)] * 5


def test_what_all_tasks_have_in_common_leaves_no_doubt():
    """Pairing: what makes tasks differ cancels, and a constant difference remains."""
    ours = 100 * normal(11, 1, 2, 4, 8)
    shift = np.array([-2.0, -1.0, 0.0, 3.0])[:, None]
    found = by_family(ours + shift, ours)
    for one, wanted in zip(found, shift.ravel(), strict=True):
        np.testing.assert_allclose(one, wanted, atol=1e-12)
    np.testing.assert_allclose(paired(ours + 1, ours), 1, atol=1e-12)


def test_a_family_is_judged_by_all_settings_and_operators():
    difference = normal(12, 3, 2, 4, 8)
    found = by_family(difference, np.zeros_like(difference))
    for family, (value, low, high) in enumerate(found):
        assert value == pytest.approx(difference[:, :, family].mean())
        assert low < value < high


def test_improvement_is_the_part_of_tasks_that_are_won():
    theirs = np.zeros((1, 2, 4))
    ours = np.array([[[-1.0, -1, -1, -1], [-1.0, 0, 1, 1]]])
    value, low, high = improvement(ours, theirs)
    assert value == (4 / 4 + 1.5 / 4) / 2
    assert 0.5 <= low < value < high <= 1


def test_intervals_leave_the_tails_they_say():
    draws = np.arange(1001.0)
    assert percentiles(draws) == pytest.approx((25, 975))
    assert percentiles(draws, 0.5) == pytest.approx((250, 750))
    assert statistics.LEVEL == 0.95
