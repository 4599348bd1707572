"""Generations that never lived: worth, curves and noise drawn from a model of lives.

A member's reward rate at time t of a whole life, which lasts from 0 to 1, is
``b + (a - b) exp(-t / tau)``: it begins at a, ends towards b, and learns within tau.
Its worth is the mean rate of the whole life; what is measured may be the beginning
only, and is noisy.
"""

import dataclasses
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
from annotated_types import Ge, Le

from evolife.base import Array, Key, LifeStatistics
from evolife.selection.features import Trail

_QUARTERS = 4
_CHANCES, _NORMALS = 18, 9
"""Numbers drawn for a generation; and for each member, beside one a life."""


@dataclasses.dataclass(frozen=True)
class NoisyLives:
    """From what generations are drawn; the least value takes a difficulty away."""

    shorter: Annotated[float, Ge(1), Le(1e3)] = 16.0
    """Lives are cut by up to this factor, uniform in logarithm."""
    lives: Annotated[int, Ge(1), Le(256)] = 16
    """Most lives that a fitness is the mean of, uniform in logarithm from 1."""
    noise: Annotated[float, Ge(0)] = 8.0
    """Largest noise of fitness over its spread without; down to a hundredth of it."""
    unequal: Annotated[float, Ge(0), Le(3)] = 1.0
    """Largest standard deviation of the logarithm of members' noise."""
    fleeting: Annotated[float, Ge(0), Le(1)] = 1.0
    """Largest part of the noise's variance that is new in each quarter of a life."""
    curve: Annotated[float, Ge(0)] = 2.0
    """Largest spread of what members gain within a life; what they begin with has 1."""
    skew: Annotated[float, Ge(0), Le(1)] = 0.5
    """Largest weight of a tail of members that begin far worse than the others."""


NULL = NoisyLives(shorter=1.0, unequal=0.0, fleeting=0.0, curve=0.0, skew=0.0)
"""Equal Gaussian noise on an exchangeable normal worth, and flat curves.

Here the largest fitness has the largest expected worth, so nothing chooses better than
fitness: the likelihood ratio of two members is monotone in the difference of theirs.
"""


class Drawn(NamedTuple):
    """One generation of K members; arrays are ``(K,)``."""

    fitness: Array
    statistics: LifeStatistics
    trail: Trail
    """Of earlier generations that have nothing to do with this one."""
    worth: Array
    """Mean rate over whole lives, without noise."""
    expected: Array
    """Fitness without noise."""


def draw(key: Key, members: int, ranges: NoisyLives) -> Drawn:
    """Draw a generation of so many members; traceable by ``jit`` and ``vmap``."""
    of_all, of_each = (jax.random.fold_in(key, i) for i in range(2))
    chance = jax.random.uniform(of_all, (_CHANCES,))
    normal = jax.random.normal(of_each, (_NORMALS + ranges.lives, members))
    length = jnp.float32(ranges.shorter) ** -chance[0]
    worth, quarters = _curves(chance[1:7], normal[:3], length, ranges)
    measured, error, lives = _noisy(chance[7:11], normal[3:-1], quarters, ranges)
    rate, steps = 10 ** (6 * chance[11:13] - 3)
    offset = 10 * jnp.std(quarters) * (chance[13] - 0.5)
    told = rate * (measured + offset)
    fitness = steps * jnp.mean(told, axis=0)
    seen, trail = _unrelated(chance[14:], fitness)
    statistics = seen._replace(
        early=told[0],
        late=told[-1],
        standard_error=steps * rate * error,
        lives=jnp.full(members, lives, jnp.float32),
        distance=1 + 0.1 * normal[-1],
    )
    expected = steps * rate * (jnp.mean(quarters, axis=0) + offset)
    return Drawn(fitness, statistics, trail, rate * (worth + offset), expected)


def _curves(
    chance: Array, normal: Array, length: Array, ranges: NoisyLives
) -> tuple[Array, Array]:
    """``(K,)`` mean rates of whole lives; ``(4, K)`` of the quarters of cut ones."""
    tail = ranges.skew * chance[0]
    start = normal[0] - tail * (jnp.square(normal[0]) - 1)
    # Where all must explore, members begin alike and differ by what they learn.
    start = start * (chance[1] ** 3 if ranges.curve else 1)
    # Some generations have learnt on average and some have not.
    gain = ranges.curve * chance[2] * (normal[1] + 4 * chance[3] - 2)
    speed = jnp.exp(5 * chance[4] - 4 + chance[5] * normal[2])
    edges = jnp.linspace(0, 1, _QUARTERS + 1)[:, None] * length
    # The integral of 1 - exp(-t / tau): how much of the gain has been had.
    had = edges + speed * jnp.expm1(-edges / speed)
    quarters = start + gain * jnp.diff(had, axis=0) * _QUARTERS / length
    worth = start + gain * (1 + speed * jnp.expm1(-1 / speed))
    return worth, quarters


def _noisy(
    chance: Array, normal: Array, quarters: Array, ranges: NoisyLives
) -> tuple[Array, Array, Array]:
    """Measured ``(4, K)`` quarters, the standard error of their mean, and the lives."""
    lives = jnp.floor((ranges.lives + 1.0) ** chance[0])
    level = ranges.noise * 100 ** -chance[1] * jnp.std(jnp.mean(quarters, axis=0))
    deviation = level * jnp.exp(ranges.unequal * chance[2] * normal[0])
    fleeting = ranges.fleeting * chance[3]
    # Fresh noise is halved by the mean over four quarters, so it comes twice as large.
    luck = jnp.sqrt(1 - fleeting) * normal[1] + 2 * jnp.sqrt(fleeting) * normal[2:6]
    degrees = lives - 1
    others = normal[6:]
    counted = jnp.arange(others.shape[0])[:, None] < degrees
    squares = jnp.sum(jnp.where(counted, jnp.square(others), 0), axis=0)
    error = deviation * jnp.sqrt(squares / jnp.maximum(degrees, 1))
    return quarters + deviation * luck, error, lives


def _unrelated(chance: Array, fitness: Array) -> tuple[LifeStatistics, Trail]:
    """Scales and earlier generations that tell nothing of worth."""
    spread = jnp.std(fitness) * (4 * chance[:2] - 2)
    age = jnp.floor(jnp.expm1(6 * chance[2]))
    best = jnp.where(age > 0, jnp.max(fitness) + spread[0], -jnp.inf)
    trail = Trail(age, best, jnp.mean(fitness) + spread[1], jnp.ones(()))
    shrunk = jnp.full_like(fitness, jnp.exp(4 * chance[3] - 3))
    return LifeStatistics(*(jnp.zeros_like(fitness),) * 3, scale=shrunk), trail
