"""Scores of a run's champions, read without JAX and whatever else is damaged."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from evolife.errors import InvalidInput
from evolife.storage import held_out
from evolife.storage.held_out import HeldOut
from evolife.storage.run_folder import RunFolder
from evolife.storage.sweep_status import finite


@dataclasses.dataclass(frozen=True)
class Scores:
    """Of the best champion, as in ``champions.json``; finite but for the last two."""

    held_out: float
    low: float
    high: float
    selected: float
    validated: float
    early: float | None
    late: float | None
    row: Mapping[str, Any]
    """All of its row, for a verdict against a control."""

    @property
    def gap(self) -> float:
        """The winner's curse: validated minus held-out."""
        return self.validated - self.held_out


@dataclasses.dataclass(frozen=True)
class ChampionScores:
    """What the file of champions says, as far as it can be read."""

    best: Scores | None = None
    """None where there is no file, or no finite score in its first row."""
    optimum: float | None = None
    """Return of the best possible life, where the file names it."""
    memoryless: float | None = None
    """Return of the best life that forgets everything at each step, likewise."""
    faults: tuple[str, ...] = ()
    """What contradicts these two numbers, as the run found it."""
    lives: HeldOut | None = None
    """What the champions earned life by life; None where that is not recorded."""


def read_scores(run: RunFolder) -> ChampionScores:
    """Read what a run says of its champions; damage counts as absence."""
    try:
        found = json.loads((run.champions / "champions.json").read_bytes())
        rows = found["champions"]
        best = _scores(rows[0])
        optimum, memoryless = map(finite, map(found.get, ("optimum", "memoryless")))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return ChampionScores()
    try:
        lives = held_out.read(run, rows)
    except (InvalidInput, AttributeError, TypeError):
        # What is compared without pairs says so.
        lives = None
    faults = found.get("faults")
    told = tuple(map(str, faults)) if isinstance(faults, list) else ()
    return ChampionScores(best, optimum, memoryless, told, lives)


def _scores(row: Mapping[str, Any]) -> Scores | None:
    low, high = map(finite, row["interval"])
    held, selected, validated, early, late = (
        finite(row.get(key))
        for key in ("held_out", "selected", "validated", "early", "late")
    )
    if held is None or low is None or high is None:
        return None
    if selected is None or validated is None:
        return None
    return Scores(held, low, high, selected, validated, early, late, row)
