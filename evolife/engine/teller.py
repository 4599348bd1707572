"""Tells a strategy how a generation did, in shares where it learns from a sum."""

from typing import Any

import jax
import numpy as np

from evolife.additive import AdditiveStrategy
from evolife.base import (
    Array,
    LifeStatistics,
    Proposal,
    SelectionState,
    Strategy,
    StrategyState,
)
from evolife.engine import fixed_point
from evolife.engine.fixed_point import Words
from evolife.engine.warmup import flat_statistics
from evolife.ranks.base import Ranks


def teller(strategy: Strategy, ranks: Ranks) -> "WholeTell | SharedTell":
    """What tells ``strategy``; collective, and the same state on every rank."""
    if isinstance(strategy, AdditiveStrategy):
        return SharedTell(strategy, ranks)
    return WholeTell(strategy)


class WholeTell:
    """Every rank does everything."""

    def __init__(self, strategy: Strategy) -> None:
        self._size = strategy.population_size
        self._tell = jax.jit(strategy.tell)

    def __call__(
        self,
        state: StrategyState,
        proposal: Proposal,
        done: int,
        fitness: np.ndarray,
        statistics: LifeStatistics,
    ) -> StrategyState:
        """The state after a generation."""
        after: StrategyState = self._tell(
            state, proposal, np.int32(done), fitness, statistics
        )
        return after

    def compile(self, state: StrategyState, proposal: Proposal) -> None:
        """Compile it."""
        flat = np.zeros(self._size, np.float32)
        self(state, proposal, 0, flat, flat_statistics(self._size))


class SharedTell:
    """Each rank sums some pieces of the members; integers add their sums exactly.

    A piece is one turn of a loop whose shape is fixed: its bits do not depend on who
    sums it, nor on how many pieces it sums.
    """

    def __init__(self, strategy: AdditiveStrategy, ranks: Ranks) -> None:
        self._strategy, self._ranks = strategy, ranks
        self.weigh = jax.jit(strategy.weigh)
        self._sum = jax.jit(self._sum_pieces)
        self._move = jax.jit(strategy.move)
        self._like: Any = None

    @property
    def pieces(self) -> int:
        """Of a generation."""
        return self._strategy.pieces

    def __call__(
        self,
        state: StrategyState,
        proposal: Proposal,
        done: int,
        fitness: np.ndarray,
        statistics: LifeStatistics,
    ) -> StrategyState:
        """The state after a generation."""
        weights, selection = self.weigh(state, proposal, fitness, statistics)
        numbers = self._sum_together(proposal, weights)
        return self.move(state, proposal, done, numbers, selection)

    def _sum_together(self, proposal: Proposal, weights: Array) -> np.ndarray:
        """``(numbers,)`` float32 sum over all members; NaN where there is none.

        There is none of weights that are not finite, nor where ranks, of unlike
        hardware, do not agree on the power that they multiply by. What NaN leads to is
        undone by whoever tells.
        """
        limit = self.limit(weights)
        lost = not np.isfinite(limit)
        limit = 0.0 if lost else limit
        power = fixed_point.exponent(limit)
        share = self._ranks.share(0 if lost else self._strategy.pieces)
        mine = self.sum_share(proposal, weights, share, limit)
        total = self._ranks.sum_integers(np.append(mine, [power, lost]))
        if total[-1] or total[-2] != power * self._ranks.size:
            return self.nothing(proposal) + np.float32(np.nan)
        found: np.ndarray = fixed_point.floats(total[:-2], power)
        return found

    def move(
        self,
        state: StrategyState,
        proposal: Proposal,
        done: int,
        numbers: np.ndarray,
        selection: SelectionState,
    ) -> StrategyState:
        """The state after a generation whose sum is ``numbers``."""
        total = self._shaped(proposal, numbers)
        return self._move(state, proposal, np.int32(done), total, selection)

    def compile(self, state: StrategyState, proposal: Proposal) -> None:
        """Compile all parts; nothing is summed and nobody else is needed."""
        size = self._strategy.population_size
        flat = np.zeros(size, np.float32)
        weights, selection = self.weigh(state, proposal, flat, flat_statistics(size))
        self.sum_share(proposal, weights, range(0), 0.0)
        self.move(state, proposal, 0, self.nothing(proposal), selection)

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
        words = self._sum(proposal, weights, *numbers)
        return np.concatenate([fixed_point.integers(leaf).ravel() for leaf in words])

    def nothing(self, proposal: Proposal) -> np.ndarray:
        """``(numbers,)`` float32 zeros."""
        sizes = [leaf.size for leaf in jax.tree.leaves(self._shapes(proposal))]
        return np.zeros(sum(sizes), np.float32)

    def _sum_pieces(
        self, proposal: Proposal, weights: Array, begin: Array, end: Array, power: Array
    ) -> list[Words]:
        """Leaf by leaf: joined into one array they would not be added as vectors.

        Each turn draws for the next one. What a loop carries is written out; fused into
        the sums that it is for, each number would be drawn by itself.
        """
        strategy = self._strategy
        rows = strategy.rows(weights)

        def add(number: Array, carry: tuple[Any, list[Words]]) -> Any:
            drawn, total = carry
            part = strategy.partial_sum(drawn, rows[number])
            leaves = zip(total, jax.tree.leaves(part), strict=True)
            added = [fixed_point.add(words, leaf, power) for words, leaf in leaves]
            return draw(number + 1), added

        def draw(number: Array) -> Any:
            return strategy.draw(proposal, number * strategy.piece)

        leaves = jax.tree.leaves(self._shapes(proposal))
        nothing = [fixed_point.nothing(leaf.shape) for leaf in leaves]
        total: list[Words] = jax.lax.fori_loop(begin, end, add, (draw(begin), nothing))[
            1
        ]
        return total

    def _shaped(self, proposal: Proposal, numbers: np.ndarray) -> Any:
        leaves, treedef = jax.tree.flatten(self._shapes(proposal))
        cuts = np.cumsum([leaf.size for leaf in leaves])[:-1]
        parts = np.split(numbers, cuts)
        shaped = [p.reshape(x.shape) for p, x in zip(parts, leaves, strict=True)]
        return jax.tree.unflatten(treedef, shaped)

    def _shapes(self, proposal: Proposal) -> Any:
        """Of the sum; traced once, since shapes never change."""
        if self._like is None:
            self._like = self._strategy.sum_shapes(proposal)
        return self._like
