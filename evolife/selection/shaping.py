"""Fixed shapings of fitness, by name: the weights are a formula of fitness alone.

Each is written for K members with fitness F, larger being better. ``r`` is a member's
rank from 0 (worst) to K - 1 (best); tied members share their average rank, and so
their weight. Sums are stated over members.
"""

import abc
import dataclasses
from typing import Annotated

import jax
import jax.numpy as jnp
from annotated_types import Ge, Gt, Le

from evolife import base
from evolife.base import Array, LifeStatistics, SelectionState


@dataclasses.dataclass(frozen=True)
class Shaping(base.Selection):
    """A shaping that keeps the order of fitness, whatever the lives looked like."""

    def weights(
        self, fitness: Array, statistics: LifeStatistics, state: SelectionState
    ) -> tuple[Array, SelectionState]:
        """Weigh ``(K,)`` finite fitness; the state passes through."""
        return self.shape(jnp.asarray(fitness, jnp.float32)), state

    @abc.abstractmethod
    def shape(self, fitness: Array) -> Array:
        """``(K,)`` weights of ``(K,)`` float32 fitness, which never fall with it."""


@dataclasses.dataclass(frozen=True)
class Raw(Shaping):
    """F / K: the plain Monte Carlo estimate of the search gradient.

    Wierstra et al. 2014, section 2, without a baseline. The absolute sum is the mean of
    abs(F): of order one where fitness is. Equal fitness F gives every member F / K.
    """

    def shape(self, fitness: Array) -> Array:
        """Divide by the number of members."""
        return fitness / fitness.size


@dataclasses.dataclass(frozen=True)
class ZScore(Shaping):
    """(F - mean) / std / K; zero where all are equal.

    The scaling by the standard deviation of Mania et al. 2018 (ARS), with the mean as
    baseline. The sum is 0, the absolute sum at most 1.
    """

    def shape(self, fitness: Array) -> Array:
        """Standardise, above the minimum so that ties among all stay exactly zero."""
        half = 0.5 * fitness  # The range of float32 fitness may exceed float32.
        above = half - jnp.min(half)
        widest = jnp.max(above)
        above = above / jnp.where(widest > 0, widest, 1)
        centred = above - jnp.mean(above)
        deviation = jnp.sqrt(jnp.mean(jnp.square(centred)))
        return centred / jnp.where(deviation > 0, deviation, 1) / fitness.size


@dataclasses.dataclass(frozen=True)
class CenteredRank(Shaping):
    """(r / (K - 1) - 1/2) / K: only the order of fitness matters.

    Salimans et al. 2017, section 2.1. The sum is 0; the absolute sum without ties is
    K / (4 (K - 1)) for even K and (K + 1) / (4 K) for odd K, so 1/4 for large K.
    """

    def shape(self, fitness: Array) -> Array:
        """Rank and centre."""
        return _centred_ranks(fitness) / fitness.size


@dataclasses.dataclass(frozen=True)
class Truncation(Shaping):
    """1 / mu for the best mu = max(1, floor(elite_ratio K)) members, 0 for the others.

    Intermediate recombination, (mu/mu, lambda); Beyer & Schwefel 2002. The sum is 1.
    Members tied across the border share what the places within it weigh.
    """

    elite_ratio: Annotated[float, Gt(0), Le(1)] = 0.5
    """Part of the members that are parents of the next generation."""

    def shape(self, fitness: Array) -> Array:
        """Share the elite's places among the tied."""
        elites = max(1, int(self.elite_ratio * fitness.size))
        below, upto = _places(fitness)
        better = fitness.size - upto
        tied = upto - below
        held = jnp.clip(elites - better, 0, tied)
        return held / (tied * elites).astype(jnp.float32)


@dataclasses.dataclass(frozen=True)
class Nes(Shaping):
    """max(0, log(K/2 + 1) - log k) normalised to sum 1, minus 1/K; k = 1 is the best.

    The utilities of natural evolution strategies; Wierstra et al. 2014, section 3.1.
    The sum is 0, the absolute sum below 2; 1/K is taken off as the mean utility.
    """

    def shape(self, fitness: Array) -> Array:
        """Logarithmic ranks, centred."""
        size = fitness.size
        place = size - _ranks(fitness)
        utility = jnp.maximum(0.0, jnp.log(size / 2 + 1) - jnp.log(place))
        # Above the minimum, so that ties among all stay exactly zero.
        above = utility - jnp.min(utility)
        return (above - jnp.mean(above)) / jnp.sum(utility)


@dataclasses.dataclass(frozen=True)
class Des(Shaping):
    """softmax(sharpness (1 - sigmoid(temperature (1/2 - r / (K - 1))))).

    The recombination weights that Lange et al. 2023 ("Discovering evolution strategies
    via meta-black-box optimization", the DES update) read off a meta-learned strategy.
    All are positive and their sum is 1; the best weigh the most.
    """

    temperature: Annotated[float, Ge(0)] = 12.5
    """Steepness of the step between the better and the worse half."""
    sharpness: Annotated[float, Ge(0)] = 20.0
    """Log of the ratio between the weights above and below that step."""

    def shape(self, fitness: Array) -> Array:
        """Softmax of a sigmoid of the centred ranks."""
        step = jax.nn.sigmoid(-self.temperature * _centred_ranks(fitness))
        return jax.nn.softmax(-self.sharpness * step)


SHAPINGS: dict[str, type[base.Selection]] = {
    "raw": Raw,
    "z_score": ZScore,
    "centered_rank": CenteredRank,
    "truncation": Truncation,
    "nes": Nes,
    "des": Des,
}


def _places(fitness: Array) -> tuple[Array, Array]:
    """How many members are worse than each, and how many are no better."""
    ordered = jnp.sort(fitness)
    below = jnp.searchsorted(ordered, fitness, side="left")
    upto = jnp.searchsorted(ordered, fitness, side="right")
    return below, upto


def _ranks(fitness: Array) -> Array:
    below, upto = _places(fitness)
    return (below + upto - 1).astype(jnp.float32) / 2


def _centred_ranks(fitness: Array) -> Array:
    """Average ranks from -1/2 (worst) to 1/2 (best); 0 for a single member."""
    last = fitness.size - 1
    # Centred before the division, which XLA rounds: ties among all stay exactly zero.
    return (_ranks(fitness) - last / 2) / max(1, last)
