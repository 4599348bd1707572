"""Parallel coordinates: one line a run across its parameters to its metric."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from evolife.reports import drawing, words
from evolife.reports.drawing import DASHED, DOTTED, GREY, Picture
from evolife.reports.runs import SEED, Run
from evolife.reports.study import Study
from evolife.reports.words import is_number, level_name, number

MOST = 5
"""Parameters that have room, the most important first."""
_DECADES = 1.5
_FEW, _MANY = 3, 6
_THIRDS: dict[str, dict[str, Any]] = {
    "best third": {"color": drawing.BLUE, "lw": 2.0, "zorder": 4},
    "middle third": {"color": "#E69F00", "ls": DASHED, "lw": 1.2, "zorder": 3},
    "last third": {"color": GREY, "ls": DOTTED, "lw": 1.0, "zorder": 2},
}


class Axis(NamedTuple):
    """A parameter's or the metric's place."""

    heights: np.ndarray
    """``(N,)`` of the runs, 0 .. 1."""
    ticks: list[tuple[float, str]]


def parallel(study: Study, found: pd.DataFrame) -> Picture | None:
    """Draw the runs that have the metric; None for one run or no parameter."""
    runs = study.ranked
    chosen = [key for key in found.index if key != SEED]
    keys = chosen[:MOST]
    if len(runs) < 2 or not keys:
        return None
    names = words.short_names(keys)
    columns = [scaled([run.parameters.get(key) for run in runs]) for key in keys]
    columns.append(scaled(list(map(study.value, runs)), may_log=False))

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        _lines(axes, np.array([column.heights for column in columns]))
        _scales(axes, columns)
        shown = [words.clipped(name, 16) for name in (*names.values(), study.metric)]
        axes.set_xticks(range(len(columns)), shown)
        drawing.legend(figure, axes)

    told = {
        "study": study,
        "runs": runs,
        "drawn": keys,
        "common": _common(keys, runs),
        "more": len(chosen) - len(keys),
    }
    return Picture("parameters", drawing.drawn(4.6, draw), told)


def _common(keys: Sequence[str], runs: Sequence[Run]) -> list[str]:
    """What all of the best third of ``runs`` have alike, if they are several."""
    third = [run.parameters for run in runs[: -(-len(runs) // 3)]]
    differ = words.varying([{key: one.get(key) for key in keys} for one in third])
    alike = [key for key in keys if key not in differ and key in third[0]]
    return alike if len(third) > 1 else []


def scaled(values: Sequence[Any], may_log: bool = True) -> Axis:
    """Place numbers by size, by their logarithm where they span decades, or words.

    None is a value that was not set, which makes an axis of words.
    """
    if not all(map(is_number, values)):
        return _words(values)
    numbers = np.array(values, dtype=np.float64)
    low, high = numbers.min(), numbers.max()
    if low == high:
        return Axis(np.full(len(numbers), 0.5), [(0.5, number(low))])
    decades = np.log10(high / low) if may_log and low > 0 else 0.0
    marks = np.unique(numbers)
    if len(marks) > _MANY:
        marks = _round_numbers(low, high, decades)
    to: Any = np.log10 if decades >= _DECADES else np.asarray
    heights, at = ((to(x) - to(low)) / (to(high) - to(low)) for x in (numbers, marks))
    told = [number(mark) for mark in marks]
    return Axis(heights, list(zip(at.tolist(), told, strict=True)))


def _round_numbers(low: float, high: float, decades: float) -> np.ndarray:
    """Some between the ends."""
    locator: Any = MaxNLocator(_MANY, steps=[1, 2, 5, 10])
    if decades >= _DECADES:
        subs = (1, 3) if decades <= _FEW else (1,)
        locator = LogLocator(subs=subs, numticks=_MANY)
    marks = np.asarray(locator.tick_values(low, high))
    return marks[(marks >= low) & (marks <= high)]


def _words(values: Sequence[Any]) -> Axis:
    unique = {level_name(v): v for v in values}
    shown = dict(zip(unique, words.apart(list(unique.values())), strict=True))
    order = sorted(shown, key=lambda level: shown[level])
    height = {level: (i + 0.5) / len(order) for i, level in enumerate(order)}
    heights = np.array([height[level_name(v)] for v in values])
    told = order if len(order) <= 2 * _MANY else order[:: len(order) // _MANY]
    return Axis(heights, [(height[level], shown[level]) for level in told])


def _lines(axes: Axes, heights: np.ndarray) -> None:
    """Draw ``(columns, runs)`` places of the runs, the best first."""
    x, runs = np.arange(len(heights)), heights.shape[1]
    y = heights.copy()
    # Runs of equal values would hide each other; the metric's place stays exact.
    y[:-1] += np.linspace(-0.012, 0.012, runs)
    best: Any = {"color": drawing.INK, "marker": "o", "lw": 3, "ms": 6, "zorder": 6}
    axes.plot(x, heights[:, 0], label="best run", **best)
    third = np.minimum(2, 3 * np.arange(runs) // runs)
    for at, (name, look) in enumerate(_THIRDS.items()):
        axes.plot(x, y[:, third == at], label=name, alpha=0.85, **look)


def _scales(axes: Axes, columns: Sequence[Axis]) -> None:
    box = {"fc": "white", "ec": "none", "alpha": 0.8, "pad": 0.8}
    look: Any = {"fontsize": 9, "va": "center", "zorder": 7, "bbox": box}
    for place, column in enumerate(columns):
        axes.axvline(place, color=drawing.PALE, lw=1, zorder=1)
        for height, told in column.ticks:
            axes.text(place + 0.04, height, words.folded(told, 16, 2), **look)
    axes.set(xlim=(-0.15, len(columns) - 0.45), ylim=(-0.06, 1.06), yticks=[])
    axes.grid(visible=False)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(axis="x", length=0, labelrotation=18 if len(columns) > 4 else 0)
