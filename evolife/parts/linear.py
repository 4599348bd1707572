"""A linear layer."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from evolife.base import Array, Key


class Linear(NamedTuple):
    """``y = x @ weight + bias``."""

    weight: Array
    """``(inputs, outputs)``."""
    bias: Array
    """``(outputs,)``."""

    def __call__(self, x: Array) -> Array:
        """Map ``(..., inputs)`` to ``(..., outputs)``."""
        return x @ self.weight + self.bias


def linear(key: Key, inputs: int, outputs: int, scale: float = 1.0) -> Linear:
    """Draw weights with variance ``scale^2 / inputs`` (LeCun et al. 1998), no bias."""
    weight = jax.random.normal(key, (inputs, outputs)) * (scale / max(inputs, 1) ** 0.5)
    return Linear(weight, jnp.zeros(outputs, jnp.float32))
