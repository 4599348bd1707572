"""Reward within a life, early and late in evolution."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from evolife.reports.champion import finite
from evolife.reports.groups import Group
from evolife.reports.runs import Run
from evolife.reports.style import INK, SHOWN, Picture, count_axis, drawn
from evolife.reports.words import count, folded, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BLUE, _ORANGE = "#0072B2", "#D55E00"
_LOOKS: tuple[tuple[str, str, Any], ...] = (
    ("median", "last", {"color": _BLUE, "ls": "solid", "lw": 1.4}),
    ("median", "first", {"color": _BLUE, "ls": (0, (1.2, 1.4)), "lw": 1.4}),
    ("best", "last", {"color": _ORANGE, "ls": "solid", "lw": 2.4}),
    ("best", "first", {"color": _ORANGE, "ls": (0, (6, 2)), "lw": 2.0}),
)


_HELD_OUT: tuple[tuple[str, Any], ...] = (
    ("champions", {"color": INK, "ls": "solid", "lw": 2.4, "zorder": 5}),
    ("champions, learns: false", {"color": INK, "ls": (0, (1.2, 1.4)), "lw": 1.8}),
    ("controls", {"color": "#009E73", "ls": (0, (7, 2, 1.5, 2)), "lw": 1.8}),
)
"""Curves on held-out lives; the second is of the same champions in the same lives."""


class Lives(NamedTuple):
    """Medians over the seeds of a group."""

    group: Group
    steps: float
    """Of one life; 1 where that is not known."""
    curves: dict[tuple[str, str], np.ndarray]
    """``(B,)`` by (best or median, first or last)."""
    ends: tuple[float, float] | None
    """Reward per step of the champions, first and last quarter of held-out lives."""
    seeds: int
    held_out: dict[str, np.ndarray]
    """``(B,)`` on held-out lives, by what they are of."""


def life_picture(every: Sequence[Group]) -> Picture | None:
    """Draw one panel a group, the best groups first; None where none was recorded."""
    found = [one for one in map(_lives, every) if one is not None]
    shown = found[:SHOWN]
    if not shown:
        return None
    columns = 1 if len(shown) == 1 else 2
    rows = math.ceil(len(shown) / columns)

    def draw(figure: "Figure") -> None:
        cells = figure.subplots(rows, columns, sharey=True, squeeze=False).flat
        for axes, one in zip(cells, shown, strict=False):
            _draw(axes, one)
        for axes in list(cells)[len(shown) :]:
            axes.set_visible(False)
        figure.supylabel("reward per step", fontsize=10.5)
        figure.supxlabel("step of life", fontsize=10.5)
        handles, words = figure.axes[0].get_legend_handles_labels()
        figure.legend(
            handles, words, loc="outside upper left", ncols=2, handlelength=3.2
        )

    image = drawn((2.6 if columns == 1 else 2.25) * rows + 1.6, draw)
    return Picture("life", image, _alt(shown), _caption(shown, len(found)))


def _lives(group: Group) -> Lives | None:
    runs = [r for r in group.ended if r.history.first_life and r.history.last_life]
    if not runs:
        return None
    curves = {}
    for who, when, _ in _LOOKS:
        lists = [_curve(run, who, when) for run in runs]
        # Runs of one group have as many bins, unless a file was altered.
        alike = [one for one in lists if len(one) and len(one) == len(lists[0])]
        if alike:
            curves[who, when] = np.median(np.stack(alike), axis=0)
    ends = [
        (run.champion.early, run.champion.late)
        for run in runs
        if run.champion and None not in (run.champion.early, run.champion.late)
    ]
    middle = np.median(np.array(ends, float), axis=0) if ends else None
    steps = float(runs[0].life_steps or 1)
    late = None if middle is None else (float(middle[0]), float(middle[1]))
    return Lives(group, steps, curves, late, len(runs), _held_out(runs))


def _held_out(runs: Sequence[Run]) -> dict[str, np.ndarray]:
    """What champions earn in the course of held-out lives, and what to hold it against.

    Rewards that come late let every curve rise; what lies between the curves does not
    come from the environment alone.
    """
    found: dict[str, np.ndarray] = {}
    for name, _ in _HELD_OUT:
        curves = [
            one
            for one in (_held_out_curve(run, name) for run in runs)
            if one is not None
        ]
        alike = [one for one in curves if len(one) == len(curves[0])]
        if alike and np.isfinite(alike).any():
            found[name] = np.median(np.stack(alike), axis=0)
    return found


def _held_out_curve(run: Run, name: str) -> np.ndarray | None:
    table = run.control_table if name == "controls" else run.table
    if (held_out := table.held_out) is None:
        return None
    ablated = name.endswith("false")
    return held_out.unlearned_curve if ablated else held_out.curves[0]


def _curve(run: Run, who: str, when: str) -> np.ndarray:
    first, last = run.history.first_life, run.history.last_life
    if first is None or last is None:
        return np.zeros(0)
    if when == "last":
        return getattr(last, who)
    # One record is not a comparison.
    return np.zeros(0) if first.generation == last.generation else getattr(first, who)


def _draw(axes: "Axes", one: Lives) -> None:
    for who, when, look in _LOOKS:
        if (curve := one.curves.get((who, when))) is not None:
            x = (np.arange(len(curve)) + 0.5) / len(curve) * one.steps
            axes.plot(x, curve, label=f"{who} member, {when} record", **look)
    for name, look in _HELD_OUT:
        if (curve := one.held_out.get(name)) is not None:
            x = (np.arange(len(curve)) + 0.5) / len(curve) * one.steps
            axes.plot(x, curve, label=name, **look)
    if one.ends and not one.held_out:
        x = np.array([0.125, 0.875]) * one.steps
        marks: Any = {"color": INK, "marker": "D", "ms": 6, "ls": "none", "zorder": 5}
        axes.plot(x, one.ends, label="champions, held-out lives", **marks)
    if one.group.label:
        axes.set_title(folded(one.group.title, 38, 2), loc="left", fontsize=9)
    axes.set_xlim(0, one.steps)
    axes.margins(y=0.08)
    count_axis(axes.xaxis)


def _rise(curve: np.ndarray) -> tuple[float, float]:
    """Mean over the first and the last quarter of a life."""
    quarter = -(-len(curve) // 4)
    return float(np.mean(curve[:quarter])), float(np.mean(curve[-quarter:]))


def _alt(shown: Sequence[Lives]) -> str:
    told = []
    for one in shown:
        name = f"Group {one.group.title}" if one.group.label else "All runs"
        parts = []
        for when in ("first", "last"):
            if ("best", when) in one.curves:
                early, late = map(finite, _rise(one.curves["best", when]))
                parts.append(f"{number(early)} to {number(late)} at the {when} record")
        for whose, curve in one.held_out.items():
            early, late = map(finite, _rise(curve))
            parts.append(f"{whose} {number(early)} to {number(late)} on held-out lives")
        told.append(f"{name}: {', '.join(parts)}.")
    return (
        "Reward per step of the best member, from the first to the last quarter of "
        f"life, at the first and the last record of evolution. {' '.join(told)}"
    )


def _caption(shown: Sequence[Lives], found: int) -> str:
    more = f" The best {SHOWN} of {found} groups are drawn." if found > SHOWN else ""
    seeds = max(one.seeds for one in shown)
    over = (
        f" Curves are medians over up to {count(seeds, 'seed')}." if seeds > 1 else ""
    )
    return (
        "Rewards that come late let every line rise. What learning earns is what lies "
        "between the champions and the same champions with learning off (learns: "
        "false), and between them and their controls, all on held-out lives; a line "
        "that only lies higher at the last record was born better."
        f"{over}{more}"
    )
