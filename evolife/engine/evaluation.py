"""The lives of one generation, gathered: fitness, statistics, details on demand."""

import functools
import math
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np

from evolife.base import LifeStatistics
from evolife.engine.fitness import worst_for_nonfinite
from evolife.engine.grid import Grid
from evolife.engine.lifetime import Outcome
from evolife.engine.ordering import order_members
from evolife.engine.work import Partial, Task
from evolife.ranks.mpi import Ranks

if TYPE_CHECKING:
    from evolife.engine.evaluator import Evaluator


class Gathered(NamedTuple):
    """What crossed the network: the same on every rank."""

    scores: np.ndarray
    """``(members, lives)`` float32 returns."""
    early: np.ndarray
    """``(members, lives)`` mean reward per step in the first quarter of a life."""
    late: np.ndarray
    """The same in the last quarter."""
    notes: list[bytes]
    """What each rank said during the exchange."""
    seconds: dict[str, float]
    """Wall time of this rank: ``live`` and ``gather``."""
    rank_seconds: list[float]
    """Wall time that each rank lived for."""


class Evaluation:
    """A grid that was lived, with what stayed on the rank that lived it."""

    def __init__(
        self,
        evaluator: "Evaluator",
        grid: Grid,
        task: Task,
        gathered: Gathered,
        outcomes: dict[int, Outcome],
        ranks: Ranks,
        whole: Partial | None = None,
    ) -> None:
        """``whole`` is what a checkpoint keeps of it before it has taught anything."""
        self.whole = whole
        self.evaluator, self.grid, self.task = evaluator, grid, task
        self.gathered, self.ranks = gathered, ranks
        self._outcomes = outcomes

    @property
    def scores(self) -> np.ndarray:
        """``(members, lives)`` float32 returns."""
        return self.gathered.scores

    @functools.cached_property
    def counted(self) -> np.ndarray:
        """``(lives,)`` bool: the lives that fitness is the mean of."""
        return counted_lives(self.scores, self.evaluator.same_lives)

    @functools.cached_property
    def measured(self) -> np.ndarray:
        """``(members,)`` mean return over lives; may hold NaN or infinity."""
        with np.errstate(invalid="ignore", over="ignore"):
            means = self._of_counted(self.scores).mean(axis=1, dtype=np.float64)
            return means.astype(np.float32)

    @functools.cached_property
    def nonfinite(self) -> int:
        """How many members have no finite fitness."""
        return int(np.sum(~np.isfinite(self.measured)))

    @property
    def teaches(self) -> bool:
        """Whether any member has a finite fitness."""
        return self.nonfinite < len(self.measured)

    @functools.cached_property
    def fitness(self) -> np.ndarray:
        """``(members,)`` fitness; what is not finite becomes the generation's worst.

        All NaN where no member has a finite one.
        """
        fitness: np.ndarray = worst_for_nonfinite(self.measured)
        return fitness

    @functools.cached_property
    def order(self) -> np.ndarray:
        """``(members,)`` rows from the best to the worst, those not finite last."""
        rows: np.ndarray = order_members(self.fitness, self.measured)
        return rows

    @property
    def best(self) -> int:
        """The first of ``order``, without sorting."""
        finite = np.where(np.isfinite(self.measured), self.measured, -np.inf)
        return int(np.argmax(finite))

    @functools.cached_property
    def statistics(self) -> LifeStatistics:
        """What else is known of each member's lives, made finite."""
        scores = self._of_counted(self.scores)
        lives = scores.shape[1]
        with np.errstate(invalid="ignore"):
            error = (
                scores.std(axis=1, ddof=1, dtype=np.float64) / math.sqrt(lives)
                if lives > 1
                else np.zeros(len(scores))
            )
            parts = map(self._of_counted, (self.gathered.early, self.gathered.late))
            means = (*(part.mean(axis=1) for part in parts), error)
        finite: list[Any] = [
            np.nan_to_num(mean, posinf=0, neginf=0).astype(np.float32) for mean in means
        ]
        early, late, spread = finite
        counts: Any = np.full(len(scores), lives, np.float32)
        return LifeStatistics(early, late, spread, counts)

    def _of_counted(self, table: np.ndarray) -> np.ndarray:
        # Untouched where all count: another memory layout would sum in another order.
        return table if self.counted.all() else table[:, self.counted]

    def details(self, rows: list[int]) -> list[Outcome]:
        """Outcomes of the members at ``rows``, averaged over lives, on every rank.

        Each rank puts what it lived into a table that is zero elsewhere, so the sum
        over ranks is exact. Units that a checkpoint restored, or that were too many to
        keep, are lived again by rank 0.
        """
        like = self.evaluator.outcome_of_one(self.grid, self.task)
        width = sum(leaf.size for leaf in jax.tree.leaves(like))
        table = np.zeros((len(rows), len(self.grid.lives), width + 1), np.float32)
        self._fill(rows, table)
        table = self.ranks.sum_exact(table)
        missing = table[..., -1] == 0
        if missing.any():
            again = np.zeros_like(table)
            if self.ranks.rank == 0:
                self._relive(rows, missing)
                self._fill(rows, again)
            again[~missing] = 0
            table = table + self.ranks.sum_exact(again)
        return [_unflatten(row[..., :-1].mean(axis=0), like) for row in table]

    def _fill(self, rows: list[int], table: np.ndarray) -> None:
        for i, j in np.ndindex(table.shape[:2]):
            unit, lane, slot = self.grid.places(rows[i], j)
            if unit in self._outcomes:
                leaves = jax.tree.leaves(self._outcomes[unit])
                parts = [np.ravel(leaf[lane, slot]) for leaf in leaves]
                table[i, j] = np.concatenate([*parts, [1.0]])

    def _relive(self, rows: list[int], missing: np.ndarray) -> None:
        for i, j in np.argwhere(missing):
            unit = self.grid.places(rows[i], int(j))[0]
            if unit not in self._outcomes:
                lived = self.evaluator.live_unit(
                    self.grid, unit, self.task, lambda: False
                )
                self._outcomes[unit] = jax.device_get(lived)


def counted_lives(scores: np.ndarray, same_lives: bool) -> np.ndarray:
    """``(lives,)`` bool: which lives of ``(members, lives)`` scores count.

    Where all members live the same lives, one in which nobody has a finite score tells
    nothing of anybody, and would make all members equally bad: it is left out for all.
    A life that is finite for some is the fault of the others. Where no life is left,
    all of them stand, and no member has a finite mean.
    """
    everyone = np.ones(scores.shape[1], bool)
    if not same_lives or len(scores) < 2:
        return everyone
    told: np.ndarray = np.isfinite(scores).any(axis=0)
    return told if told.any() else everyone


def _unflatten(row: np.ndarray, like: Outcome) -> Outcome:
    leaves, treedef = jax.tree.flatten(like)
    cuts = np.cumsum([leaf.size for leaf in leaves])[:-1]
    parts = np.split(row, cuts)
    return jax.tree.unflatten(
        treedef, [p.reshape(x.shape) for p, x in zip(parts, leaves, strict=True)]
    )
