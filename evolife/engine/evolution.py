"""Evolution: ask, live, gather, tell; one generation after the other, on all ranks."""

import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import numpy as np

from evolife import keys
from evolife.base import StrategyState
from evolife.engine.archive import Archive, worth_of_best
from evolife.engine.evaluation import Evaluation
from evolife.engine.experiment import Experiment
from evolife.engine.guard import Guard
from evolife.engine.lifetime import Outcome
from evolife.engine.ordering import place_members
from evolife.engine.validation import Validation, Validator
from evolife.engine.warmup import in_turn
from evolife.engine.work import Interrupted, Partial, Task
from evolife.pytrees import digest
from evolife.ranks.broadcast import from_rank_zero
from evolife.ranks.mpi import Ranks


class Progress(NamedTuple):
    """Everything evolution needs in order to go on: what a checkpoint holds."""

    strategy: StrategyState
    archive: Archive
    partial: Partial
    """Units of the next generation that were finished before a stop."""


@dataclasses.dataclass(frozen=True)
class Step:
    """One finished generation."""

    generation: int
    """How many generations are done, from 1."""
    progress: Progress
    digest: bytes
    """Of the strategy's state after this generation."""
    evaluation: Evaluation
    details: tuple[Outcome, Outcome] | None
    """The best and the median member's lives, where they were asked for."""
    validation: Validation | None
    """How the strategy's centre does on the fixed lives, where that was due."""
    seconds: dict[str, float]
    """Wall time of this rank, by what it was spent on; recording the generation before
    counts as part of ``generation``."""


def begin(experiment: Experiment) -> Progress:
    """Start evolution from a random genome."""
    return Progress(
        experiment.newborn(),
        experiment.empty_archive(),
        Partial.none(experiment.grid),
    )


def evolve(
    experiment: Experiment,
    progress: Progress,
    done: int,
    ranks: Ranks,
    warn: Callable[[str], None],
) -> Iterator[Step]:
    """Yield each generation after the first ``done``, until the last of the settings.

    One in which no member has a finite fitness changes neither the strategy nor the
    archive; the next one draws other members. Nor does an update after which the
    strategy would not be finite.

    Raises:
        Interrupted: a stop was asked for; the last step yielded is where to resume.
    """
    settings, grid = experiment.settings, experiment.grid
    guard = Guard(experiment.strategy, ranks, warn)
    ask = _asker(experiment, guard)
    keep, validate = _archivist(experiment), _validate(experiment, ranks)
    strategy, archive, partial = progress
    note, task, ahead = digest(strategy), ask(strategy, done), None
    if ranks.size > 1 and done < settings.generations:
        in_turn(lambda: guard.compile(strategy, task.proposal), ranks)
    begun = time.perf_counter()
    while done < settings.generations:
        evaluation = experiment.evaluator.live(grid, task, ranks, partial, note, ahead)
        partial, ahead = Partial.none(grid), None
        if len(set(evaluation.gathered.notes)) > 1:
            warn(_diverged(done, evaluation.gathered.notes))
            strategy = from_rank_zero(strategy, ranks)
            note, task = digest(strategy), ask(strategy, done)
            continue
        told = time.perf_counter()
        strategy = _tell(guard, strategy, evaluation, done, ranks)
        note = digest(strategy)
        done += 1
        # Before the archive changes: a stop here goes back to the lives lived so far.
        validation, validated = validate(evaluation, strategy, done)
        keep(archive, evaluation, strategy, done)
        if done < settings.generations:
            # Before the yield: the device lives while the host records.
            task = ask(strategy, done)
            ahead = experiment.evaluator.begin_share(grid, task, ranks)
        details = _details(evaluation) if _due(done, settings.details_every) else None
        now = time.perf_counter()
        own = sum(validated.values())
        spent = {"update": now - told - own, "generation": now - begun} | validated
        begun = now
        progress = Progress(strategy, archive, partial)
        seconds = evaluation.gathered.seconds | spent
        yield Step(done, progress, note, evaluation, details, validation, seconds)


def _tell(
    guard: Guard,
    strategy: StrategyState,
    evaluation: Evaluation,
    done: int,
    ranks: Ranks,
) -> StrategyState:
    """The strategy's state after a generation, the same where that teaches nothing."""
    if not evaluation.teaches:
        return strategy
    fitness, proposal = evaluation.fitness, evaluation.task.proposal
    known = evaluation.statistics._replace(places=place_members(fitness, ranks))
    return guard.tell(strategy, proposal, done, fitness, known)


def _asker(
    experiment: Experiment, guard: Guard
) -> Callable[[StrategyState, int], Task]:
    """Return what asks the strategy for the generation after ``done``."""
    pool = keys.pool_key(experiment.settings.seed, keys.Pool.EVOLVE)

    def ask(strategy: StrategyState, done: int) -> Task:
        return Task(guard.ask(strategy, done), pool, np.int32(done))

    return ask


def _archivist(experiment: Experiment) -> Callable[..., None]:
    """Return what keeps each generation's best, and the last generation's centre."""
    member = experiment.materialised()

    def keep(
        archive: Archive, evaluation: Evaluation, strategy: StrategyState, done: int
    ) -> None:
        if evaluation.teaches:
            best = evaluation.best
            genome = jax.device_get(member(evaluation.task.proposal, np.int32(best)))
            worth = worth_of_best(evaluation.fitness, evaluation.evaluator.same_lives)
            archive.offer(genome, float(evaluation.fitness[best]), done, best, worth)
        if done == experiment.settings.generations:
            centre = jax.device_get(experiment.strategy.centre(strategy))
            archive.offer_centre(centre, done)

    return keep


def _validate(
    experiment: Experiment, ranks: Ranks
) -> Callable[..., tuple[Validation | None, dict[str, float]]]:
    """Return what validates the centre where it is due, and tells what that took."""
    validator = Validator(experiment)

    def validate(
        evaluation: Evaluation, strategy: StrategyState, done: int
    ) -> tuple[Validation | None, dict[str, float]]:
        if not validator.is_due(done):
            return None, {}
        begun = time.perf_counter()
        try:
            found = validator.measure(strategy, ranks)
        except Interrupted as stop:
            raise Interrupted(evaluation.whole or stop.partial) from stop
        return found, {"validate": time.perf_counter() - begun}

    return validate


def _details(evaluation: Evaluation) -> tuple[Outcome, Outcome]:
    order = evaluation.order
    best, median = evaluation.details([int(order[0]), int(order[len(order) // 2])])
    return best, median


def _due(done: int, every: int) -> bool:
    return done == 1 or done % every == 0


def _diverged(done: int, notes: list[bytes]) -> str:
    odd = [rank for rank, note in enumerate(notes) if note != notes[0]]
    return (
        f"generation {done + 1}: the state of rank(s) {odd} differed from rank 0's "
        "(mixed hardware or faulty memory); it was sent again and the generation lived "
        "again"
    )
