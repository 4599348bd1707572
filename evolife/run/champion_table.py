"""Champions of a tournament as they are kept: a table, their lives, their genomes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evolife.config.model import RunConfig
from evolife.engine.tournament import Champion
from evolife.storage import genomes
from evolife.storage.champions import file_name
from evolife.storage.held_out import HeldOut
from evolife.storage.run_folder import RunFolder
from evolife.strict_json import plain

_TOLD = (
    *("source", "generation", "selected", "validated", "held_out", "interval", "gap"),
    *("deviation", "lives", "nonfinite", "early", "late", "statistics", "one_life"),
)


def table(champions: Sequence[Champion]) -> list[dict[str, Any]]:
    """What ``champions.json`` says of each champion, best first; null: not finite."""
    return [
        {"rank": rank, "file": file_name(rank)}
        | {name: plain(getattr(champion, name)) for name in _TOLD}
        for rank, champion in enumerate(champions, start=1)
    ]


def held_out(config: RunConfig, champions: Sequence[Champion]) -> HeldOut:
    """What champions earned held-out life by life, and which lives these were."""
    which = config.model_dump(mode="json", include={"seed", "env", "wrap"})
    return HeldOut(
        {**which, "steps": config.lifetime.steps},
        np.stack([champion.returns for champion in champions]),
        np.stack([champion.curve for champion in champions]),
        *(champions[0].unlearned or ()),
    )


def write(
    run: RunFolder,
    champions: Sequence[Champion],
    known: Mapping[str, Any],
    lives: HeldOut | None,
) -> list[dict[str, Any]]:
    """Write champions into a run's folder; return their table.

    ``known`` and ``lives`` are those of :func:`evolife.storage.genomes.write`.

    Raises:
        EvolifeError: the disk is full or refuses.
    """
    rows = table(champions)
    bodies = [champion.genome for champion in champions]
    genomes.write(run, rows, bodies, known, lives)
    return rows
