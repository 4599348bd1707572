"""Sums whose bits do not depend on who adds what first: integers in place of floats.

A float32 array whose sum over everything is known not to exceed ``limit`` is scaled by
a power of two and cut into two int32 words, 30 bits above the point and 30 below. Sums
of integers are exact, so pieces can be added in any order and on any rank. What is cut
off is 2^-59 of the limit; a float32 number keeps 2^-24 of itself. (Numbers below
2^-126, which processors round to 0 in vectors, count as 0.)
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from evolife.base import Array

_HIGH, _LOW = 29, 30
"""Bits of the limit, so that twice of it fits an int32; and bits below the point."""


class Words(NamedTuple):
    """``high + low / 2^30``, with ``0 <= low < 2^30``; both are int32."""

    high: Array
    low: Array


def exponent(limit: float) -> int:
    """The power of two that brings all up to ``limit``, finite and >= 0, to range."""
    return _HIGH - math.frexp(limit)[1] if limit > 0 else 0


def nothing(shape: tuple[int, ...]) -> Words:
    """The words of zeros."""
    return Words(jnp.zeros(shape, jnp.int32), jnp.zeros(shape, jnp.int32))


def add(total: Words, numbers: Array, power: Array) -> Words:
    """Add float32 ``numbers`` times ``2^power`` to a total; exact, traced."""
    # In two factors, since either alone may leave the range of float32.
    half = power // 2
    scaled = numbers * _power_of_two(half) * _power_of_two(power - half)
    whole = jnp.floor(scaled)
    part = jnp.floor((scaled - whole) * 2.0**_LOW).astype(jnp.int32)
    low = total.low + part
    high = total.high + whole.astype(jnp.int32) + (low >> _LOW)
    return Words(high, low & (2**_LOW - 1))


def _power_of_two(power: Array) -> Array:
    """``2^power`` by its bits: XLA's own power is not exact."""
    bits = (power.astype(jnp.int32) + 127) << 23
    return jax.lax.bitcast_convert_type(bits, jnp.float32)


def integers(total: Words) -> np.ndarray:
    """The int64 numbers that ranks add; 59 bits hold the limit."""
    high, low = (np.asarray(word, np.int64) for word in jax.device_get(total))
    return (high << _LOW) + low


def floats(total: np.ndarray, power: int) -> Any:
    """Added integers as float32 numbers, rounded once."""
    return np.ldexp(total.astype(np.float64), -power - _LOW).astype(np.float32)
