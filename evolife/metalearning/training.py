"""The meta-meta loop: an operator descends the gradients that ranks work out.

Every rank takes some shards of the meta-batch; what each found is gathered, averaged in
the order of shards and followed on all ranks alike, so that any number of ranks trains
the same operator, bit for bit.
"""

import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree

from evolife.errors import EvolifeError
from evolife.keys import root_key
from evolife.metalearning.gradient_estimator import Carry, GradientEstimator
from evolife.metalearning.shards import Worker
from evolife.ranks.broadcast import from_rank_zero
from evolife.ranks.mpi import Ranks
from evolife.selection import operator as operators
from evolife.selection.operator import Operator

_IN_A_ROW = 20
"""Steps without a usable gradient, one after the other, that end the training."""
_SLOWEST = 0.99
"""Part of the average of operators that a meta-step keeps."""


class Trained(NamedTuple):
    """What all ranks know."""

    operator: Operator
    optimizer: Any
    average: Operator
    """Exponential average over meta-steps: what is judged and written."""
    best: Operator
    """The average with the best validation score so far; the last where none is."""
    best_score: Any
    best_step: Any
    skipped: Any
    """Meta-steps that were left out because a gradient was not finite."""
    in_a_row: Any


class Progress(NamedTuple):
    """Everything training needs in order to go on: what a checkpoint holds."""

    trained: Trained
    carries: tuple[Carry, ...]
    """Of every shard; on a rank, its own are up to date."""


class MetaStep(NamedTuple):
    """One finished meta-step."""

    number: int
    """How many meta-steps are done, from 1."""
    progress: Progress
    metrics: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Descent:
    """How gradients are followed."""

    learning_rate: float
    """Largest step size of Adam, from which it falls to 0 along a cosine."""
    clip: float
    """Longest gradient that is followed."""
    steps: int
    """Meta-steps in all."""

    def optimizer(self) -> optax.GradientTransformation:
        """Adam (Kingma & Ba 2015) on gradients clipped by their length."""
        rate = optax.cosine_decay_schedule(self.learning_rate, self.steps)
        return optax.chain(optax.clip_by_global_norm(self.clip), optax.adam(rate))


def begin(route: GradientEstimator, descent: Descent, seed: int) -> Progress:
    """Draw an operator and start every shard."""
    root = root_key(seed)
    operator = operators.init(jax.random.fold_in(root, 0), route.architecture)
    start = jax.random.fold_in(root, 1)
    carries = tuple(
        jax.jit(route.begin, static_argnums=0)(shard, jax.random.fold_in(start, shard))
        for shard in range(route.shards)
    )
    score = np.float32(-np.inf)
    none = np.int32(0)
    trained = Trained(
        *(operator, descent.optimizer().init(operator), operator, operator),
        *(score, none, none, none),
    )
    return Progress(trained, carries)


def train(
    route: GradientEstimator,
    descent: Descent,
    progress: Progress,
    done: int,
    seed: int,
    validate_every: int,
    ranks: Ranks,
    warn: Callable[[str], None],
) -> Iterator[MetaStep]:
    """Yield each meta-step after the first ``done``, until the last.

    Raises:
        EvolifeError: no gradient was usable for many steps in a row.
    """
    worker = Worker(route, ranks)
    follow = jax.jit(_follower(descent))
    judge = _Judge(route, validate_every, ranks)
    root = jax.random.fold_in(root_key(seed), 2)
    trained, carries = progress.trained, list(progress.carries)
    while done < descent.steps:
        begun = time.perf_counter()
        key = jax.random.fold_in(root, done)
        rows, fresh, notes = worker.step(trained.operator, carries, key)
        if len(set(notes)) > 1:
            warn(f"meta-step {done + 1}: ranks held different operators; sent again")
            trained = from_rank_zero(trained, ranks)
            continue
        carries = fresh
        slopes, told = rows[:, : worker.size], rows[:, worker.size :]
        trained, length = follow(trained, slopes, np.int32(done))
        done += 1
        _refuse_endless(trained, done)
        trained, scored = judge.consider(trained, done, done == descent.steps)
        metrics = {
            **dict(zip(worker.names, told.mean(axis=0).tolist(), strict=True)),
            "gradient": float(length),
            "skipped": int(trained.skipped),
            **scored,
            "seconds": time.perf_counter() - begun,
        }
        yield MetaStep(done, Progress(trained, tuple(carries)), metrics)


class _Judge:
    """Compares the averaged operator with the best so far, now and then."""

    def __init__(self, route: GradientEstimator, every: int, ranks: Ranks) -> None:
        self._every, self._ranks = every, ranks
        validates = type(route).validate is not GradientEstimator.validate
        self._score = jax.jit(route.validate) if validates else None

    def consider(
        self, trained: Trained, done: int, last: bool
    ) -> tuple[Trained, dict[str, float]]:
        """Keep the average if it is the best, or if nobody can say."""
        if self._score is None:
            number = np.int32(done)
            return trained._replace(best=trained.average, best_step=number), {}
        if done % self._every and not last:
            return trained, {}
        score = np.zeros(1, np.float32)
        if self._ranks.rank == 0:
            score[0] = self._score(trained.average)
        score = self._ranks.sum_exact(score)
        if score[0] > trained.best_score:
            trained = trained._replace(
                best=trained.average,
                best_score=np.float32(score[0]),
                best_step=np.int32(done),
            )
        return trained, {"validation": float(score[0])}


def _follower(descent: Descent) -> Callable[..., tuple[Trained, Any]]:
    optimizer = descent.optimizer()

    def follow(trained: Trained, slopes: Any, done: Any) -> tuple[Trained, Any]:
        unravel = ravel_pytree(trained.operator)[1]
        flat = jnp.mean(slopes, axis=0)
        sound = jnp.all(jnp.isfinite(slopes))
        slope = unravel(jnp.where(sound, flat, 0))
        change, state = optimizer.update(slope, trained.optimizer, trained.operator)
        moved = optax.apply_updates(trained.operator, change)
        kept = jnp.minimum(_SLOWEST, (1 + done) / (10 + done))

        def either(new: Any, old: Any) -> Any:
            return jax.tree.map(lambda a, b: jnp.where(sound, a, b), new, old)

        average = jax.tree.map(
            lambda a, b: kept * a + (1 - kept) * b, trained.average, moved
        )
        after = trained._replace(
            operator=either(moved, trained.operator),
            optimizer=either(state, trained.optimizer),
            average=either(average, trained.average),
            skipped=jnp.where(sound, trained.skipped, trained.skipped + 1),
            in_a_row=jnp.where(sound, 0, trained.in_a_row + 1),
        )
        return after, jnp.linalg.norm(flat)

    return follow


def _refuse_endless(trained: Trained, done: int) -> None:
    if int(trained.in_a_row) >= _IN_A_ROW:
        raise EvolifeError(
            f"no gradient was finite in the last {_IN_A_ROW} meta-steps, up to "
            f"{done}; lower optimizer.learning_rate or route.window, or route.noise, "
            "and go on from an earlier checkpoint or start over"
        )
