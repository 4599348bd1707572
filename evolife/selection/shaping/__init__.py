"""Selections that a config names, one a file; most are formulas of fitness alone.

Each is written for K members with fitness F, larger being better. ``r`` is a member's
rank from 0 (worst) to K - 1 (best); tied members share their average rank, and so
their weight. Sums are stated over members.
"""

import abc
import dataclasses

import jax.numpy as jnp

from evolife.base import Array, LifeStatistics, Places, Selection, SelectionState


@dataclasses.dataclass(frozen=True)
class Shaping(Selection):
    """A shaping that keeps the order of fitness, whatever the lives looked like."""

    def weights(
        self, fitness: Array, statistics: LifeStatistics, state: SelectionState
    ) -> tuple[Array, SelectionState]:
        """Weigh ``(K,)`` finite fitness; the state passes through."""
        fitness = jnp.asarray(fitness, jnp.float32)
        places = statistics.places or count_places(fitness)
        return self.shape(fitness, places), state

    def of(self, fitness: Array) -> Array:
        """``(K,)`` weights of ``(K,)`` float32 fitness that nobody has sorted yet."""
        return self.shape(fitness, count_places(fitness))

    @abc.abstractmethod
    def shape(self, fitness: Array, places: Places) -> Array:
        """``(K,)`` weights of ``(K,)`` float32 fitness, which never fall with it."""


def count_places(fitness: Array) -> Places:
    """Where each of ``(K,)`` members stands."""
    ordered = jnp.sort(fitness)
    worse = jnp.searchsorted(ordered, fitness, side="left")
    return Places(worse, jnp.searchsorted(ordered, fitness, side="right"))


def ranks(places: Places) -> Array:
    """Ranks from 0 (worst); the tied share their average."""
    return (places.worse + places.upto - 1).astype(jnp.float32) / 2


def centred_ranks(places: Places) -> Array:
    """Average ranks from -1/2 (worst) to 1/2 (best); 0 for a single member."""
    last = places.worse.size - 1
    # Centred before the division, which XLA rounds: ties among all stay exactly zero.
    return (ranks(places) - last / 2) / max(1, last)
