"""Evolution: ask, live, gather, tell; one generation after the other, on all ranks."""

import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import numpy as np

from evolife import keys
from evolife.archive import Archive
from evolife.base import StrategyState
from evolife.experiment import Experiment, materialised
from evolife.generation import Generation
from evolife.lifetime import Outcome
from evolife.population import Partial, Task
from evolife.ranks import Ranks
from evolife.storage.leaves import digest
from evolife.storage.transfer import from_rank_zero


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
    lived: Generation
    details: tuple[Outcome, Outcome] | None
    """The best and the median member's lives, where they were asked for."""
    seconds: dict[str, float]
    """Wall time of this rank, by what it was spent on."""


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
    """Yield each generation after the first ``done``, until the config's last.

    Raises:
        Interrupted: a stop was asked for; the last step yielded is where to resume.
    """
    config = experiment.config
    pool = keys.pool_key(config.seed, keys.Pool.EVOLVE)
    propose = jax.jit(experiment.strategy.propose)
    update = jax.jit(experiment.strategy.update)
    keep = _archivist(experiment)
    strategy, archive, partial = progress
    note = digest(strategy)
    while done < config.generations:
        begun = time.perf_counter()
        number = np.int32(done)
        proposal = propose(strategy, number)
        task = Task(proposal, pool, number)
        lived = experiment.population.live(experiment.grid, task, ranks, partial, note)
        partial = Partial.none(experiment.grid)
        if len(set(lived.lived.notes)) > 1:
            warn(_diverged(done, lived.lived.notes))
            strategy = from_rank_zero(strategy, ranks)
            note = digest(strategy)
            continue
        told = time.perf_counter()
        statistics = lived.statistics()
        strategy = update(strategy, proposal, number, lived.fitness, statistics)
        note = digest(strategy)
        done += 1
        keep(archive, lived, strategy, done)
        details = _details(lived) if _due(done, config.record.every) else None
        seconds = {
            **lived.lived.seconds,
            "update": time.perf_counter() - told,
            "generation": time.perf_counter() - begun,
        }
        progress = Progress(strategy, archive, partial)
        yield Step(done, progress, note, lived, details, seconds)


def _archivist(experiment: Experiment) -> Callable[..., None]:
    """Return what keeps each generation's best, and the last generation's centre."""
    member = materialised(experiment)

    def keep(
        archive: Archive, lived: Generation, strategy: StrategyState, done: int
    ) -> None:
        best = int(np.argmax(lived.fitness))
        genome = jax.device_get(member(lived.task.proposal, np.int32(best)))
        archive.offer(genome, float(lived.fitness[best]), done, best)
        if done == experiment.config.generations:
            centre = jax.device_get(experiment.strategy.centre(strategy))
            archive.offer_centre(centre, done)

    return keep


def _details(lived: Generation) -> tuple[Outcome, Outcome]:
    order = np.argsort(-lived.fitness, kind="stable")
    best, median = lived.details([int(order[0]), int(order[len(order) // 2])])
    return best, median


def _due(done: int, every: int) -> bool:
    return done == 1 or done % every == 0


def _diverged(done: int, notes: list[bytes]) -> str:
    odd = [rank for rank, note in enumerate(notes) if note != notes[0]]
    return (
        f"generation {done + 1}: the state of rank(s) {odd} differed from rank 0's "
        "(mixed hardware or faulty memory); it was sent again and the generation lived "
        "anew"
    )
