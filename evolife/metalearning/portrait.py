"""What an operator does, at a glance: weights by rank at several times."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy import special

from evolife.base import LifeStatistics
from evolife.selection import features
from evolife.selection.operator import Operator, weigh

MEMBERS = 32
TIMES = (0, 10, 50)


class Portrait(NamedTuple):
    """Of one operator."""

    weights: np.ndarray
    """``(times, MEMBERS)`` weights, from the worst member to the best."""
    entropy: float
    """Of the weights' absolute shares, in bits, at the middle time."""
    parents: float
    """Effective number: (sum |w|)^2 / sum w^2, at the middle time."""


def portrait(operator: Operator, signed: bool) -> Portrait:
    """Show it members whose fitness are the quantiles of a normal distribution.

    Nothing else is known of them; mutations keep their scale and the mean its height.
    """
    weights = np.asarray(_weights(operator, signed))
    middle = np.abs(weights[len(TIMES) // 2])
    shares = middle / max(middle.sum(), 1e-30)
    entropy = -float(np.sum(shares * np.log2(np.maximum(shares, 1e-30))))
    return Portrait(weights, entropy, float(1 / max(np.sum(shares**2), 1e-30)))


@functools.partial(jax.jit, static_argnums=1)
def _weights(operator: Operator, signed: bool) -> jax.Array:
    fitness = jnp.asarray(special.ndtri((np.arange(MEMBERS) + 0.5) / MEMBERS))
    fitness = fitness.astype(jnp.float32)
    statistics = LifeStatistics(fitness, fitness, jnp.zeros_like(fitness))

    def at(time: jax.Array) -> jax.Array:
        mean, unit = jnp.mean(fitness), jnp.float32(1)
        trail = features.Trail(time, jnp.max(fitness), mean, unit)
        seen, _ = features.observe(fitness, statistics, trail)
        return weigh(operator, seen, features.ranks(fitness), signed)

    return jax.vmap(at)(jnp.asarray(TIMES, jnp.float32))
