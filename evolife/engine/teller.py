"""Tells a strategy how a generation did, in shares where it learns from a sum."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from evolife.base import Array, LifeStatistics, Proposal, Strategy, StrategyState
from evolife.engine import fixed_point
from evolife.engine.fixed_point import Words
from evolife.ranks.base import Ranks
from evolife.strategies import AdditiveStrategy

Tell = Callable[
    [StrategyState, Proposal, int, np.ndarray, LifeStatistics], StrategyState
]
"""``(state, proposal, generations done, fitness, statistics)`` to the next state."""


def teller(strategy: Strategy, ranks: Ranks) -> Tell:
    """What tells ``strategy``; collective, and the same state on every rank."""
    if isinstance(strategy, AdditiveStrategy):
        return SharedTell(strategy, ranks)
    tell = jax.jit(strategy.tell)
    return lambda state, proposal, done, *told: tell(
        state, proposal, np.int32(done), *told
    )


class SharedTell:
    """Each rank sums some pieces of the members; integers add their sums exactly.

    A piece is one turn of a loop whose shape is fixed: its bits do not depend on who
    sums it, nor on how many pieces it sums.
    """

    def __init__(self, strategy: AdditiveStrategy, ranks: Ranks) -> None:
        self._strategy, self._ranks = strategy, ranks
        self._weigh = jax.jit(strategy.weigh)
        self._sum = jax.jit(self._sum_pieces)
        self._move = jax.jit(strategy.move)

    def __call__(
        self,
        state: StrategyState,
        proposal: Proposal,
        done: int,
        fitness: np.ndarray,
        statistics: LifeStatistics,
    ) -> StrategyState:
        """The state after a generation."""
        weights, selection = self._weigh(state, proposal, fitness, statistics)
        limit = self.limit(weights)
        if np.isfinite(limit):
            share = self._ranks.share(self._strategy.pieces)
            mine = self.sum_share(proposal, weights, share, limit)
            numbers = fixed_point.floats(
                self._ranks.sum_integers(mine), fixed_point.exponent(limit)
            )
        else:
            # What it leads to is not finite either, which is for others to notice.
            numbers = np.full(self._size(proposal), np.nan, np.float32)
        total = self._shaped(proposal, numbers)
        return self._move(state, proposal, np.int32(done), total, selection)

    def limit(self, weights: Array) -> float:
        """What no number of the sum over all members is larger than."""
        absolute = np.abs(np.asarray(weights, np.float64)).sum()
        return self._strategy.bound * float(absolute)

    def sum_share(
        self, proposal: Proposal, weights: Array, share: range, limit: float
    ) -> np.ndarray:
        """``(numbers,)`` int64: the weighted sum over the pieces of ``share``."""
        power = fixed_point.exponent(limit)
        numbers = np.asarray([share.start, share.stop, power], np.int32)
        return fixed_point.integers(self._sum(proposal, weights, *numbers))

    def _sum_pieces(
        self, proposal: Proposal, weights: Array, begin: Array, end: Array, power: Array
    ) -> Words:
        strategy = self._strategy
        rows = strategy.rows(weights)

        def add(number: Array, total: Words) -> Words:
            first = number * strategy.piece
            part = strategy.partial_sum(proposal, first, rows[number])
            return fixed_point.add(total, ravel_pytree(part)[0], power)

        nothing = fixed_point.nothing((self._size(proposal),))
        return jax.lax.fori_loop(begin, end, add, nothing)

    def _shaped(self, proposal: Proposal, numbers: np.ndarray) -> Any:
        leaves, treedef = jax.tree.flatten(self._shapes(proposal))
        cuts = np.cumsum([leaf.size for leaf in leaves])[:-1]
        parts = np.split(numbers, cuts)
        shaped = [p.reshape(x.shape) for p, x in zip(parts, leaves, strict=True)]
        return jax.tree.unflatten(treedef, shaped)

    def _size(self, proposal: Proposal) -> int:
        return sum(leaf.size for leaf in jax.tree.leaves(self._shapes(proposal)))

    def _shapes(self, proposal: Proposal) -> Any:
        first, weights = jnp.int32(0), jnp.zeros(self._strategy.piece)
        return jax.eval_shape(self._strategy.partial_sum, proposal, first, weights)
