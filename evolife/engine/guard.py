"""Asks and tells a strategy, and keeps what it believes finite.

A step size that fell to 0 and is divided by, or a number too large for float32, would
make every genome NaN, and an environment may well pay a finite score to an agent of
NaNs. So an update after which the strategy would hold, or propose, what is not finite
is undone: the next generation is drawn again from where the strategy stood. It is said
when and why.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from evolife.base import Array, LifeStatistics, Proposal, Strategy, StrategyState
from evolife.engine.teller import teller
from evolife.ranks.base import Ranks


class Guard:
    """A strategy as evolution meets it: compiled, watched, and never NaN."""

    def __init__(
        self, strategy: Strategy, ranks: Ranks, warn: Callable[[str], None]
    ) -> None:
        self._strategy, self._warn = strategy, warn
        self._name = strategy.name
        self._ask = jax.jit(strategy.ask)
        self._tell = teller(strategy, ranks)
        self._finite = jax.jit(strategy.finite)
        self._floor = jax.jit(lambda state: strategy.floor(state)[0])
        self._lost = jax.jit(_lost)
        self._asked: tuple[StrategyState, int, Proposal] | None = None
        self._undone, self._at_floor, self._sick = 0, False, False

    def ask(self, state: StrategyState, done: int) -> Proposal:
        """What the generation after ``done`` is built from; asked once a state."""
        if self._asked and self._asked[0] is state and self._asked[1] == done:
            return self._asked[2]
        proposal = self._ask(state, np.int32(done))
        self._asked = state, done, proposal
        if not self._sick and not self._finite(proposal):
            self._sick = True
            self._warn(
                f"generation {done + 1}: {self._name} proposes genomes that are not "
                "finite, and has none to go back to; look at init_genome of the agent"
            )
        return proposal

    def compile(self, state: StrategyState, proposal: Proposal) -> None:
        """Compile what tells, without telling anything."""
        self._tell.compile(state, proposal)
        self._floor(state)
        self._lost(state, state)

    def tell(
        self,
        state: StrategyState,
        proposal: Proposal,
        done: int,
        fitness: np.ndarray,
        statistics: LifeStatistics,
    ) -> StrategyState:
        """The state after a generation, or the one before where that is not finite."""
        after = self._tell(state, proposal, done, fitness, statistics)
        lost = np.asarray(self._lost(state, after))
        if not lost.any():
            following = self._ask(after, np.int32(done + 1))
            if self._sick or self._finite(following):
                self._asked = after, done + 1, following
                self._note_floor(state, after, done + 1, fitness)
                return after
        self._note_undone(done + 1, _names(after, lost), fitness)
        return state

    def _note_undone(self, generation: int, lost: list[str], fitness: Any) -> None:
        self._undone += 1
        # The 1st, 2nd, 4th, 8th time: a run of a million generations stays readable.
        if self._undone & (self._undone - 1):
            return
        where = f"its {' and '.join(lost)}" if lost else "the genomes it proposes"
        times = f" ({self._undone} times so far)" if self._undone > 1 else ""
        self._warn(
            f"generation {generation}: the update of {self._name} would have made "
            f"{where} not finite{times}: {_cause(fitness)}. It was undone; the next "
            "generation is drawn again from where the strategy stood. If this goes on, "
            "lower its learning rates, raise its std_min, or choose another strategy"
        )

    def _note_floor(
        self, before: StrategyState, after: StrategyState, generation: int, fitness: Any
    ) -> None:
        if self._at_floor or not self._floor(after) or self._floor(before):
            return
        self._at_floor = True
        self._warn(
            f"generation {generation}: the step size of {self._name} has fallen to its "
            f"floor, {self._strategy.floor(after)[1]}: {_cause(fitness)}"
        )


def _cause(fitness: Any) -> str:
    """What the fitness of a generation says of why a strategy moved as it did."""
    low, high = float(np.min(fitness)), float(np.max(fitness))
    if low == high:
        return f"every member of this generation has the fitness {low:g} (a plateau)"
    return f"fitness in this generation went from {low:g} to {high:g}"


def _lost(before: Any, after: Any) -> Array:
    """One bool a leaf: whether a number was finite and is so no more."""
    pairs = zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True)
    return jnp.stack(
        [
            jnp.any(jnp.isfinite(old) & ~jnp.isfinite(new))
            if jnp.issubdtype(new.dtype, jnp.floating)
            else jnp.zeros((), bool)
            for old, new in pairs
        ]
    )


def _names(state: Any, lost: np.ndarray) -> list[str]:
    """The last parts of the paths of the leaves that are lost, each once."""
    paths = [path for path, _ in jax.tree_util.tree_leaves_with_path(state)]
    parts = [
        jax.tree_util.keystr(path, simple=True, separator=".").split(".")
        for path, bad in zip(paths, lost, strict=True)
        if bad
    ]
    return list(dict.fromkeys(part[-1] for part in parts))
