"""Candidates of a best-of-K, drawn at random: where survivors are learned and judged.

True values come from a prior of some shape; a life is the true value plus noise, of
which some candidates have more than others. What a chooser knows of a candidate is
the evidence of its lives: how many, their mean and their own scatter.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Annotated, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
from annotated_types import Ge, Le

from evolife.base import Array, Key
from evolife.errors import nearest
from evolife.selection.halving import Evidence, moments

Prior = Literal["normal", "skewed", "heavy"]


@dataclasses.dataclass(frozen=True)
class Ranges:
    """From what candidates are drawn; their true values have a deviation of one unit.

    Raises:
        ValueError: a range that falls, or no prior, or one that does not exist.
    """

    priors: tuple[Prior, ...] = ("normal", "skewed", "heavy")
    """Shapes of true values: normal; exponential, to either side; Student's t_3."""
    noise: tuple[float, float] = (1.0, 10.0)
    """Median standard deviation of a life, log-uniform between these."""
    spread: tuple[float, float] = (0.0, 1.5)
    """How unlike in noise the candidates are: the standard deviation of the logarithm
    of their noise's, uniform between these; 0 makes them equal."""
    correlation: Annotated[float, Ge(0), Le(1)] = 0.5
    """Largest correlation of true value and log noise, of either sign."""

    def __post_init__(self) -> None:
        """Check what annotations cannot say."""
        for name, least in (("noise", 1e-6), ("spread", 0.0)):
            low, high = getattr(self, name)
            if not least <= low <= high:
                raise ValueError(
                    f"{name} = {[low, high]}: a range rises from at least {least:g}; "
                    f"the nearest is {sorted(max(least, x) for x in (low, high))}"
                )
        shapes = get_args(Prior)
        for prior in self.priors or ("",):
            if prior not in shapes:
                raise ValueError(
                    f"priors: there is no '{prior}'{nearest(prior, shapes)} "
                    f"Name at least one of: {', '.join(shapes)}"
                )


NULL = Ranges(priors=("normal",), spread=(0.0, 0.0), correlation=0.0)
"""Nothing to be learned: exchangeable normal values, the same noise for all, so that
no order of candidates with equal lives is better than that of their means."""


class Candidates(NamedTuple):
    """One drawn task of K candidates."""

    value: Array
    """``(K,)`` true values."""
    deviation: Array
    """``(K,)`` standard deviations of a life."""


def draw(key: Key, count: int, ranges: Ranges) -> Candidates:
    """Draw ``count`` candidates."""
    chance = jax.random.uniform(jax.random.fold_in(key, 0), (5,))
    normal = jax.random.normal(jax.random.fold_in(key, 1), (6, count))
    which = jnp.floor(chance[0] * len(ranges.priors)).astype(jnp.int32)
    shapes = jnp.stack([_PRIORS[name](normal) for name in ranges.priors])
    worth = shapes[which]
    low, high = np.log(ranges.noise)
    level = jnp.exp(low + (high - low) * chance[1])
    low, high = ranges.spread
    spread = low + (high - low) * chance[2]
    shared = ranges.correlation * (2 * chance[3] - 1)
    # A far outlier would else have noise without any bound.
    mixed = shared * jnp.clip(worth, -3, 3) + jnp.sqrt(1 - shared**2) * normal[4]
    scale = 10 ** (6 * chance[4] - 3)
    offset = 10 * normal[5, 0]
    return Candidates(scale * (worth + offset), scale * level * jnp.exp(spread * mixed))


def task(
    key: Key, rounds: Sequence[tuple[int, int]], ranges: Ranges
) -> tuple[Candidates, list[Evidence]]:
    """Candidates, and the luck of rounds of ``(n, lives)``; all enter the first."""
    drawn = draw(jax.random.fold_in(key, 0), rounds[0][0], ranges)
    return drawn, lucks(jax.random.fold_in(key, 1), rounds)


def lucks(key: Key, rounds: Sequence[tuple[int, int]]) -> list[Evidence]:
    """``(n,)`` evidence of lives of standard normal scores, for each ``(n, lives)``."""
    ends = np.cumsum([count * lives for count, lives in rounds])
    scores = jnp.split(jax.random.normal(key, (int(ends[-1]),)), ends[:-1])
    sized = zip(scores, rounds, strict=True)
    return [moments(part.reshape(shape)) for part, shape in sized]


def live(candidates: Candidates, who: Array, luck: Evidence) -> Evidence:
    """Evidence of ``(n,)`` candidates in lives of that luck, one each."""
    value, deviation = candidates.value[who], candidates.deviation[who]
    mean, squares = value + deviation * luck.mean, deviation**2 * luck.squares
    return Evidence(luck.lives, mean, squares)


def _skewed(normal: Array) -> Array:
    # Half the sum of two squares is exponential.
    exponential = (normal[0] ** 2 + normal[1] ** 2) / 2
    return jnp.where(normal[2, 0] > 0, 1, -1) * (exponential - 1)


def _heavy(normal: Array) -> Array:
    # Student's t with 3 degrees of freedom has variance 3.
    return normal[0] / jnp.sqrt(jnp.sum(normal[1:4] ** 2, axis=0))


_PRIORS: dict[Prior, Callable[[Array], Array]] = {
    "normal": lambda normal: normal[0],
    "skewed": _skewed,
    "heavy": _heavy,
}
"""Standardised values ``(K,)`` from ``(4, K)`` normal numbers."""
