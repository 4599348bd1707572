"""Tasks drawn from families of functions: rotated, moved, stretched, rugged, noisy.

A task is data, so that one compiled program optimises thousands of different ones.
Users see fitness, which is maximised: minus the function.
"""

import dataclasses
from collections.abc import Sequence
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
from annotated_types import Ge, Le

from evolife.base import Array, Key
from evolife.errors import nearest
from evolife.metalearning.tasks.functions import FAMILIES

_FINEST = 1e-8


@dataclasses.dataclass(frozen=True)
class Ranges:
    """From what tasks are drawn; 0 switches a difficulty off."""

    offset: Annotated[float, Ge(0)] = 3.0
    """Optima lie in a cube of this half side around where the search starts."""
    conditioning: Annotated[float, Ge(0), Le(3)] = 1.0
    """Axes are stretched by up to 10 to this power."""
    ruggedness: Annotated[float, Ge(0)] = 0.3
    """Largest amplitude of waves laid over, relative to the function's own rise."""
    noise: Annotated[float, Ge(0)] = 1.0
    """Largest standard deviation of noise, relative to the value at the start."""
    noisy: Annotated[float, Ge(0), Le(1)] = 0.5
    """Part of the tasks that have noise at all."""


class Task(NamedTuple):
    """One drawn task of dimension D."""

    family: Array
    """``()`` int32, index into the families drawn from."""
    optimum: Array
    """``(D,)``."""
    turn: Array
    """``(D, D)`` rotation times stretch."""
    waves: Array
    """``(2,)`` amplitude and frequency."""
    noise: Array
    """``(2,)`` standard deviation: constant, and as a part of the value."""
    scale: Array
    """``()`` what every value is multiplied by."""


def draw(key: Key, dimensions: int, families: int, ranges: Ranges) -> Task:
    """Draw a task of ``dimensions`` from one of so many families."""
    parts = jax.random.split(key, 9)
    shape = (dimensions,)
    optimum = jax.random.uniform(parts[0], shape, minval=-1, maxval=1) * ranges.offset
    rotation, upper = jnp.linalg.qr(jax.random.normal(parts[1], shape * 2))
    rotation = rotation * jnp.sign(jnp.diagonal(upper))
    stretch = 10 ** (jax.random.uniform(parts[2], shape, minval=-1) * 0.5)
    stretch = stretch**ranges.conditioning
    amplitude = jnp.square(jax.random.uniform(parts[3])) * ranges.ruggedness
    frequency = jnp.exp(jax.random.uniform(parts[4], minval=-1, maxval=1.5))
    loud = ranges.noise * 10 ** jax.random.uniform(parts[5], minval=-2, maxval=0)
    loud = loud * (jax.random.uniform(parts[6]) < ranges.noisy)
    by_value = jax.random.bernoulli(parts[7])
    return Task(
        family=jax.random.randint(parts[8], (), 0, families),
        optimum=optimum,
        turn=rotation * stretch,
        waves=jnp.stack([amplitude, frequency]),
        noise=jnp.stack([loud * ~by_value, loud * by_value]),
        scale=10 ** jax.random.uniform(jax.random.fold_in(key, 9), minval=-3, maxval=3),
    )


def value(task: Task, families: Sequence[str], x: Array) -> Array:
    """The function at ``(D,)`` x, without noise: 0 at the optimum, positive elsewhere.

    With waves: f (1 + a (1 - mean cos(w z))), which leaves the optimum where it is.
    """
    z = task.turn @ (x - task.optimum)
    branches = [FAMILIES[name].value for name in families]
    plain = jax.lax.switch(task.family, branches, z)
    amplitude, frequency = task.waves
    waves = 1 - jnp.mean(jnp.cos(2 * jnp.pi * frequency * z))
    return task.scale * plain * (1 + amplitude * waves)


def begin(task: Task, families: Sequence[str]) -> Array:
    """The value where the search starts, at the origin: the unit of noise."""
    return value(task, families, jnp.zeros_like(task.optimum))


def fitness(
    task: Task, families: Sequence[str], population: Array, key: Key, unit: Array
) -> tuple[Array, Array]:
    """``(K,)`` noisy fitness of ``(K, D)`` members, and its standard errors."""
    plain = jax.vmap(lambda x: value(task, families, x))(population)
    deviation = task.noise[0] * unit + task.noise[1] * plain
    noise = jax.random.normal(key, plain.shape)
    return -(plain + deviation * noise), deviation


def gap(task: Task, families: Sequence[str], x: Array, unit: Array) -> Array:
    """log10 of the value at ``x`` over that at the start; at least -8."""
    ratio = value(task, families, x) / unit
    return jnp.log10(jnp.minimum(ratio, 1e8) + _FINEST)


def check_families(names: Sequence[str], smooth: bool) -> tuple[str, ...]:
    """The families by name, with gradients if ``smooth`` are asked for.

    Raises:
        ValueError: none is named, one is unknown, or backprop cannot go through it.
    """
    if not names:
        raise ValueError(f"families: name at least one of {', '.join(FAMILIES)}")
    for name in names:
        if name not in FAMILIES:
            raise ValueError(
                f"families: there is no '{name}'{nearest(name, FAMILIES)} "
                f"Allowed: {', '.join(FAMILIES)}"
            )
        if smooth and not FAMILIES[name].smooth:
            raise ValueError(
                f"families: {name} is flat almost everywhere, so backprop through "
                "generations learns nothing from it; leave it out, or train with "
                "route: persistent, which needs no gradient of the task"
            )
    return tuple(names)
