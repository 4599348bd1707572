"""Draws without replacement: exact enumeration, and gradients against exact ones."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from evolife import keys
from evolife.errors import InvalidInput
from evolife.metalearning.tasks import sampling

pytestmark = pytest.mark.fast

KEY = keys.root_key(7)
LOGITS = jnp.array([0.3, -1.2, 1.1, 0.0])
PAIRS = np.array(list(itertools.permutations(range(4), 2)))
TABLE = jax.random.normal(jax.random.fold_in(KEY, 0), (4, 4))
ERROR = 1e-6


def pair_chances(logits) -> np.ndarray:
    """Plackett & Luce written out: p_i p_j / (1 - p_i)."""
    p = np.exp(np.asarray(logits, np.float64))
    p /= p.sum()
    return np.array([p[i] * p[j] / (1 - p[i]) for i, j in PAIRS])


def test_pairs_come_as_often_as_plackett_and_luce_say():
    """A chi-square test of 50,000 draws; it fails by chance once in a million."""
    draws = 50_000
    order = jax.vmap(lambda k: sampling.sample(k, LOGITS, 2))
    found = np.asarray(order(jax.random.split(KEY, draws)))
    counts = [(found == pair).all(axis=1).sum() for pair in PAIRS]
    assert sum(counts) == draws, "no candidate twice"
    statistic, _ = stats.chisquare(counts, draws * pair_chances(LOGITS))
    assert statistic < stats.chi2.isf(ERROR, len(PAIRS) - 1)


@pytest.mark.parametrize("shift", [0.0, 300.0])
def test_log_probabilities_are_plackett_and_luce_s(shift):
    logs = jax.vmap(sampling.log_probability, (None, 0))(LOGITS + shift, PAIRS)
    np.testing.assert_allclose(jnp.exp(logs), pair_chances(LOGITS), rtol=1e-4)
    assert float(jnp.sum(jnp.exp(logs))) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("count", [1, 3, 4])
def test_log_probabilities_of_all_orders_sum_to_one(count):
    orders = np.array(list(itertools.permutations(range(4), count)))
    logs = jax.vmap(sampling.log_probability, (None, 0))(LOGITS, orders)
    assert float(jnp.sum(jnp.exp(logs))) == pytest.approx(1, abs=1e-5)


def test_the_most_likely_first_is_the_largest():
    np.testing.assert_array_equal(sampling.largest(LOGITS, 3), [2, 0, 3])


def loss(logits, order):
    """Depends on the draw, and on the logits themselves."""
    return TABLE[order[0], order[1]] + jnp.tanh(logits[order[1]])


def test_the_score_function_is_unbiased():
    """20,000 estimates of three draws against the enumerated gradient; one of four
    coordinates fails by chance once in a million. A baseline that counts a draw itself
    would make the part through the draws a third too small, which would be seen."""
    draws, trials = 3, 20_000

    def expected(logits):
        logs = jax.vmap(sampling.log_probability, (None, 0))(logits, PAIRS)
        return jnp.exp(logs) @ jax.vmap(loss, (None, 0))(logits, PAIRS)

    def through(logits):
        logs = jax.vmap(sampling.log_probability, (None, 0))(logits, PAIRS)
        return jnp.exp(logs) @ jax.vmap(loss, (None, 0))(LOGITS, PAIRS)

    def estimate(key):
        def surrogate(logits):
            def one(key):
                order = sampling.sample(key, LOGITS, 2)
                return loss(logits, order), sampling.log_probability(logits, order)

            return sampling.score_function(*jax.vmap(one)(jax.random.split(key, draws)))

        return jax.grad(surrogate)(LOGITS)

    found = jax.jit(jax.vmap(estimate))(jax.random.split(KEY, trials))
    found = np.asarray(found, np.float64)
    reach = stats.norm.isf(ERROR / 8) * found.std(axis=0, ddof=1) / np.sqrt(trials)
    assert (np.abs(found.mean(axis=0) - jax.grad(expected)(LOGITS)) < reach).all()
    assert (np.abs(jax.grad(through)(LOGITS)) / draws > reach).any()


@pytest.mark.parametrize("count", [1, 3])
def test_a_straight_mask_is_hard_in_value_and_relaxed_in_gradient(count):
    values, towards = jax.random.normal(jax.random.fold_in(KEY, 1), (2, 50, 5))

    def summed(mask):
        return lambda v, t: mask(v, count, 0.7) @ t

    masks = jax.vmap(lambda v: sampling.straight_through_mask(v, count, 0.7))(values)
    places = np.argsort(-values, axis=1)[:, :count]
    hard = np.zeros((50, 5), np.float32)
    np.put_along_axis(hard, places, 1, axis=1)
    np.testing.assert_array_equal(masks, hard)
    straight = jax.vmap(jax.grad(summed(sampling.straight_through_mask)))
    relaxed = jax.vmap(jax.grad(summed(sampling.relaxed_mask)))
    slopes = relaxed(values, towards)
    np.testing.assert_allclose(straight(values, towards), slopes, rtol=1e-5, atol=1e-7)
    assert np.abs(slopes).max() > 0.01


def test_a_relaxed_mask_is_a_softmax_of_one_and_hard_in_the_cold():
    values = jax.random.normal(jax.random.fold_in(KEY, 2), (9,))
    soft = jax.nn.softmax(values / 0.5)
    np.testing.assert_allclose(sampling.relaxed_mask(values, 1, 0.5), soft, rtol=1e-5)
    for count in (1, 4, 9):
        mask = sampling.relaxed_mask(values, count, 1.0)
        assert float(mask.sum()) == pytest.approx(count, rel=1e-5)
    cold = sampling.relaxed_mask(values, 4, 0.005)
    hard = sampling.straight_through_mask(values, 4, 1.0)
    np.testing.assert_allclose(cold, hard, atol=1e-3)


def test_a_relaxed_gradient_is_that_of_finite_differences():
    values = jnp.array([0.5, -0.3, 1.2, 0.1])
    towards = jnp.array([1.0, -2.0, 0.5, 0.3])
    slope = jax.grad(lambda v: sampling.relaxed_mask(v, 2, 0.8) @ towards)(values)
    for place, step in enumerate(0.01 * np.eye(4)):
        up, down = (
            sampling.relaxed_mask(values + s * step, 2, 0.8) @ towards for s in (1, -1)
        )
        assert float(slope[place]) == pytest.approx(float(up - down) / 0.02, abs=1e-3)


@pytest.mark.parametrize(("count", "nearest"), [(0, 1), (5, 4)])
def test_more_than_all_or_less_than_one_are_refused(count, nearest):
    for draw in (
        lambda: sampling.sample(KEY, LOGITS, count),
        lambda: sampling.relaxed_mask(LOGITS, count, 1.0),
    ):
        with pytest.raises(
            InvalidInput, match=rf"count = {count}.*nearest is {nearest}"
        ):
            draw()


def test_one_draw_has_nothing_to_be_compared_with():
    with pytest.raises(InvalidInput, match=r"samples = 1.*at least 2"):
        sampling.score_function(jnp.ones(1), jnp.ones(1))
