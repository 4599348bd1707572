"""Champions on held-out lives: dots with intervals, and the winner's curse."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evolife.reports.drawing import GREY, INK, Picture, drawn, legend, marker_of
from evolife.reports.groups import Group
from evolife.reports.words import clipped

MOST = 48
"""Lines of names and of champions that are drawn; the table has all."""
_ROW = 0.2
_GAP = 0.5


def champions(every: Sequence[Group]) -> Picture | None:
    """Draw each run's best champion, group by group; None where there is none."""
    rows = _rows(every)
    shown = rows[rows.y > -MOST] if len(rows) else rows
    if shown.empty:
        return None
    # Where all runs agree on one.
    bounds = {
        name: shown[name].iloc[0]
        for name in ("optimum", "memoryless")
        if shown[name].nunique(dropna=False) == 1 and shown[name].notna().all()
    }
    depth = -shown.y.iloc[-1]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        _draw(axes, shown)
        for name, value in bounds.items():
            dashes = "-" if name == "optimum" else "--"
            axes.axvline(value, color=GREY, ls=dashes, lw=1.3, label=name, zorder=1)
        axes.set(xlabel="return of a life", ylim=(-depth - 0.8, 0.9), yticks=[])
        axes.spines["left"].set_visible(False)
        axes.grid(axis="y", visible=False)
        legend(figure, axes)

    ranked = shown.sort_values("held_out", ascending=False, kind="stable")
    told = {"rows": ranked.to_dict("records"), "total": len(rows), "bounds": bounds}
    return Picture("champions", drawn(_ROW * depth + 2.0, draw), told)


def _rows(every: Sequence[Group]) -> pd.DataFrame:
    """Scores of champions, and ``y`` where each is drawn, from 0 down."""
    rows: list[dict[str, Any]] = []
    y = 0.0
    for group in every:
        runs = [(run, run.champion) for run in group.ended if run.champion]
        y -= 1.0 if runs and group.label else 0.0
        for run, champion in sorted(runs, key=lambda pair: -pair[1].held_out):
            told = {"group": group, "number": group.number, "run": run, "y": y}
            bounds = {"optimum": run.table.optimum, "memoryless": run.table.memoryless}
            rows.append(told | bounds | dataclasses.asdict(champion))
            y -= 1.0
        y -= _GAP if runs else 0.0
    return pd.DataFrame(rows)


def _draw(axes: Axes, rows: pd.DataFrame) -> None:
    y = rows.y.to_numpy()
    way = rows[["held_out", "validated"]].to_numpy().T
    axes.plot(way, np.stack([y, y]), color=GREY, lw=0.9, ls=":")
    ring: Any = {"marker": "o", "mfc": "white", "mec": GREY, "ms": 5, "ls": "none"}
    axes.plot(way[1], y, label="score it was chosen by", zorder=3, **ring)
    controls = [
        {"y": y - 0.28, **dataclasses.asdict(run.control)}
        for run, y in zip(rows.run, rows.y, strict=True)
        if run.control
    ]
    if controls:
        look: Any = {"color": GREY, "marker": "x", "elinewidth": 1.2, "zorder": 3}
        _intervals(axes, pd.DataFrame(controls), label="control, held-out", **look)
    for number, own in rows.groupby("number"):
        look = {**marker_of(number), "elinewidth": 2.2, "zorder": 5}
        _intervals(axes, own, label="held-out, 95% interval", **look)
        group = own.group.iloc[0]
        if group.label:
            _name(axes, group, own.y.iloc[0] + 0.75)


def _intervals(axes: Axes, rows: pd.DataFrame, **look: Any) -> None:
    reach = np.stack([rows.held_out - rows.low, rows.high - rows.held_out])
    axes.errorbar(rows.held_out, rows.y, xerr=reach, ms=6, ls="none", **look)


def _name(axes: Axes, group: Group, y: float) -> None:
    """Name a group above its rows, where a long name has room."""
    # A line through the whole picture must not strike the words through.
    box = {"fc": "white", "ec": "none", "pad": 1.0}
    look: Any = {"fontsize": 9, "color": INK, "zorder": 6, "bbox": box}
    across = axes.get_yaxis_transform()
    axes.text(0.0, y, clipped(group.title, 74), transform=across, **look)
