"""Fixed-point sums: exact in any order, and finer than float32."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolife.engine import fixed_point

pytestmark = pytest.mark.fast

add = jax.jit(fixed_point.add)
SIZE = 7


def numbers_of(seed: int, pieces: int, scale: float = 1.0) -> np.ndarray:
    """Of very unlike magnitude, and of both signs."""
    rng = np.random.default_rng(seed)
    drawn = rng.normal(size=(pieces, SIZE)) * 10.0 ** rng.integers(-6, 1, (pieces, 1))
    return (scale * drawn).astype(np.float32)


def summed(numbers, power) -> np.ndarray:
    total = fixed_point.nothing((SIZE,))
    for row in numbers:
        total = add(total, row, jnp.int32(power))
    return fixed_point.integers(total)


def limit_of(numbers) -> float:
    return float(np.abs(numbers.astype(np.float64)).sum(0).max())


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    pieces=st.integers(1, 12),
    exponent=st.integers(-25, 37),
    data=st.data(),
)
def test_order_and_splits_change_no_bit(seed, pieces, exponent, data):
    numbers = numbers_of(seed, pieces, 10.0**exponent / pieces)
    power = fixed_point.exponent(limit_of(numbers))
    whole = summed(numbers, power)
    order = data.draw(st.permutations(range(pieces)))
    cuts = sorted(data.draw(st.lists(st.integers(0, pieces), max_size=4)))
    parts = np.split(numbers[list(order)], cuts)
    shared = sum(summed(part, power) for part in parts)
    assert (shared == whole).all()
    found = fixed_point.floats(whole, power).astype(np.float64)
    wanted = numbers.astype(np.float64).sum(0)
    # Rounded to float32 once, and cut at 2^-59 of the limit for each piece.
    room = 2.0**-24 * np.abs(wanted) + pieces * 2.0**-58 * limit_of(numbers)
    assert (np.abs(found - wanted) <= room + 1e-45).all()


def test_what_cancels_is_exact():
    """In float32 the small number is lost beside the large one."""
    large, small = np.full(SIZE, 1e7, np.float32), np.full(SIZE, 1e-3, np.float32)
    numbers = np.stack([large, small, -large])
    assert (numbers.sum(0) != small).any() or float(1e7 + 1e-3 - 1e7) != 1e-3
    power = fixed_point.exponent(limit_of(numbers))
    found = fixed_point.floats(summed(numbers, power), power)
    np.testing.assert_allclose(found, small, rtol=2e-7)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("limit", [1e-30, 0.75, 1.0, 3.0, 2.0**31, 1e38])
def test_a_sum_as_large_as_the_limit_does_not_overflow(limit, sign):
    """The largest sums there can be, of one piece and of 256, keep their sign."""
    power = fixed_point.exponent(limit)
    whole = np.float32(sign * limit)
    for pieces in (1, 256):
        part = np.full((pieces, SIZE), whole / pieces, np.float32)
        found = fixed_point.floats(summed(part, power), power)
        exact = part.astype(np.float64).sum(0)
        np.testing.assert_allclose(found, exact, rtol=1e-6)
    assert abs(int(summed(whole[None] * np.ones((1, SIZE)), power)[0])) <= 2**60


def test_no_weight_at_all_sums_to_zero():
    assert fixed_point.exponent(0.0) == 0
    assert (summed(np.zeros((3, SIZE), np.float32), 0) == 0).all()


def test_the_power_is_the_largest_that_leaves_the_limit_in_range():
    for limit in (1e-12, 0.3, 1.0, 5e6):
        power = fixed_point.exponent(limit)
        assert 2.0**28 <= math.ldexp(limit, power) <= 2.0**29
