"""Two sides held against each other: by life, by seed, or as two samples."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evolife.engine.difference import (
    CONFIDENCE,
    Difference,
    of_moments,
    paired,
    unpaired,
)
from evolife.errors import InvalidInput
from evolife.reports import drawing
from evolife.reports.groups import Band, band
from evolife.reports.runs import Run
from evolife.reports.sides import Side, pair_keys
from evolife.reports.words import clipped
from evolife.results.history import VALIDATION
from evolife.run.verdict import LEVEL
from evolife.storage.files import storage_errors, write_atomically
from evolife.storage.held_out import why_other_lives

_FEWEST = 2
_BINS = 24


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A held against B."""

    a: Side
    b: Side
    unit: Literal["life", "run"]
    """What one score is of."""
    scores: tuple[np.ndarray, np.ndarray]
    """``(n,)`` float64 of A and ``(m,)`` of B; of runs, each one's best champion's."""
    pairs: str
    """What two scores of a pair share; empty where there are no pairs."""
    notes: tuple[str, ...]
    """What must be said of it."""
    difference: Difference

    @property
    def better(self) -> str | None:
        """Name of the better side; None where that is undecided."""
        if not self.difference.p < LEVEL:
            return None
        return (self.a if self.difference.mean > 0 else self.b).name

    @property
    def curve(self) -> str:
        """The curve to show: the centre's on fixed lives, where both sides have it."""
        both = all(curve(side, VALIDATION) for side in (self.a, self.b))
        return VALIDATION if both else "fitness/mean"

    def document(self) -> dict[str, Any]:
        """Plain data: what ``evolife compare --json`` prints."""
        found = self.difference
        return {
            "a": _side(self.a, self.scores[0], self.curve),
            "b": _side(self.b, self.scores[1], self.curve),
            "curve": self.curve,
            "unit": self.unit,
            "paired_by": self.pairs or None,
            "test": "Student, paired" if self.pairs else "Welch",
            "difference": found.mean,
            "interval": list(found.interval),
            "confidence": CONFIDENCE,
            "p": found.p,
            "improvement": found.improvement,
            "improvement_interval": list(found.improvement_interval),
            "correlation": found.correlation if self.pairs else None,
            "better": self.better,
            "notes": list(self.notes),
        }

    def write(self, path: Path) -> None:
        """Draw both curves, and how the scores differ, into a ``.png`` or ``.svg``.

        Raises:
            InvalidInput: the file has another ending, or cannot be written.
        """
        kind = path.suffix.removeprefix(".").lower()
        if kind not in ("png", "svg"):
            raise InvalidInput(f"{path}: a picture is a .png or a .svg file")
        picture = drawing.drawn(5.6, lambda figure: _draw(figure, self))
        with storage_errors("write", path, InvalidInput):
            write_atomically(path, picture[kind])


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
    return _by_run(a, b)


def curve(side: Side, name: str) -> Band | None:
    """A curve of a side's runs over environment steps; None without any."""
    curves = [run.history.curve(name) for run in side.runs]
    known = [one for one in curves if one.notna().any()]
    return band(known) if known else None


def _by_life(a: Side, b: Side) -> Comparison:
    ours, theirs = (side.runs[0].table.lives for side in (a, b))
    reason = why_other_lives(ours, theirs)
    notes = [f"not paired: {reason}"] if reason else []
    notes.append(
        "one run a side: this tells of these two champions, not of how other seeds "
        "would come out"
    )
    if ours and theirs:
        x, y = (np.asarray(one.returns[0], float) for one in (ours, theirs))
        found = unpaired(x, y) if reason else paired(x, y)
    else:
        x = y = np.zeros(0)
        found = of_moments(_moments(a.runs[0]), _moments(b.runs[0]))
    pairs = "" if reason else "life"
    return Comparison(a, b, "life", (x, y), pairs, tuple(notes), found)


def _by_run(a: Side, b: Side) -> Comparison:
    """One score a run, in pairs of equal seeds or settings where there are such."""
    *keys, how = pair_keys(a, b)
    notes = [
        f"{side.name}: no champions in {', '.join(side.missing)}"
        for side in (a, b)
        if side.missing
    ]
    alike = [key for key in keys[0] if key in keys[1]]
    unique = all(len({*own}) == len(own) for own in keys)
    if not unique or len(alike) < _FEWEST:
        why = f"the sides do not share two or more runs of equal {how}"
        if not unique:
            why = f"several runs of a side have the same {how}"
        notes.append(f"not paired: {why}")
        x, y = (_held_out(side.runs) for side in (a, b))
        return Comparison(a, b, "run", (x, y), "", tuple(notes), unpaired(x, y))
    scores = []
    for side, own in zip((a, b), keys, strict=True):
        runs = dict(zip(own, side.runs, strict=True))
        if single := [run.name for key, run in runs.items() if key not in alike]:
            notes.append(f"{side.name}: without a partner, {', '.join(single)}")
        scores.append(_held_out([runs[key] for key in alike]))
    x, y = scores
    return Comparison(a, b, "run", (x, y), how, tuple(notes), paired(x, y))


def _held_out(runs: Sequence[Run]) -> np.ndarray:
    return np.array([run.champion.held_out for run in runs if run.champion])


def _moments(run: Run) -> tuple[float, float, int]:
    row: Any = run.champion.row if run.champion else {}
    try:
        return float(row["held_out"]), float(row["deviation"]), int(row["lives"])
    except (KeyError, TypeError, ValueError):
        return float("nan"), float("nan"), 0


def _side(side: Side, scores: np.ndarray, name: str) -> dict[str, Any]:
    found = curve(side, name)
    return {
        "name": side.name,
        "runs": [str(run.path) for run in side.runs],
        "held_out": float(_held_out(side.runs).mean()),
        "scores": scores.tolist(),
        "curve": found
        and found.lines.rename_axis("env_steps").reset_index().to_dict("list"),
    }


def _draw(figure: Figure, found: Comparison) -> None:
    above, below = figure.subplots(2, 1)
    for number, side in enumerate((found.a, found.b), start=1):
        if (one := curve(side, found.curve)) is not None:
            look = drawing.line_of(number)
            ends = one.lines.index, one.lines["low"], one.lines["high"]
            above.fill_between(*ends, color=look["color"], alpha=0.15)
            label = f"{'AB'[number - 1]}: {clipped(side.name, 56)}"
            above.plot(one.lines["middle"], label=label, lw=1.8, **look)
    above.set(xlabel="environment steps", ylabel=found.curve)
    drawing.count_axis(above)
    drawing.legend(figure, above, ncols=1, handlelength=3.2)
    _differences(below, found)
    below.set_ylabel("pairs" if found.pairs else "number")
    below.tick_params(colors=drawing.GREY)
    below.legend(loc="upper right")


def _differences(axes: Axes, found: Comparison) -> None:
    """Histogram of the pairs' differences, or of both sides' scores."""
    (a, b), (low, high) = found.scores, found.difference.interval
    if found.pairs:
        axes.hist(a - b, _BINS, color=drawing.BLUE, alpha=0.4)
        axes.axvline(0, color=drawing.INK, lw=1)
        orange: Any = {"color": drawing.ORANGE}
        axes.axvspan(low, high, alpha=0.25, label="95% interval", **orange)
        axes.axvline(found.difference.mean, lw=2, label="mean", **orange)
        axes.set_xlabel(f"A less B, in pairs of equal {clipped(found.pairs, 40)}")
        return
    look: Any = {"color": [drawing.BLUE, drawing.ORANGE], "histtype": "stepfilled"}
    axes.hist([a, b], _BINS, label=["A, held-out", "B, held-out"], alpha=0.4, **look)
    axes.set_xlabel(f"return of a {found.unit}")
