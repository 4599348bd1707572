"""Selections that a config names, one a file; most are formulas of fitness alone.

Each is written for K members with fitness F, larger being better. ``r`` is a member's
rank from 0 (worst) to K - 1 (best); tied members share their average rank, and so
their weight. Sums are stated over members.
"""

import abc
import dataclasses

import jax.numpy as jnp

from evolife.base import Array, LifeStatistics, Selection, SelectionState


@dataclasses.dataclass(frozen=True)
class Shaping(Selection):
    """A shaping that keeps the order of fitness, whatever the lives looked like."""

    def weights(
        self, fitness: Array, statistics: LifeStatistics, state: SelectionState
    ) -> tuple[Array, SelectionState]:
        """Weigh ``(K,)`` finite fitness; the state passes through."""
        return self.shape(jnp.asarray(fitness, jnp.float32)), state

    @abc.abstractmethod
    def shape(self, fitness: Array) -> Array:
        """``(K,)`` weights of ``(K,)`` float32 fitness, which never fall with it."""


def places(fitness: Array) -> tuple[Array, Array]:
    """How many members are worse than each, and how many are no better."""
    ordered = jnp.sort(fitness)
    below = jnp.searchsorted(ordered, fitness, side="left")
    upto = jnp.searchsorted(ordered, fitness, side="right")
    return below, upto


def ranks(fitness: Array) -> Array:
    """Ranks from 0 (worst); the tied share their average."""
    below, upto = places(fitness)
    return (below + upto - 1).astype(jnp.float32) / 2


def centred_ranks(fitness: Array) -> Array:
    """Average ranks from -1/2 (worst) to 1/2 (best); 0 for a single member."""
    last = fitness.size - 1
    # Centred before the division, which XLA rounds: ties among all stay exactly zero.
    return (ranks(fitness) - last / 2) / max(1, last)
