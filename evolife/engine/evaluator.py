"""Many lives by one compiled program: the one unit of speed, sharing and recovery.

A unit of work is a tile of members times a block of lives, and its shape never depends
on the number of ranks. XLA's last digits depend on the batch shape, so fixed shapes are
what makes any assignment of units to ranks give equal bits.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from evolife.base import Agent, Array, Environment, Genome, Key
from evolife.engine import lifetime
from evolife.engine.evaluation import Generation, Lived
from evolife.engine.grid import Grid
from evolife.engine.work import SHARE, Begun, Interrupted, Partial, Task
from evolife.keys import life_key
from evolife.ranks.mpi import Ranks, share_of

_AXES = ("members", "lives")
_CALL_LIMIT = 2**20
"""Member-steps in one call of a program: how soon a stop request is heeded."""


class Population:
    """Lives genomes that ``member(proposal, index)`` builds; compiled once."""

    def __init__(
        self,
        agent: Agent,
        environment: Environment,
        member: Callable[[Any, Array], Genome],
        steps: int,
        bins: int,
        same_lives: bool = False,
        skip: bool = True,
    ) -> None:
        """Prepare lives of ``steps`` steps, recorded in ``bins`` bins.

        With ``skip`` off, lives that can earn nothing more are lived to their end.
        """
        self.agent, self.environment, self.member = agent, environment, member
        self.steps, self.same_lives = steps, same_lives
        self._axis = _AXES if skip else None
        self.edges = lifetime.bin_edges(steps, bins)
        self.bins = len(self.edges) - 1
        self.traces = 0
        self._outcome: lifetime.Outcome | None = None
        self._begin = jax.jit(self._begin_lives)
        self._resume = jax.jit(self._resume_lives)

    def live(
        self,
        grid: Grid,
        task: Task,
        ranks: Ranks,
        partial: Partial | None = None,
        note: bytes = b"",
        ahead: Begun | None = None,
    ) -> Generation:
        """Live the whole grid, shared among the ranks.

        ``ahead`` is what :meth:`begin_share` gave for the same task.

        Raises:
            Interrupted: on every rank, when any was asked to stop before its share was
                done.
        """
        partial = Partial(*map(np.copy, partial or Partial.none(grid)))
        todo = np.flatnonzero(~partial.done)
        mine = todo[list(ranks.share(len(todo)))]
        start = time.perf_counter()
        outcomes = dict(self._live_units(grid, mine, task, ranks, ahead))
        lived = time.perf_counter()
        rows = np.zeros((len(mine), grid.tile, grid.block, 3), np.float32)
        # A rank lives its share in order, so what it finished is the beginning of it.
        for row, unit in zip(rows, outcomes, strict=False):
            row[:] = _row(outcomes[unit])
        told = SHARE.pack(len(outcomes), lived - start)
        rows, heard = ranks.exchange(rows, len(todo), note + told)
        partial.rows[todo] = rows
        shares = [SHARE.unpack(words[-SHARE.size :]) for words in heard]
        for rank, (finished, _) in enumerate(shares):
            share = share_of(len(todo), rank, ranks.size)
            partial.done[todo[list(share[:finished])]] = True
        if not partial.done.all():
            raise Interrupted(partial)
        scores, early, late = np.moveaxis(grid.assemble(partial.rows), -1, 0)
        seconds = {"live": lived - start, "gather": time.perf_counter() - lived}
        notes = [words[: -SHARE.size] for words in heard]
        lived_for = [spent for _, spent in shares]
        table = Lived(scores, early, late, notes, seconds, lived_for)
        return Generation(self, grid, task, table, outcomes, ranks, partial)

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
    ) -> Iterator[tuple[int, lifetime.Outcome]]:
        """Yield outcomes, one unit computing while the one before it is fetched."""
        before: tuple[int, lifetime.Outcome] | None = None
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
    ) -> lifetime.Outcome | None:
        """Live one unit, or go on with it; None if ``stop()`` came true before."""
        if stop():
            return None
        _, life, outcome, stride = begun or self._begin_unit(grid, unit, task)
        for begin in range(stride, self.bins, stride):
            jax.block_until_ready(life)
            if stop():
                return None
            end = min(begin + stride, self.bins)
            life, outcome = self._resume(
                task, *grid.lanes(unit), life, np.int32(begin), np.int32(end)
            )
        return outcome

    def _begin_unit(self, grid: Grid, unit: int, task: Task) -> Begun:
        whole = grid.tile * grid.block * self.steps
        stride = min(self.bins, max(1, self.bins * _CALL_LIMIT // whole))
        life, outcome = self._begin(task, *grid.lanes(unit), np.int32(stride))
        return Begun(unit, life, outcome, stride)

    def outcome_of_one(self, grid: Grid, task: Task) -> lifetime.Outcome:
        """Zeros in the shapes of one life's outcome."""
        if self._outcome is None:
            lanes = grid.lanes(0)
            shapes = jax.eval_shape(self._begin, task, *lanes, np.int32(1))[1]
            self._outcome = jax.tree.map(lambda leaf: np.zeros(leaf.shape[2:]), shapes)
        return self._outcome

    def _begin_lives(
        self, task: Task, members: Array, lives: Array, end: Array
    ) -> tuple[lifetime.Life, lifetime.Outcome]:
        self.traces += 1

        def begin(genome: Genome, key: Key, _: None) -> lifetime.Life:
            life = lifetime.birth(self.agent, self.environment, genome, key, self.bins)
            return self._advance(genome, key, life, jnp.int32(0), end)

        return self._over_tile(begin, task, members, lives, None)

    def _resume_lives(
        self,
        task: Task,
        members: Array,
        lives: Array,
        paused: lifetime.Life,
        begin: Array,
        end: Array,
    ) -> tuple[lifetime.Life, lifetime.Outcome]:
        self.traces += 1

        def resume(genome: Genome, key: Key, life: lifetime.Life) -> lifetime.Life:
            return self._advance(genome, key, life, begin, end)

        return self._over_tile(resume, task, members, lives, paused)

    def _advance(
        self, genome: Genome, key: Key, life: lifetime.Life, begin: Array, end: Array
    ) -> lifetime.Life:
        edges = jnp.asarray(self.edges)
        return lifetime.advance(
            self.agent,
            self.environment,
            genome,
            life,
            key,
            edges,
            begin,
            end,
            self._axis,
        )

    def _over_tile(
        self,
        live: Callable[[Genome, Key, Any], lifetime.Life],
        task: Task,
        members: Array,
        lives: Array,
        paused: lifetime.Life | None,
    ) -> tuple[lifetime.Life, lifetime.Outcome]:
        """Map ``live`` over members and, sharing each member's genome, over lives."""

        def of_member(index: Array, paused: Any) -> Any:
            genome = self.member(task.proposal, index)
            who = jnp.int32(0) if self.same_lives else index

            def of_life(number: Array, paused: Any) -> Any:
                key = life_key(task.pool, task.generation, who, number)
                life = live(genome, key, paused)
                edges = jnp.asarray(self.edges)
                return life, lifetime.judge(self.environment, life, edges)

            return jax.vmap(of_life, axis_name=_AXES[1])(lives, paused)

        return jax.vmap(of_member, axis_name=_AXES[0])(members, paused)


def _row(outcome: lifetime.Outcome) -> np.ndarray:
    """``(tile, block, 3)``: what crosses the network."""
    return np.stack([outcome.score, outcome.early, outcome.late], axis=-1)
