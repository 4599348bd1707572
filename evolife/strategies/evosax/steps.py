"""Step sizes of evosax's algorithms: what they sample with, and the floor under it.

``std_init``, ``std_min`` and ``std_schedule`` mean one thing for every algorithm that
has them: the standard deviation with which a number of a genome is sampled, at the
start, at least, and in a generation. evosax keeps it in several places; this file knows
them.
"""

import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from evolife.base import Array
from evolife.strategies.evosax.tables import FLOORED, FLOORS_ITSELF, LENGTHS, WIDENED

# What evosax itself adds to eigenvalues before it samples.
_LOADED = 1e-8


def started(name: str, algorithm: Any, settings: dict[str, Any]) -> Any:
    """The state after ``init``, made to sample with ``std_init``."""
    if name == "xNES":
        # evosax scales both the step size and the matrix that multiplies it.
        return algorithm.replace(B=jnp.eye(len(algorithm.B)))
    if name in WIDENED:
        start, floor = settings["std_init"], settings["std_min"]
        squares = name == "iAMaLGaM_Full"
        apart = start**2 - floor**2 if squares else (start - floor) ** 2
        return algorithm.replace(C=algorithm.C * apart)
    return algorithm


def scheduled(
    schedule: Callable[[Any], Any] | None, algorithm: Any, generation: Array
) -> Any:
    """The state before an ask, its step size that of this generation."""
    if schedule is None:
        return algorithm
    std = schedule(generation)
    return algorithm.replace(std=jnp.full(jnp.shape(algorithm.std), std, jnp.float32))


def length_of_one(name: str, algorithm: Any) -> float:
    """What evosax's ``std`` is where every number is sampled with deviation 1."""
    return math.sqrt(algorithm.mean.shape[-1]) if name in LENGTHS else 1.0


def floored(name: str, algorithm: Any, floor: float | None) -> Any:
    """The state after a tell, sampling with at least ``floor``."""
    if floor is None or name not in FLOORED:
        return algorithm
    if name == "CMAAnchoredLES":
        sigma = jnp.maximum(algorithm.sigma, floor)
        return algorithm.replace(sigma=sigma, std=sigma * algorithm.axis_std)
    least = floor / _shape(name, algorithm)
    return algorithm.replace(std=jnp.maximum(algorithm.std, least))


def at_floor(name: str, algorithm: Any, floor: float | None) -> Array:
    """``()`` bool: whether every step size rests at its floor."""
    if floor is None or name not in {*FLOORED, *FLOORS_ITSELF}:
        return jnp.zeros((), bool)
    std = algorithm.sigma if name == "CMAAnchoredLES" else algorithm.std
    # The product of floor / shape and shape is off by a last digit.
    return jnp.all(std * _shape(name, algorithm) <= floor * (1 + 1e-5))


def informed(name: str, algorithm: Any) -> Any:
    """The state after a tell, spared of what equal fitness does to it.

    Where a gradient is 0, ASEBO divides 0 by almost 0 and goes on to sample along past
    gradients alone; where these are 0 too, a thousandth of its spread is left.
    """
    if name != "ASEBO":
        return algorithm
    nothing = jnp.all(algorithm.grad_subspace[-1] == 0)
    return algorithm.replace(alpha=jnp.where(nothing, 1.0, algorithm.alpha))


def _shape(name: str, algorithm: Any) -> Any:
    """Root mean square over dimensions of what multiplies ``std`` in sampling."""
    if name in ("CMA_ES", "SV_CMA_ES"):
        variances = jnp.diagonal(algorithm.C, axis1=-2, axis2=-1)
        return jnp.sqrt(jnp.mean(jnp.maximum(variances, 0), axis=-1) + _LOADED)
    if name == "Sep_CMA_ES":
        return jnp.sqrt(jnp.mean(jnp.maximum(algorithm.C, 0)) + _LOADED)
    if name in ("MA_ES", "xNES"):
        matrix = algorithm.M if name == "MA_ES" else algorithm.B
        return jnp.sqrt(jnp.sum(jnp.square(matrix)) / len(matrix))
    return 1.0
