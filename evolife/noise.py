"""Normal numbers by the row from counters, for a few integer operations each.

An evolution strategy draws more numbers than anything else does, and what it needs of
them are moments. The sum of the four bytes of a random word, put through an odd
polynomial of degree 7, takes 1,021 values symmetric about 0, whose moments are those of
the normal distribution up to the ninth: 0, 1, 0, 3, 0, 15, 0, 105, 0. (Sums of uniform
numbers through a polynomial: Teichroew, in Knuth, TAOCP 2, section 3.4.1.)
"""

import jax
import jax.numpy as jnp
import numpy as np

from evolife.base import Array, Key
from evolife.keys import pcg4d

_ROW = 0x7F4A7C15
"""Keeps rows apart from what else a key is the source of."""
_MIDDLE = 510
"""Mean of the sum of four bytes."""
_DEVIATION = float(np.sqrt(4 * (256**2 - 1) / 12))
_COEFFICIENTS = (
    0.9554603274673490,
    0.0212804650917377,
    -0.0034112545144986,
    0.0004253939416556,
)
"""Of x, x^3, x^5 and x^7, from the moments 2, 4, 6 and 8 of the 1,021 values."""


def normal_row(key: Key, row: Array, length: int) -> Array:
    """``(length,)`` float32 normal numbers of ``row``, an int32 scalar.

    A function of the key, the row and the place in it; rows and places are independent.
    None is larger than ``LARGEST``.
    """
    first, second = jax.random.key_data(key)[:2]
    place = jnp.arange(length, dtype=jnp.uint32)
    row = jnp.asarray(row).astype(jnp.uint32)
    return _normal(pcg4d(first ^ jnp.uint32(_ROW), second, row, place)[0])


def _normal(word: Array) -> Array:
    """One normal number of each uint32."""
    pairs = jnp.uint32(0x00FF00FF)
    halves = (word & pairs) + ((word >> 8) & pairs)
    total = (halves & jnp.uint32(0xFFFF)) + (halves >> 16)
    x = (total.astype(jnp.int32) - _MIDDLE).astype(jnp.float32) * (1 / _DEVIATION)
    a, b, c, d = _COEFFICIENTS
    square = x * x
    return x * (a + square * (b + square * (c + square * d)))


def _largest() -> float:
    x = _MIDDLE / _DEVIATION
    return sum(c * x ** (2 * i + 1) for i, c in enumerate(_COEFFICIENTS))


LARGEST = _largest() * (1 + 1e-6)
"""No number drawn here is larger: a little below 5."""
