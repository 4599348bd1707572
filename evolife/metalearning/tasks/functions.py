"""Families of test functions: where selection operators are trained and judged.

Each is minimised, is 0 at the origin and positive elsewhere, and is given z ``(D,)``.
Definitions follow Hansen et al. 2009 ("Real-parameter black-box optimization
benchmarking: noiseless functions definitions") and Jamil & Yang 2013 ("A literature
survey of benchmark functions"), moved so that the optimum lies at the origin. What an
operator is trained on, chosen by and judged on are different families.
"""

import dataclasses
from collections.abc import Callable
from typing import Literal

import jax.numpy as jnp

from evolife.base import Array

Split = Literal["train", "validation", "test"]


@dataclasses.dataclass(frozen=True)
class Family:
    """One function of any dimension from 2."""

    value: Callable[[Array], Array]
    split: Split
    smooth: bool = True
    """Whether backprop may go through it: differentiable almost everywhere, with
    gradients that say something."""


def _weights(z: Array, decades: float) -> Array:
    """1 .. 10^decades over the coordinates."""
    return 10.0 ** (decades * jnp.arange(z.size) / max(1, z.size - 1))


def _rosenbrock(z: Array) -> Array:
    x = z + 1
    return jnp.sum(100 * (x[:-1] ** 2 - x[1:]) ** 2 + (x[:-1] - 1) ** 2)


def _ackley(z: Array) -> Array:
    root = jnp.sqrt(z @ z / z.size + 1e-12)
    waves = jnp.exp(jnp.mean(jnp.cos(2 * jnp.pi * z)))
    return 20 - 20 * jnp.exp(-0.2 * root) + jnp.e - waves


def _different_powers(z: Array) -> Array:
    powers = 2 + 4 * jnp.arange(z.size) / max(1, z.size - 1)
    return jnp.sqrt(jnp.sum((jnp.abs(z) + 1e-9) ** powers))


def _griewank(z: Array) -> Array:
    roots = jnp.sqrt(jnp.arange(1, z.size + 1))
    return z @ z / 40 + 1 - jnp.prod(jnp.cos(z / roots))


def _schaffer(z: Array) -> Array:
    s = jnp.sqrt(z[:-1] ** 2 + z[1:] ** 2 + 1e-12)
    return jnp.mean(jnp.sqrt(s) * (1 + jnp.sin(50 * s**0.2) ** 2)) ** 2


def _zakharov(z: Array) -> Array:
    s = 0.5 * jnp.arange(1, z.size + 1) @ z
    return z @ z + s**2 + s**4


def _levy(z: Array) -> Array:
    w = 1 + z / 4
    waves = 1 + 10 * jnp.sin(jnp.pi * w[:-1] + 1) ** 2
    ends = (w[-1] - 1) ** 2 * (1 + jnp.sin(2 * jnp.pi * w[-1]) ** 2)
    return jnp.sin(jnp.pi * w[0]) ** 2 + jnp.sum((w[:-1] - 1) ** 2 * waves) + ends


def _step_ellipsoid(z: Array) -> Array:
    steps = jnp.floor(0.5 + 2 * z) / 2
    return 0.1 * jnp.maximum(jnp.abs(z[0]) / 1e4, _weights(z, 2.0) @ steps**2)


def _salomon(z: Array) -> Array:
    length = _length(z)
    return 1 - jnp.cos(2 * jnp.pi * length) + length


def _brown(z: Array) -> Array:
    a, b = z[:-1] ** 2, z[1:] ** 2
    return jnp.sum((a + 1e-12) ** jnp.minimum(b + 1, 4.0)) + jnp.sum(
        (b + 1e-12) ** jnp.minimum(a + 1, 4.0)
    )


def _dixon_price(z: Array) -> Array:
    x = z + 1
    below = jnp.arange(2, z.size + 1)
    return (x[0] - 1) ** 2 + below @ ((2 * x[1:] ** 2 - 2 * x[:-1] ** 2) ** 2)


def _weierstrass(z: Array) -> Array:
    a, b = 0.5 ** jnp.arange(12), 3.0 ** jnp.arange(12)
    waves = (1 - jnp.cos(2 * jnp.pi * b * z[:, None])) @ a
    return 10 * jnp.mean(waves) ** 2 + 0.01 * (z @ z)


def _length(z: Array) -> Array:
    return jnp.sqrt(z @ z + 1e-12)


FAMILIES: dict[str, Family] = {
    "sphere": Family(lambda z: z @ z, "train"),
    "ellipsoid": Family(lambda z: _weights(z, 4.0) @ z**2, "train"),
    "discus": Family(lambda z: 1e4 * z[0] ** 2 + z[1:] @ z[1:], "train"),
    "rosenbrock": Family(_rosenbrock, "train"),
    "rastrigin": Family(
        lambda z: jnp.sum(z**2 + 10 * (1 - jnp.cos(2 * jnp.pi * z))), "train"
    ),
    "double_sum": Family(lambda z: jnp.sum(jnp.cumsum(z) ** 2), "train"),
    "sharp_ridge": Family(lambda z: z[0] ** 2 + 100 * _length(z[1:]), "train"),
    "bent_cigar": Family(lambda z: z[0] ** 2 + 1e4 * (z[1:] @ z[1:]), "validation"),
    "ackley": Family(_ackley, "validation"),
    "different_powers": Family(_different_powers, "test"),
    "griewank": Family(_griewank, "test"),
    "schaffer": Family(_schaffer, "test"),
    "attractive_sector": Family(
        lambda z: jnp.sum((jnp.where(z > 0, 10.0, 1.0) * z) ** 2) ** 0.9, "test"
    ),
    "zakharov": Family(_zakharov, "test"),
    "levy": Family(_levy, "test"),
    "step_ellipsoid": Family(_step_ellipsoid, "test", smooth=False),
    "salomon": Family(_salomon, "test"),
    "alpine": Family(
        lambda z: jnp.sum(jnp.abs(z * jnp.sin(z)) + 0.1 * jnp.abs(z)), "test"
    ),
    "brown": Family(_brown, "test"),
    "dixon_price": Family(_dixon_price, "test"),
    "weierstrass": Family(_weierstrass, "test", smooth=False),
    "schwefel_largest": Family(lambda z: jnp.max(jnp.abs(z)), "test"),
}


def families(split: Split) -> tuple[str, ...]:
    """Names of one split's families."""
    return tuple(name for name, family in FAMILIES.items() if family.split == split)
