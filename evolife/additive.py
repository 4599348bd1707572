"""Strategies that learn from a weighted sum over members, which ranks can share."""

import abc
import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from evolife.base import (
    Array,
    LifeStatistics,
    Proposal,
    SelectionState,
    Strategy,
    StrategyState,
)
from evolife.errors import InvalidInput

_PIECE = 128
"""Members whose sum is one unit of work, at most: as many as a large tile has."""
_NUMBERS = 2**19
"""Numbers that are drawn at once for it: what a core's own cache holds."""


@dataclasses.dataclass(frozen=True, eq=False)
class AdditiveStrategy(Strategy):
    """Learns from ``sum_i w_i c_i``: a weight times a contribution of each member.

    Members ``2p`` and ``2p + 1`` are drawn together. The engine has each rank sum some
    pieces of :attr:`piece` members and adds the sums of all exactly, so that the result
    has the same bits on any number of ranks; :meth:`tell` adds them in one program, and
    differs from that in the last digits alone.

    Raises:
        InvalidInput: for an odd population.
    """

    def __post_init__(self) -> None:
        """Refuse what cannot be cut into pairs."""
        size = self.population_size
        if size % 2:
            raise InvalidInput(
                f"population.size = {size}: strategy {self.name} evaluates antithetic "
                f"pairs and needs an even number, such as {size - 1 or 2} or {size + 1}"
            )

    @property
    def piece(self) -> int:
        """Members of a piece: a power of two that depends on a genome's size alone."""
        fits = max(1, _NUMBERS // max(1, self.member_size)).bit_length() - 1
        return min(_PIECE, 2 * 2**fits)

    @property
    def pieces(self) -> int:
        """Pieces of a generation; the last may hold fewer members."""
        return -(-self.population_size // self.piece)

    @property
    @abc.abstractmethod
    def bound(self) -> float:
        """What no number of a member's contribution is larger than."""

    @abc.abstractmethod
    def weigh(
        self,
        state: StrategyState,
        proposal: Proposal,
        fitness: Array,
        statistics: LifeStatistics,
    ) -> tuple[Array, SelectionState]:
        """``(K,)`` float32 weights for finite fitness, and the selection's new state.

        Every rank computes them all.
        """

    @abc.abstractmethod
    def draw(self, proposal: Proposal, first: Array) -> Any:
        """What the members ``first .. first + piece - 1`` are made of besides.

        ``first`` is an even int32 scalar; members beyond the last are drawn, too.
        """

    @abc.abstractmethod
    def partial_sum(self, drawn: Any, weights: Array) -> Any:
        """``sum_i weights[i] * contribution_i`` of drawn members, a pytree of float32.

        ``weights`` are ``(piece,)``, and 0 for members beyond the last.
        """

    @abc.abstractmethod
    def move(
        self,
        state: StrategyState,
        proposal: Proposal,
        generation: Array,
        total: Any,
        selection: SelectionState,
    ) -> StrategyState:
        """The state after a generation whose sum over all members is ``total``."""

    def tell(
        self,
        state: StrategyState,
        proposal: Proposal,
        generation: Array,
        fitness: Array,
        statistics: LifeStatistics,
    ) -> StrategyState:
        """Weigh, sum and move in one program."""
        weights, selection = self.weigh(state, proposal, fitness, statistics)
        firsts = jnp.arange(self.pieces, dtype=jnp.int32) * self.piece

        def add(total: Any, row: tuple[Array, Array]) -> tuple[Any, None]:
            part = self.partial_sum(self.draw(proposal, row[0]), row[1])
            return jax.tree.map(jnp.add, total, part), None

        nothing = jax.tree.map(
            lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), self.sum_shapes(proposal)
        )
        total, _ = jax.lax.scan(add, nothing, (firsts, self.rows(weights)))
        return self.move(state, proposal, generation, total, selection)

    def sum_shapes(self, proposal: Proposal) -> Any:
        """Shapes and dtypes of the sum."""
        drawn = jax.eval_shape(self.draw, proposal, jnp.int32(0))
        return jax.eval_shape(self.partial_sum, drawn, jnp.zeros(self.piece))

    def rows(self, weights: Array) -> Array:
        """``(K,)`` weights as ``(pieces, piece)``, with zeros for members not there."""
        lacking = self.pieces * self.piece - self.population_size
        return jnp.pad(weights, (0, lacking)).reshape(self.pieces, self.piece)
