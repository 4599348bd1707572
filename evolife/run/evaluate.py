"""Champions measured again: on fresh lives, of other lengths, in other worlds."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from evolife.base import Genome
from evolife.config.model import RunConfig, load_config
from evolife.engine.evaluation import Evaluation
from evolife.engine.experiment import Experiment
from evolife.engine.tournament import interval_of_mean, moments, remeasure
from evolife.engine.variety import copied
from evolife.engine.work import Interrupted
from evolife.errors import Stopped
from evolife.plugins.build import build_run
from evolife.ranks.mpi import Ranks
from evolife.run import filmstrip
from evolife.run.bounds import measured_faults
from evolife.run.film import best_life, refuse_unfilmable
from evolife.storage import champions
from evolife.storage.genomes import read_genomes
from evolife.storage.run_folder import RunFolder
from evolife.strict_json import plain

_STOPPED = "stopped before all lives were lived; evaluate again"


def evaluate(
    run: RunFolder,
    config: RunConfig,
    lives: int,
    ranks: Ranks,
    film: bool = False,
    life: int = 0,
) -> dict[str, Any]:
    """Live every champion of ``run`` on ``lives`` lives of ``config``.

    The lives come from a pool of their own, so they are fresh for every champion; the
    same config and seed give the same lives. With ``film`` the best champion's life
    number ``life`` is drawn into the run's folder, and the report of rank 0 says where.

    Raises:
        InvalidInput: the run has no champions, or they do not fit the config's
            environment, or it cannot be filmed.
        Stopped: a signal came.
    """
    experiment = build_run(config).experiment
    if film:
        refuse_unfilmable(experiment.environment, config)
    table = champions.read(run)
    genomes = read_genomes(run, table, experiment.template())
    steps = config.lifetime.steps
    # First, because a film that cannot be written should cost no other lives.
    given = experiment, genomes, lives, ranks, life
    files = {"film": _filmed(run, config.env.name, *given)} if film else {}
    try:
        lived = remeasure(
            experiment, genomes, len(table), steps, lives, config.seed, ranks
        )
    except Interrupted as stop:
        raise Stopped(_STOPPED) from stop
    return {
        "run": str(run.path),
        "env": config.env.model_dump(),
        "steps": steps,
        "lives": lives,
        "optimum": experiment.environment.optimum(steps),
        "memoryless": experiment.environment.memoryless(steps),
        "faults": measured_faults(experiment, lived.scores[0]),
        "champions": _rows(table, lived, gap=_as_evolved(run, config)),
        **files,
    }


def _as_evolved(run: RunFolder, config: RunConfig) -> bool:
    """Whether scores can be held against those of evolution: by the same lives."""
    own = load_config(str(run.config_path))
    parts = [
        (one.env, one.wrap, one.agent, one.lifetime.steps) for one in (own, config)
    ]
    return parts[0] == parts[1]


def _filmed(
    run: RunFolder,
    name: str,
    experiment: Experiment,
    genomes: Genome,
    lives: int,
    ranks: Ranks,
    life: int,
) -> list[str]:
    """Let rank 0 film; the others hear from it whether it was stopped."""
    given = experiment, genomes, lives, ranks, life
    film = best_life(*given) if ranks.rank == 0 else None
    told = b"whole" if film else b"stopped"
    if ranks.broadcast_bytes(told if ranks.rank == 0 else None) == b"stopped":
        raise Stopped(_STOPPED)
    if film is None:
        return []
    return filmstrip.write(run.path, experiment.environment, film, name)


def _rows(
    table: Sequence[dict[str, Any]], lived: Evaluation, gap: bool
) -> list[dict[str, Any]]:
    details = lived.details(list(range(len(table))))
    environment, steps = lived.evaluator.environment, lived.evaluator.steps
    copies = copied(environment, steps, lived.scores)
    rows: list[dict[str, Any]] = []
    for row, all_scores, copy, outcome in zip(
        table, lived.scores, copies, details, strict=True
    ):
        scores = all_scores[:1] if copy else all_scores
        mean, deviation = moments(scores)
        validated = row.get("validated")
        rows.append(
            {
                "rank": row["rank"],
                "source": row["source"],
                "selected": row["selected"],
                "validated": validated,
                "held_out": None if copy and gap else mean,
                "interval": interval_of_mean(scores),
                "gap": None
                if validated is None or not gap or copy
                else validated - mean,
                "deviation": deviation,
                "lives": len(scores),
                "nonfinite": int(np.sum(~np.isfinite(scores))),
                "early": float(outcome.early),
                "late": float(outcome.late),
                "curve": outcome.curve,
                "statistics": outcome.statistics,
                "one_life": mean if copy else None,
            }
        )
    return [plain(row) for row in rows]
