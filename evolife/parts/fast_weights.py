"""A matrix as an associative memory: keys in, values out, written by the delta rule."""

import jax
import jax.numpy as jnp

from evolife.base import Array


def dpfp(key: Array, nu: int) -> Array:
    """Features of a ``(d,)`` key: ``(2 d nu,)``, at least 0 and of length 1.

    The deterministic parameter-free projection of Schlag et al. 2021: with ``r =
    relu([k, -k])``, the products ``r_j r_(j+i)`` for ``i = 1 .. nu``. They are sparse,
    so that different keys can be orthogonal. At length 1 what was written is read back
    whole (Yang et al. 2024). Keys whose signs alternate have no features but 0.
    """
    r = jax.nn.relu(jnp.concatenate([key, -key]))
    return normalised(jnp.concatenate([r * jnp.roll(r, i + 1) for i in range(nu)]))


def normalised(x: Array) -> Array:
    """``x`` scaled to length 1, unless it is shorter than 1e-6."""
    return x / jnp.sqrt(jnp.maximum(x @ x, 1e-12))


def read(matrix: Array, key: Array) -> Array:
    """What a ``(keys, values)`` matrix holds for a ``(keys,)`` key: ``(values,)``."""
    return key @ matrix


def write(matrix: Array, key: Array, value: Array, rate: Array) -> Array:
    """Move what a ``(keys, values)`` matrix holds for ``key`` towards ``value``.

    The delta rule (Widrow & Hoff 1960): ``W' = W + rate key (value - key W)^T``. With a
    key of length 1 and a rate of 1 the value replaces what was held, and orthogonal
    keys keep theirs. With rates up to 1, t writes of values within v leave entries
    within ``sqrt(t) v``.
    """
    return matrix + rate * jnp.outer(key, value - read(matrix, key))
