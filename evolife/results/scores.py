"""Scores of a run's champions, read without JAX and whatever else is damaged."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from evolife.errors import InvalidInput
from evolife.storage import held_out
from evolife.storage.champions import read_document
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
        found = read_document(run)
        best = _scores(found["champions"][0])
    except (InvalidInput, OSError, TypeError, ValueError):
        return ChampionScores()
    try:
        lives = held_out.read(run, found["champions"])
    except (InvalidInput, TypeError):
        # What is compared without pairs says so.
        lives = None
    faults = found.get("faults")
    told = tuple(map(str, faults)) if isinstance(faults, list) else ()
    optimum, memoryless = finite(found.get("optimum")), finite(found.get("memoryless"))
    return ChampionScores(best, optimum, memoryless, told, lives)


def _scores(row: Mapping[str, Any]) -> Scores | None:
    """None where one of the scores is not finite; a row may lack anything."""
    names = ("held_out", "selected", "validated", "early", "late")
    held, selected, validated, early, late = (finite(row.get(name)) for name in names)
    low, high = map(finite, row.get("interval", ()))
    if held is None or low is None or high is None:
        return None
    if selected is None or validated is None:
        return None
    return Scores(held, low, high, selected, validated, early, late, row)
