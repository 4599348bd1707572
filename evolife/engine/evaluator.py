"""Many lives by one compiled program: the one unit of speed, sharing and recovery.

A unit of work is a tile of members times a block of lives, and its shape never depends
on the number of ranks. XLA's last digits depend on the batch shape, so fixed shapes are
what makes any assignment of units to ranks give equal bits.
"""

import dataclasses
import functools
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from evolife.base import Agent, Array, Environment, Genome, Key
from evolife.engine.evaluation import Evaluation, Gathered
from evolife.engine.grid import Grid
from evolife.engine.lifetime import Life, Lifetime, Outcome
from evolife.engine.warmup import in_turn
from evolife.engine.work import SHARE, Begun, Interrupted, Partial, Task
from evolife.keys import life_key
from evolife.ranks.mpi import Ranks, share_of

_AXES = ("members", "lives")
_CALL_LIMIT = 2**20
"""Member-steps in one call of a program: how soon a stop request is heeded."""
_KEPT = 64
"""Units whose whole outcomes a rank keeps; those of others are lived again on demand,
so that memory does not grow with the population."""


@dataclasses.dataclass(frozen=True, eq=False)
class Evaluator:
    """Lives genomes that ``member(proposal, index)`` builds; compiled once."""

    agent: Agent
    environment: Environment
    member: Callable[[Any, Array], Genome]
    steps: int
    """Of one life."""
    requested_bins: int
    """Bins that a life is recorded in, at most one a step."""
    same_lives: bool = False
    """All members live the same lives."""
    skip: bool = True
    """Whether lives that can earn nothing more cost nothing more."""
    _traced: list[str] = dataclasses.field(default_factory=list, init=False, repr=False)
    _ready: list[bool] = dataclasses.field(default_factory=list, init=False, repr=False)

    @functools.cached_property
    def lifetime(self) -> Lifetime:
        """How each life is lived."""
        axis = _AXES if self.skip else None
        bins = self.requested_bins
        return Lifetime(self.agent, self.environment, self.steps, bins, axis)

    @property
    def edges(self) -> np.ndarray:
        """``(B + 1,)`` int32 steps at which bins begin."""
        return self.lifetime.edges

    @property
    def traces(self) -> int:
        """How many programs were traced so far."""
        return len(self._traced)

    @functools.cached_property
    def _begin(self) -> Callable[..., Any]:
        return jax.jit(self._begin_lives)

    @functools.cached_property
    def _resume(self) -> Callable[..., Any]:
        return jax.jit(self._resume_lives)

    def live(
        self,
        grid: Grid,
        task: Task,
        ranks: Ranks,
        partial: Partial | None = None,
        note: bytes = b"",
        ahead: Begun | None = None,
    ) -> Evaluation:
        """Live the whole grid, shared among the ranks.

        ``ahead`` is what :meth:`begin_share` gave for the same task.

        Raises:
            Interrupted: on every rank, when any was asked to stop before its share was
                done.
        """
        if ranks.size > 1 and not self._ready:
            in_turn(lambda: self._compile(grid, task), ranks)
            self._ready.append(True)
        partial = Partial(*map(np.copy, partial or Partial.none(grid)))
        todo = np.flatnonzero(~partial.done)
        mine = todo[list(ranks.share(len(todo)))]
        start = time.perf_counter()
        rows = np.zeros((len(mine), grid.tile, grid.block, 3), np.float32)
        finished, outcomes = 0, {}
        # A rank lives its share in order, so what it finished is the beginning of it.
        for unit, outcome in self._live_units(grid, mine, task, ranks, ahead):
            rows[finished] = _row(outcome)
            finished += 1
            if finished <= _KEPT:
                outcomes[unit] = outcome
        lived = time.perf_counter()
        told = SHARE.pack(finished, lived - start)
        rows, heard = ranks.exchange(rows, len(todo), note + told)
        partial.rows[todo] = rows
        shares = [SHARE.unpack(words[-SHARE.size :]) for words in heard]
        for rank, (count, _) in enumerate(shares):
            share = share_of(len(todo), rank, ranks.size)
            partial.done[todo[list(share[:count])]] = True
        if not partial.done.all():
            raise Interrupted(partial)
        scores, early, late = np.moveaxis(grid.assemble(partial.rows), -1, 0)
        seconds = {"live": lived - start, "gather": time.perf_counter() - lived}
        notes = [words[: -SHARE.size] for words in heard]
        lived_for = [spent for _, spent in shares]
        table = Gathered(scores, early, late, notes, seconds, lived_for)
        return Evaluation(self, grid, task, table, outcomes, ranks, partial)

    def _compile(self, grid: Grid, task: Task) -> None:
        """Compile the programs of a unit; no step is lived."""
        nothing, lanes = np.int32(0), grid.lanes(0)
        life, _ = self._begin(task, *lanes, nothing)
        if self._stride(grid) < self.lifetime.bins:
            self._resume(task, *lanes, life, nothing, nothing)

    def begin_share(self, grid: Grid, task: Task, ranks: Ranks) -> Begun | None:
        """Give the device the first unit of this rank's share of a whole grid.

        Returns at once, so that the host can do something else meanwhile.
        """
        share = ranks.share(grid.units)
        return self._begin_unit(grid, share[0], task) if share else None

    def _live_units(
        self,
        grid: Grid,
        units: np.ndarray,
        task: Task,
        ranks: Ranks,
        ahead: Begun | None,
    ) -> Iterator[tuple[int, Outcome]]:
        """Yield outcomes, one unit computing while the one before it is fetched."""
        before: tuple[int, Outcome] | None = None
        for unit in units.tolist():
            begun = ahead if ahead and ahead.unit == unit else None
            outcome = self.live_unit(grid, unit, task, ranks.stop_requested, begun)
            if outcome is None:
                break
            if before:
                yield before[0], jax.device_get(before[1])
            before = unit, outcome
        if before:
            yield before[0], jax.device_get(before[1])

    def live_unit(
        self,
        grid: Grid,
        unit: int,
        task: Task,
        stop: Callable[[], bool],
        begun: Begun | None = None,
    ) -> Outcome | None:
        """Live one unit, or go on with it; None if ``stop()`` came true before."""
        if stop():
            return None
        _, life, outcome, stride = begun or self._begin_unit(grid, unit, task)
        for begin in range(stride, self.lifetime.bins, stride):
            jax.block_until_ready(life)
            if stop():
                return None
            end = min(begin + stride, self.lifetime.bins)
            life, outcome = self._resume(
                task, *grid.lanes(unit), life, np.int32(begin), np.int32(end)
            )
        return outcome

    def _begin_unit(self, grid: Grid, unit: int, task: Task) -> Begun:
        stride = self._stride(grid)
        life, outcome = self._begin(task, *grid.lanes(unit), np.int32(stride))
        return Begun(unit, life, outcome, stride)

    def _stride(self, grid: Grid) -> int:
        """Bins that one call lives."""
        whole, bins = grid.tile * grid.block * self.steps, self.lifetime.bins
        return min(bins, max(1, bins * _CALL_LIMIT // whole))

    def outcome_of_one(self, grid: Grid, task: Task) -> Outcome:
        """Zeros in the shapes of one life's outcome."""
        shapes = jax.eval_shape(self._begin, task, *grid.lanes(0), np.int32(1))[1]
        return jax.tree.map(lambda leaf: np.zeros(leaf.shape[2:]), shapes)

    def _begin_lives(
        self, task: Task, members: Array, lives: Array, end: Array
    ) -> tuple[Life, Outcome]:
        self._traced.append("begin")

        def begin(genome: Genome, key: Key, _: None) -> Life:
            life = self.lifetime.birth(genome, key)
            return self.lifetime.advance(genome, life, key, jnp.int32(0), end)

        return self._over_tile(begin, task, members, lives, None)

    def _resume_lives(
        self,
        task: Task,
        members: Array,
        lives: Array,
        paused: Life,
        begin: Array,
        end: Array,
    ) -> tuple[Life, Outcome]:
        self._traced.append("resume")

        def resume(genome: Genome, key: Key, life: Life) -> Life:
            return self.lifetime.advance(genome, life, key, begin, end)

        return self._over_tile(resume, task, members, lives, paused)

    def _over_tile(
        self,
        live: Callable[[Genome, Key, Any], Life],
        task: Task,
        members: Array,
        lives: Array,
        paused: Life | None,
    ) -> tuple[Life, Outcome]:
        """Map ``live`` over members and, sharing each member's genome, over lives."""

        def of_member(index: Array, paused: Any) -> Any:
            genome = self.member(task.proposal, index)
            who = jnp.int32(0) if self.same_lives else index

            def of_life(number: Array, paused: Any) -> Any:
                key = life_key(task.pool, task.generation, who, number)
                life = live(genome, key, paused)
                return life, self.lifetime.judge(life)

            return jax.vmap(of_life, axis_name=_AXES[1])(lives, paused)

        return jax.vmap(of_member, axis_name=_AXES[0])(members, paused)


def _row(outcome: Outcome) -> np.ndarray:
    """``(tile, block, 3)``: what crosses the network."""
    return np.stack([outcome.score, outcome.early, outcome.late], axis=-1)
