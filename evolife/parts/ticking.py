"""Modules that tick at periods 1, 2, 4, ... (Koutnik et al. 2014)."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from evolife.base import Array
from evolife.parts.lanes import largest
from evolife.parts.linear import Linear


def due(clock: Array, modules: int) -> Array:
    """How many modules tick at the ``()`` int32 step ``clock``: always the first few.

    Module i ticks where ``clock`` is a multiple of ``2^i``.
    """
    periods = 2 ** jnp.arange(modules, dtype=jnp.int32)
    return (clock % periods == 0).sum(dtype=jnp.int32)


def tick(modules: tuple[Linear, ...], x: Array, hidden: Array, count: Array) -> Array:
    """Update the first ``count`` modules of ``(n,)`` hidden units.

    ``h_i' = tanh(W_i [x, h_i, h_(i+1), ...] + b_i)``. Only the products of these
    modules are computed. Under ``vmap`` they are those of the lane with the most.
    """
    branches = [_first(i + 1) for i in range(len(modules))]
    return jax.lax.switch(largest(count) - 1, branches, modules, x, hidden, count)


def _first(computed: int) -> Callable[..., Array]:
    def update(
        modules: tuple[Linear, ...], x: Array, hidden: Array, count: Array
    ) -> Array:
        width = hidden.shape[0] // len(modules)
        cut = computed * width
        sums = [
            modules[i](jnp.concatenate([x, hidden[i * width :]]))
            for i in range(computed)
        ]
        # Lanes of one life tick together; where they do not, each keeps what is its.
        ticks = jnp.arange(cut) < count * width
        fresh = jnp.where(ticks, jnp.tanh(jnp.concatenate(sums)), hidden[:cut])
        return jnp.concatenate([fresh, hidden[cut:]])

    return update
