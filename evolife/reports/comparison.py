"""Two sides held against each other: by life, by seed, or as two samples."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from evolife.engine.difference import (
    CONFIDENCE,
    Difference,
    of_moments,
    paired,
    unpaired,
)
from evolife.errors import InvalidInput
from evolife.reports.groups import Band, band
from evolife.reports.runs import Run
from evolife.reports.sides import Side, pair_keys
from evolife.run.verdict import LEVEL
from evolife.storage.held_out import why_other_lives

_FEWEST = 2


class Scores(NamedTuple):
    """What is compared; arrays are of float64."""

    unit: Literal["life", "run"]
    """What one score is of."""
    a: np.ndarray
    """``(n,)`` scores of A; of runs, each one's best champion on held-out lives."""
    b: np.ndarray
    """``(m,)`` scores of B."""
    pairs: str
    """What two scores of a pair share; empty where there are no pairs."""
    notes: tuple[str, ...]
    """What must be said of it."""


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A held against B."""

    a: Side
    b: Side
    scores: Scores
    difference: Difference

    @property
    def better(self) -> str:
        """Name of the better side; empty where that is undecided."""
        if not self.difference.p < LEVEL:
            return ""
        return (self.a if self.difference.mean > 0 else self.b).name

    def document(self) -> dict[str, Any]:
        """Plain data: what ``evolife compare --json`` prints."""
        found = self.difference
        return {
            "a": _side(self.a, self.scores.a),
            "b": _side(self.b, self.scores.b),
            "unit": self.scores.unit,
            "paired_by": self.scores.pairs or None,
            "test": "Student, paired" if self.scores.pairs else "Welch",
            "difference": found.mean,
            "interval": list(found.interval),
            "confidence": CONFIDENCE,
            "p": found.p,
            "improvement": found.improvement,
            "improvement_interval": list(found.improvement_interval),
            "correlation": found.correlation if self.scores.pairs else None,
            "better": self.better or None,
            "notes": list(self.scores.notes),
        }


def compare_sides(a: Side, b: Side) -> Comparison:
    """Hold the best champions of A against those of B.

    Raises:
        InvalidInput: one side is a single run and the other is several.
    """
    counts = len(a.runs), len(b.runs)
    if counts == (1, 1):
        return _by_life(a, b)
    if 1 in counts:
        one, many = (a, b) if counts[0] == 1 else (b, a)
        raise InvalidInput(
            f"{one.name} has one run with champions, {many.name} has {len(many.runs)}: "
            f"compare it with one of them, such as {many.runs[0].path}, or give it "
            "several seeds"
        )
    scores = _of_runs(a, b)
    test = paired if scores.pairs else unpaired
    return Comparison(a, b, scores, test(scores.a, scores.b))


def curve(side: Side) -> Band | None:
    """The mean fitness of a side's runs over environment steps; None without any."""
    histories = [run.history for run in side.runs if run.history.has("fitness/mean")]
    found = [(one.curves["env_steps"], one.curves["fitness/mean"]) for one in histories]
    return band(found) if found else None


def _by_life(a: Side, b: Side) -> Comparison:
    ours, theirs = (side.runs[0].table.held_out for side in (a, b))
    reason = why_other_lives(ours, theirs)
    notes = [
        "one run a side: this tells of these two champions, not of how other seeds "
        "would come out"
    ]
    if reason:
        notes.insert(0, f"not paired: {reason}")
    if ours and theirs:
        x, y = (np.asarray(one.returns[0], float) for one in (ours, theirs))
        found = unpaired(x, y) if reason else paired(x, y)
    else:
        x = y = np.zeros(0)
        found = of_moments(_moments(a.runs[0]), _moments(b.runs[0]))
    pairs = "" if reason else "life"
    return Comparison(a, b, Scores("life", x, y, pairs, tuple(notes)), found)


def _of_runs(a: Side, b: Side) -> Scores:
    """One score a run, in pairs of equal seeds or settings where there are such."""
    ours, theirs, how = pair_keys(a, b)
    notes = [
        f"{side.name}: no champions in {', '.join(side.missing)}"
        for side in (a, b)
        if side.missing
    ]
    alike = [key for key in ours if key in theirs]
    unique = len({*ours}) == len(ours) and len({*theirs}) == len(theirs)
    if not unique or len(alike) < _FEWEST:
        why = f"the sides do not share two or more runs of equal {how}"
        if not unique:
            why = f"several runs of a side have the same {how}"
        notes.append(f"not paired: {why}")
        return Scores("run", _held_out(a.runs), _held_out(b.runs), "", tuple(notes))
    for side, keys in ((a, ours), (b, theirs)):
        single = [
            run.name
            for run, key in zip(side.runs, keys, strict=True)
            if key not in alike
        ]
        if single:
            notes.append(f"{side.name}: without a partner, {', '.join(single)}")
    first = [a.runs[ours.index(key)] for key in alike]
    second = [b.runs[theirs.index(key)] for key in alike]
    return Scores("run", _held_out(first), _held_out(second), how, tuple(notes))


def _held_out(runs: Sequence[Run]) -> np.ndarray:
    return np.array([run.champion.held_out for run in runs if run.champion], float)


def _moments(run: Run) -> tuple[float, float, int]:
    row: Any = run.champion.row if run.champion else {}
    try:
        return float(row["held_out"]), float(row["deviation"]), int(row["lives"])
    except (KeyError, TypeError, ValueError):
        return float("nan"), float("nan"), 0


def _side(side: Side, scores: np.ndarray) -> dict[str, Any]:
    found = curve(side)
    names = ("env_steps", "middle", "low", "high")
    held_out = [run.champion.held_out for run in side.runs if run.champion]
    return {
        "name": side.name,
        "runs": [str(run.path) for run in side.runs],
        "held_out": float(np.mean(held_out)),
        "scores": scores.tolist(),
        "curve": found
        and {
            name: array.tolist() for name, array in zip(names, found[:4], strict=True)
        },
    }
