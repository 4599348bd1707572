"""Rows of normal numbers have the moments they state, exactly, and are independent."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from evolife import keys, perturbations

pytestmark = pytest.mark.fast

KEY = keys.root_key(5)
ROWS, LENGTH = 4_000, 250


def values_and_chances():
    """All 1,021 values in float64, and how many words of 2^32 give each."""
    byte = np.full(256, 1.0)
    chances = np.convolve(np.convolve(byte, byte), np.convolve(byte, byte)) / 2**32
    # A word for each sum of its bytes.
    sums = np.arange(1021)
    bytes_ = np.stack([np.clip(sums - 255 * i, 0, 255) for i in range(4)])
    words = (bytes_ * 256 ** np.arange(4)[:, None]).sum(0).astype(np.uint32)
    return np.asarray(jax.jit(perturbations._normal)(words), np.float64), chances


@pytest.fixture(scope="module")
def drawn():
    rows = jnp.arange(ROWS)
    draw = jax.jit(jax.vmap(lambda row: perturbations.normal_row(KEY, row, LENGTH)))
    return np.asarray(draw(rows), np.float64)


@pytest.mark.parametrize(
    ("power", "moment"), [(1, 0), (2, 1), (3, 0), (4, 3), (5, 0), (6, 15), (8, 105)]
)
def test_moments_are_those_of_the_normal_distribution(power, moment):
    values, chances = values_and_chances()
    assert np.sum(chances) == pytest.approx(1)
    found = np.sum(chances * values**power)
    assert found == pytest.approx(moment, rel=2e-6, abs=2e-6)


def test_values_rise_and_none_is_larger_than_the_bound():
    values, chances = values_and_chances()
    assert (np.diff(values) > 0).all()
    np.testing.assert_allclose(values, -values[::-1], rtol=1e-6, atol=1e-7)
    assert values[-1] <= perturbations.LARGEST < values[-1] * (1 + 1e-5)
    middle = np.cumsum(chances) - chances / 2
    assert np.abs(middle - scipy.stats.norm.cdf(values)).max() < 1e-3


def test_places_and_rows_are_independent(drawn):
    """Bounds are 6 standard errors."""
    assert abs(drawn.mean()) < 6 / np.sqrt(drawn.size)
    bound = 6 / np.sqrt(ROWS)
    places = np.corrcoef(drawn.T) - np.eye(LENGTH)
    assert np.abs(places).max() < bound
    rows = np.corrcoef(drawn[:500]) - np.eye(500)
    assert np.abs(rows).max() < 6 / np.sqrt(LENGTH)
    squares = np.corrcoef(drawn.T**2) - np.eye(LENGTH)
    assert np.abs(squares).max() < 2 * bound
    assert len(np.unique(drawn, axis=0)) == ROWS


def test_a_row_is_a_function_of_key_row_and_place(drawn):
    draw = jax.jit(perturbations.normal_row, static_argnums=2)
    for row in (0, 7, ROWS - 1):
        longer = np.asarray(draw(KEY, row, LENGTH + 9), np.float64)
        np.testing.assert_allclose(longer[:LENGTH], drawn[row], rtol=1e-6, atol=1e-7)
    other = draw(keys.root_key(6), 7, LENGTH)
    assert abs(np.corrcoef(other, drawn[7])[0, 1]) < 6 / np.sqrt(LENGTH)


def test_rows_do_not_repeat_what_the_generator_draws(drawn):
    """Were they words of one stream, a member would resemble a life's luck."""
    bits = np.asarray(jax.random.normal(KEY, (LENGTH,)))
    folded = [jax.random.normal(jax.random.fold_in(KEY, i), (LENGTH,)) for i in (0, 1)]
    for stream in (bits, *folded):
        for row in drawn[:3]:
            assert abs(np.corrcoef(stream, row)[0, 1]) < 6 / np.sqrt(LENGTH)
