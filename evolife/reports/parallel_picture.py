"""Parallel coordinates: one line a run across its parameters to its metric."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from evolife.reports.importance import Importance, is_number, level_name
from evolife.reports.runs import Run
from evolife.reports.study import SEED, Study
from evolife.reports.style import GREY, INK, PALE, Picture, drawn
from evolife.reports.words import (
    MISSING,
    apart,
    clipped,
    folded,
    number,
    short_names,
    value,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 5
"""Parameters that have room, the most important first."""
_DECADES = 1.5
_FEW, _MANY = 3, 6
_THIRDS: tuple[dict[str, Any], ...] = (
    {"color": "#0072B2", "ls": "solid", "lw": 2.0, "zorder": 4},
    {"color": "#E69F00", "ls": (0, (5, 2)), "lw": 1.2, "zorder": 3},
    {"color": GREY, "ls": (0, (1, 1.6)), "lw": 1.0, "zorder": 2},
)
_NAMES = ("best third", "middle third", "last third")


class Axis(NamedTuple):
    """A parameter's or the metric's place."""

    name: str
    heights: np.ndarray
    """``(N,)`` of the runs, 0 .. 1."""
    ticks: list[tuple[float, str]]


def parallel_picture(study: Study, found: Sequence[Importance]) -> Picture | None:
    """Draw the runs that have the metric; None for one run or no parameter."""
    runs = study.ranked
    chosen = [one.parameter for one in found if one.parameter != SEED]
    keys = chosen[:MOST]
    if len(runs) < 2 or not keys:
        return None
    names = short_names(keys)
    axes_of = [
        scaled(names[key], [run.parameters.get(key) for run in runs]) for key in keys
    ]
    axes_of.append(scaled(study.metric, [study.value(run) for run in runs], False))

    def draw(figure: "Figure") -> None:
        axes = figure.subplots()
        _draw(axes, axes_of, len(runs))
        handles, words = axes.get_legend_handles_labels()
        legend = dict(zip(reversed(words), reversed(handles), strict=True))
        figure.legend(
            list(legend.values()), list(legend), loc="outside upper left", ncols=2
        )

    more = len(chosen) - len(keys)
    image = drawn(4.6, draw)
    return Picture("parameters", image, _alt(study, keys, runs), _caption(study, more))


def scaled(name: str, values: Sequence[Any], may_log: bool = True) -> Axis:
    """Place numbers by size, by their logarithm where they span decades, or words.

    None is a value that was not set, which makes an axis of words.
    """
    if all(map(is_number, values)):
        numbers = np.array(values, dtype=np.float64)
        low, high = float(numbers.min()), float(numbers.max())
        log = may_log and low > 0 and np.log10(high / low) >= _DECADES
        to: Callable[[Any], Any] = np.log10 if log else np.asarray
        reach = float(to(high) - to(low))
        heights = (to(numbers) - to(low)) / reach if reach else numbers * 0 + 0.5
        places = _ticks(np.unique(numbers), log)
        at = [float((to(p) - to(low)) / reach) if reach else 0.5 for p in places]
        told = [number(float(place)) for place in places]
        return Axis(name, heights, list(zip(at, told, strict=True)))
    unique = {level_name(v): v for v in values}
    levels = dict(zip(unique, apart(list(unique.values())), strict=True))
    order = sorted(levels, key=lambda level: levels[level])
    height = {level: (i + 0.5) / len(order) for i, level in enumerate(order)}
    heights = np.array([height[level_name(v)] for v in values])
    shown = order if len(order) <= 2 * _MANY else order[:: len(order) // _MANY]
    return Axis(name, heights, [(height[o], levels[o]) for o in shown])


def _ticks(places: np.ndarray, log: bool) -> np.ndarray:
    """All values where they are few, else round numbers between the ends."""
    if len(places) <= _MANY:
        return places
    low, high = float(places[0]), float(places[-1])
    if log:
        decades = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)))
        decades = decades[:: -(-len(decades) // _MANY)]
        marks = np.array([1.0, 3.0] if len(decades) <= _FEW else [1.0])
        round_ = (10.0 ** decades[:, None] * marks).ravel()
        return round_[(round_ >= low) & (round_ <= high)]
    step = 10 ** np.floor(np.log10((high - low) / _FEW))
    step *= next(m for m in (5, 2, 1) if (high - low) / (m * step) >= _FEW)
    return np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step


def _draw(axes: "Axes", columns: Sequence[Axis], runs: int) -> None:
    x = np.arange(len(columns), dtype=float)
    # Runs of equal values would hide each other; the metric's place stays exact.
    apart = np.linspace(-0.012, 0.012, runs)
    for rank in reversed(range(runs)):
        third = min(2, 3 * rank // runs)
        y = np.array([column.heights[rank] for column in columns])
        y[:-1] += apart[rank]
        axes.plot(x, y, label=_NAMES[third], alpha=0.85, **_THIRDS[third])
    top = np.array([column.heights[0] for column in columns])
    axes.plot(x, top, color=INK, marker="o", lw=3, ms=6, label="best run", zorder=6)
    for place, column in zip(x, columns, strict=True):
        axes.axvline(place, color=PALE, lw=1, zorder=1)
        for height, words in column.ticks:
            axes.text(
                place + 0.04,
                height,
                folded(words, 16, 2),
                fontsize=9,
                va="center",
                zorder=7,
                bbox={"fc": "white", "ec": "none", "alpha": 0.8, "pad": 0.8},
            )
    axes.set_xticks(x, [clipped(column.name, 16) for column in columns])
    axes.set_xlim(-0.15, len(columns) - 0.45)
    axes.set_ylim(-0.06, 1.06)
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(axis="x", length=0, labelrotation=18 if len(columns) > 4 else 0)


def _alt(study: Study, keys: Sequence[str], runs: Sequence[Run]) -> str:
    best = runs[0]
    told = [
        f"{key} {value(best.parameters[key]) if key in best.parameters else MISSING}"
        for key in keys
    ]
    third = runs[: max(1, -(-len(runs) // 3))]
    common = []
    for key in keys:
        levels = {level_name(run.parameters.get(key)) for run in third}
        if len(third) > 1 and len(levels) == 1 and key in best.parameters:
            common.append(f"{key} {value(best.parameters[key])}")
    alike = f" All of the best third have {', '.join(common)}." if common else ""
    return (
        f"Parallel coordinates of {len(runs)} runs. The best run ({study.metric} "
        f"{number(study.value(best))}) has {', '.join(told)}.{alike}"
    )


def _caption(study: Study, more: int) -> str:
    better = "" if study.goal == "maximize" else ", where less is better"
    beyond = f" {more} less important parameters are not drawn." if more > 0 else ""
    return (
        f"One line a run, across its parameters to {study.metric} at the right{better}."
        " Thick lines are the best third, dashed ones the middle, dotted ones the "
        f"last.{beyond}"
    )
