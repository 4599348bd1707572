"""A memory of slots, addressed by content or by how long they went unused.

A slot of zeros is empty and gets no attention, so that empty slots change nothing: how
many there are is no part of a genome.
"""

import jax.numpy as jnp

from evolife.base import Array

_FAINT = 1e-3
_TINY = 1e-30


def by_content(memory: Array, key: Array, sharpness: Array) -> Array:
    """``(slots,)`` weights on the slots most like a ``(width,)`` key; their sum is 1.

    ``w_i ~ p_i exp(sharpness cos(M_i, key))`` (Graves et al. 2014), where ``p_i =
    |M_i|^2 / (|M_i|^2 + 0.001)`` is 0 for empty slots. All are 0 if every slot is.
    """
    squares = (memory * memory).sum(axis=1)
    lengths = jnp.sqrt(squares) * jnp.sqrt(key @ key)
    cosines = jnp.clip(memory @ key / jnp.maximum(lengths, _TINY), -1.0, 1.0)
    # Counting from the best score of all that are not empty, no exponential overflows.
    scores = jnp.where(squares > 0, sharpness * cosines, -jnp.inf)
    best = jnp.maximum(scores.max(), -1e30)
    weights = squares / (squares + _FAINT) * jnp.exp(scores - best)
    return weights / jnp.maximum(weights.sum(), _TINY)


def least_used(usage: Array) -> Array:
    """``(slots,)`` weights: 1 on the slot of least usage, the first of equals."""
    places = jnp.arange(usage.shape[0])
    # Two plain minima: CPUs are slow at finding where one is.
    least = jnp.where(usage == usage.min(), places, usage.shape[0])
    return (places == least.min()).astype(jnp.float32)


def read(memory: Array, weights: Array) -> Array:
    """``(width,)`` weighted sum of the slots of a ``(slots, width)`` memory."""
    return weights @ memory


def write(memory: Array, weights: Array, erase: Array, add: Array) -> Array:
    """Erase, then add, in each slot as much as its weight says (Graves et al. 2014).

    ``M_i' = M_i (1 - w_i e) + w_i a``, cut off at -1 and 1.
    """
    kept = memory * (1 - jnp.outer(weights, erase))
    return jnp.clip(kept + jnp.outer(weights, add), -1.0, 1.0)
