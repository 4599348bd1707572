"""Reward within a life, early and late in evolution, and on held-out lives."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evolife.reports import drawing
from evolife.reports.drawing import BLUE, DASHED, DOTTED, GREEN, INK, ORANGE, Picture
from evolife.reports.groups import Group
from evolife.reports.runs import Run
from evolife.reports.words import folded, number
from evolife.storage.sweep_status import finite

_QUARTERS = "champions, held-out lives"
"""Two points where no more is known of these lives: the first and the last quarter."""
_LOOKS: dict[str, dict[str, Any]] = {
    "median member, last record": {"color": BLUE, "lw": 1.4},
    "median member, first record": {"color": BLUE, "ls": DOTTED, "lw": 1.4},
    "best member, last record": {"color": ORANGE, "lw": 2.4},
    "best member, first record": {"color": ORANGE, "ls": DASHED, "lw": 2.0},
    "champions": {"color": INK, "lw": 2.4, "zorder": 5},
    "champions, learns: false": {"color": INK, "ls": DOTTED, "lw": 1.8},
    "controls": {"color": GREEN, "ls": drawing.LONG, "lw": 1.8},
    _QUARTERS: {"color": INK, "ls": "none", "marker": "D", "ms": 6, "zorder": 5},
}
_TOLD = {
    "best member, first record": "{} at the first record",
    "best member, last record": "{} at the last record",
    "champions": "champions {} on held-out lives",
    "champions, learns: false": "champions, learns: false {} on held-out lives",
    "controls": "controls {} on held-out lives",
}


class Lives(NamedTuple):
    """Medians over the seeds of a group."""

    group: Group
    steps: float
    """Of one life; 1 where that is not known."""
    curves: dict[str, np.ndarray]
    """``(B,)`` reward per step from birth to death, by what it is of."""
    seeds: int


def life(every: Sequence[Group]) -> Picture | None:
    """Draw one panel a group, the best groups first; None where none was recorded."""
    found = [one for one in map(_lives, every) if one is not None]
    shown = found[: drawing.SHOWN]
    if not shown:
        return None
    columns = min(len(shown), 2)
    rows = math.ceil(len(shown) / columns)

    def draw(figure: Figure) -> None:
        cells = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
        for axes, one in zip(cells, shown, strict=False):
            _draw(axes, one)
        for axes in cells[len(shown) :]:
            axes.set_visible(False)
        figure.supylabel("reward per step", fontsize=10.5)
        figure.supxlabel("step of life", fontsize=10.5)
        drawing.legend(figure, cells[0], handlelength=3.2)

    told = {
        "rises": [(one.group, _rises(one.curves)) for one in shown],
        "groups": len(found),
        "seeds": max(one.seeds for one in shown),
    }
    height = (2.6 if columns == 1 else 2.25) * rows + 1.6
    return Picture("life", drawing.drawn(height, draw), told)


def _lives(group: Group) -> Lives | None:
    runs = [run for run in group.ended if run.history.lives]
    if not runs:
        return None
    every, curves = list(map(_curves, runs)), {}
    for name in _LOOKS:
        lists = [own[name] for own in every if name in own]
        # Runs of one group have as many bins, unless a file was altered.
        alike = [one for one in lists if len(one) == len(lists[0])]
        if alike and np.isfinite(alike).any():
            curves[name] = np.median(alike, axis=0)
    if curves.keys() & {"champions", "controls"}:
        curves.pop(_QUARTERS, None)
    steps = finite(runs[0].settings.get("lifetime.steps"))
    return Lives(group, steps or 1.0, curves, len(runs))


def _curves(run: Run) -> dict[str, np.ndarray]:
    """Everything that is drawn of one run.

    Rewards that come late let every curve rise; what lies between those on held-out
    lives does not come from the environment alone.
    """
    found: dict[str, Any] = {}
    for when, one in zip(("last", "first"), reversed(run.history.lives), strict=False):
        found[f"median member, {when} record"] = one.median
        found[f"best member, {when} record"] = one.best
    if (lives := run.table.lives) is not None:
        found["champions"] = lives.curves[0]
        found["champions, learns: false"] = lives.unlearned_curve
    if (lives := run.control_table.lives) is not None:
        found["controls"] = lives.curves[0]
    if (best := run.champion) and best.early is not None and best.late is not None:
        found[_QUARTERS] = np.array([best.early, best.late])
    return {k: curve for k, curve in found.items() if curve is not None and len(curve)}


def _draw(axes: Axes, one: Lives) -> None:
    for name, curve in one.curves.items():
        middles = (np.arange(len(curve)) + 0.5) / len(curve)
        x = np.array([0.125, 0.875]) if name == _QUARTERS else middles
        axes.plot(x * one.steps, curve, label=name, **_LOOKS[name])
    if one.group.label:
        axes.set_title(folded(one.group.title, 38, 2), loc="left", fontsize=9)
    axes.set_xlim(0, one.steps)
    axes.margins(y=0.08)
    drawing.count_axis(axes)


def _rises(curves: dict[str, np.ndarray]) -> list[str]:
    """Means over the first and the last quarter of a life, and what they are of."""
    found = []
    for name, words in _TOLD.items():
        if (curve := curves.get(name)) is not None:
            quarter = -(-len(curve) // 4)
            ends = float(curve[:quarter].mean()), float(curve[-quarter:].mean())
            early, late = (number(finite(end)) for end in ends)
            found.append(words.format(f"{early} to {late}"))
    return found
