"""What units do to their sum, by name."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from evolife.base import Array


def clip(x: Array) -> Array:
    """Hard tanh: the identity within [-1, 1], constant outside."""
    return jnp.clip(x, -1.0, 1.0)


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "clip": clip,
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
}
