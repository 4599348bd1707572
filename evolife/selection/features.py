"""What a learned selection sees of each member: numbers without a scale.

Nothing here changes when all fitness is multiplied by a positive number or shifted, or
when members are reordered; and if every member stood there twice, the twins would see
what their original saw. So what is learned from them holds at any scale and size.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from evolife.base import Array, LifeStatistics

FEATURES = (
    "z_score",
    "rank",
    "beats_best",
    "early",
    "late",
    "rise",
    "error",
    "lives",
    "distance",
    "parent",
    "scale",
    "time_10",
    "time_100",
)
"""Names, in order; an operator's file says which ones it was trained on."""


class Trail(NamedTuple):
    """What is remembered of earlier generations; ``()`` each."""

    generation: Array
    """How many came before, float32."""
    best: Array
    """Largest fitness of any member so far; -inf before the first."""
    mean: Array
    """Mean fitness of the parents' generation."""
    scale: Array
    """Standard deviation of mutations in the first generation."""


def start() -> Trail:
    """Before the first generation."""
    zero = jnp.zeros((), jnp.float32)
    return Trail(zero, jnp.full((), -jnp.inf, jnp.float32), zero, zero)


def observe(
    fitness: Array, statistics: LifeStatistics, trail: Trail
) -> tuple[Array, Trail]:
    """Return the ``(K, 13)`` features of ``(K,)`` finite fitness, and the new trail.

    - ``z_score``, ``early``, ``late``: standardised over members; ``rise`` is late
      minus early, standardised; the area under the within-life curve is the fitness.
    - ``rank``: (r + 1/2) / K - 1/2 with r from 0 (worst); ties share their average.
    - ``beats_best``: 1 where fitness exceeds that of all earlier generations.
    - ``error``: standard error over the standard deviation of fitness, squashed.
    - ``lives``: log2 of the lives measured, a tenth of it.
    - ``distance``: from the mean of the distribution, standardised over members.
    - ``parent``: how far the generation's mean has risen above the last one's, in
      standard deviations, squashed; 0 in the first.
    - ``scale``: log of the mutations' scale over the first generation's, squashed.
    - ``time_10``, ``time_100``: t / (t + 10) and t / (t + 100).
    """
    fitness = jnp.asarray(fitness, jnp.float32)
    one, unit = jnp.ones_like(fitness), _unit(fitness)
    scaled = fitness / unit
    mean = jnp.mean(scaled)
    deviation = jnp.sqrt(_positive(jnp.mean(jnp.square(scaled - mean))))
    later = trail.generation > 0
    risen = jnp.where(later, (mean - trail.mean / unit) / deviation, 0.0)
    scale = one[0] if statistics.scale is None else jnp.mean(statistics.scale)
    first = jnp.where(later, trail.scale, scale)
    lives = one if statistics.lives is None else statistics.lives
    far = jnp.zeros_like(one) if statistics.distance is None else statistics.distance
    time = trail.generation
    columns = (
        standardised(fitness),
        ranks(fitness),
        (fitness > trail.best) & later,
        standardised(statistics.early),
        standardised(statistics.late),
        standardised(statistics.late - statistics.early),
        jnp.tanh(statistics.standard_error / unit / deviation),
        jnp.log2(lives) / 10,
        standardised(far),
        one * jnp.tanh(risen),
        one * jnp.tanh(jnp.log(_positive(scale) / _positive(first)) / 4),
        one * time / (time + 10),
        one * time / (time + 100),
    )
    best = jnp.maximum(trail.best, jnp.max(fitness))
    after = Trail(time + 1, best, mean * unit, first)
    return jnp.stack(columns, axis=-1).astype(jnp.float32), after


def standardised(values: Array) -> Array:
    """(x - mean) / std over members; zero where all are equal."""
    scaled = values / _unit(values)
    centred = scaled - jnp.mean(scaled)
    variance = jnp.mean(jnp.square(centred))
    # Equal values that were rounded apart are still equal.
    some = variance > 1e-12
    return jnp.where(some, centred * jax.lax.rsqrt(jnp.where(some, variance, 1)), 0)


def ranks(fitness: Array) -> Array:
    """(r + 1/2) / K - 1/2 with r the average rank from 0, the worst; in (-1/2, 1/2)."""
    ordered = jax.lax.stop_gradient(jnp.sort(fitness))
    here = jax.lax.stop_gradient(fitness)
    below = jnp.searchsorted(ordered, here, side="left")
    upto = jnp.searchsorted(ordered, here, side="right")
    return (below + upto).astype(jnp.float32) / (2 * fitness.size) - 0.5


def _unit(values: Array) -> Array:
    """The largest absolute value, by which sums stay within float32."""
    largest = jnp.max(jnp.abs(jax.lax.stop_gradient(values)))
    return jnp.where(largest > 0, largest, 1)


def _positive(value: Array) -> Array:
    return jnp.maximum(value, 1e-30)
