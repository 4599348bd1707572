"""Best of K, honestly: select, re-measure on fresh lives, report on others still.

The score that brings a candidate into the archive is the maximum of many noisy ones and
therefore too high (the winner's curse). So candidates are re-measured by sequential
halving (Karnin, Koren & Somekh 2013) on lives of the VALIDATE pool, and those that are
kept are measured once on lives of the REPORT pool, which nothing was chosen by.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from scipy import special

from evolife import keys
from evolife.engine.ablation import learns, switched
from evolife.engine.archive import CENTRE, Archive
from evolife.engine.evaluation import Evaluation, counted_lives
from evolife.engine.experiment import Experiment
from evolife.engine.grid import Grid
from evolife.engine.variety import copied
from evolife.engine.work import Task
from evolife.ranks.mpi import Ranks
from evolife.selection.halving import learned_halving, sequential_halving

_LIVES_BLOCK = 64


class Unlearned(NamedTuple):
    """A champion in its held-out lives, newborn at every step."""

    returns: np.ndarray
    """``(lives,)`` float32."""
    curve: np.ndarray
    """``(bins,)`` reward per step, averaged over these lives."""


@dataclasses.dataclass(frozen=True)
class Champion:
    """A genome of the best of K, with what it scored and where."""

    genome: Any
    source: str
    """Where it came from: ``member 17`` or ``centre``."""
    generation: int
    selected: float
    """The score that made it a candidate: its fitness in evolution; for a centre, which
    was never measured there, its score in the tournament."""
    validated: float
    """Mean return in the tournament: what it was chosen and ordered by."""
    held_out: float
    """Mean return on lives that nothing was chosen by."""
    interval: tuple[float, float]
    """95% confidence interval of ``held_out``."""
    deviation: float
    """Standard deviation of the return over held-out lives."""
    lives: int
    """Held-out lives."""
    nonfinite: int
    """How many of them have no finite return; where there are any, ``held_out`` and
    what follows from it is NaN."""
    early: float
    """Mean reward per step over the first quarter of the held-out lives."""
    late: float
    """The same over the last quarter."""
    statistics: dict[str, float]
    """Named statistics of the environment, averaged over the held-out lives."""
    returns: np.ndarray
    """``(lives,)`` float32 return of each held-out life."""
    curve: np.ndarray
    """``(bins,)`` reward per step from birth to death, averaged over these lives."""
    unlearned: Unlearned | None = None
    """The best one in the same lives under ``learns: false``; None for the others, and
    where the agent keeps nothing from one step to the next."""
    one_life: float | None = None
    """What the one life earns that all lives here are copies of; None where they
    differ. Where it is a number, nothing is held out: ``held_out`` and what follows
    from it is NaN."""

    @property
    def gap(self) -> float:
        """The winner's curse: what chose it minus what it earns on other lives.

        Both were measured anew on lives that all champions share, so that the luck of
        the generation it comes from does not enter.
        """
        return self.validated - self.held_out


def interval_of_mean(scores: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Student's t confidence interval of the mean of ``(n,)`` independent scores.

    NaN where a score is not finite, or there is only one.
    """
    if len(scores) < 2 or not np.isfinite(scores).all():
        return math.nan, math.nan
    mean = float(np.mean(scores, dtype=np.float64))
    error = float(np.std(scores, ddof=1, dtype=np.float64)) / math.sqrt(len(scores))
    reach = float(special.stdtrit(len(scores) - 1, (1 + level) / 2)) * error
    return mean - reach, mean + reach


def moments(scores: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of ``(n,)`` scores; NaN where one is not finite."""
    if not np.isfinite(scores).all():
        return math.nan, math.nan
    several = len(scores) > 1
    deviation = float(scores.std(ddof=1, dtype=np.float64)) if several else math.nan
    return float(scores.mean(dtype=np.float64)), deviation


def champion_grid(members: Sequence[int], lives: range) -> Grid:
    """One member and many lives a unit: the lives share the member's weights."""
    return Grid(tuple(members), lives, 1, _LIVES_BLOCK)


def hold(experiment: Experiment, archive: Archive, ranks: Ranks) -> list[Champion]:
    """Hold the tournament among the archive's candidates; the same on every rank.

    Raises:
        Interrupted: when a stop was asked for.
    """
    settings, agent = experiment.settings, experiment.agent
    evaluator = experiment.champions
    stack = jax.device_put(archive.genomes)

    def live(
        pool: keys.Pool, members: Sequence[int], lives: range, learning: bool = True
    ) -> Evaluation:
        genomes = switched(agent, stack, len(archive.selected), learning)
        task = Task(genomes, keys.pool_key(settings.seed, pool), np.int32(0))
        return evaluator.live(champion_grid(members, lives), task, ranks)

    def measure(members: Sequence[int], lives: range) -> np.ndarray:
        scores = live(keys.Pool.VALIDATE, members, lives).scores
        # What is finite for no candidate would make them all equally bad.
        counted = counted_lives(scores, same_lives=True)
        return scores if counted.all() else scores[:, counted]

    candidates = archive.candidates
    budget = len(candidates) * settings.held_out_lives
    keep, judge = settings.keep, experiment.judge
    if judge is None:
        kept = sequential_halving(measure, candidates, keep, budget)
    else:
        kept = learned_halving(measure, candidates, keep, budget, judge)
    # One without a finite score is no champion, unless there is no other.
    kept = [one for one in kept if math.isfinite(one[1])] or kept
    places = [place for place, _ in kept]
    lives = range(settings.held_out_lives)
    report = live(keys.Pool.REPORT, places, lives)
    steps, scores = settings.steps, report.scores
    copies = copied(experiment.environment, steps, scores)
    champions = [
        _champion(archive, place, validated, report, row)
        for row, (place, validated) in enumerate(kept)
    ]
    best, *others = (
        _of_one_life(champion) if copy else champion
        for champion, copy in zip(champions, copies, strict=True)
    )
    if learns(agent):
        ablated = live(keys.Pool.REPORT, places[:1], lives, learning=False)
        best = dataclasses.replace(best, unlearned=_unlearned(ablated))
    return [best, *others]


def _unlearned(ablated: Evaluation) -> Unlearned:
    return Unlearned(ablated.scores[0], np.asarray(ablated.details([0])[0].curve))


def _of_one_life(champion: Champion) -> Champion:
    """The champion of an environment in which all lives are the same."""
    return dataclasses.replace(
        champion,
        held_out=math.nan,
        interval=(math.nan, math.nan),
        deviation=math.nan,
        lives=1,
        one_life=champion.held_out,
    )


def _champion(
    archive: Archive, place: int, validated: float, report: Evaluation, row: int
) -> Champion:
    scores = report.scores[row]
    details = report.details([row])[0]
    centre = int(archive.member[place]) == CENTRE
    held_out, deviation = moments(scores)
    return Champion(
        genome=jax.tree.map(lambda leaf: leaf[place], archive.genomes),
        source="centre" if centre else f"member {archive.member[place]}",
        generation=int(archive.generation[place]),
        selected=validated if centre else float(archive.selected[place]),
        validated=validated,
        held_out=held_out,
        interval=interval_of_mean(scores),
        deviation=deviation,
        lives=len(scores),
        nonfinite=int(np.sum(~np.isfinite(scores))),
        early=float(details.early),
        late=float(details.late),
        statistics={k: float(v) for k, v in details.statistics.items()},
        returns=scores,
        curve=np.asarray(details.curve),
    )


def remeasure(
    experiment: Experiment,
    genomes: Any,
    count: int,
    steps: int,
    lives: int,
    seed: int,
    ranks: Ranks,
) -> Evaluation:
    """Live ``count`` stacked genomes on fresh lives of the EVALUATE pool."""
    pool = keys.pool_key(seed, keys.Pool.EVALUATE)
    task = Task(jax.device_put(genomes), pool, np.int32(0))
    grid = champion_grid(range(count), range(lives))
    return experiment.stacked(steps).live(grid, task, ranks)
