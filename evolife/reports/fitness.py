"""Fitness over environment steps, with bands over seeds."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evolife.console.progress import many
from evolife.reports import drawing
from evolife.reports.drawing import SHOWN, Picture
from evolife.reports.groups import Band, Group, band
from evolife.reports.words import clipped
from evolife.results.history import VALIDATION

_PANELS = {
    VALIDATION: "the strategy's centre on lives that stay the same",
    "fitness/mean": "mean of the population",
    "fitness/best": "best member",
}
_CUT_FROM = 5.0
_PARTS = 25
_Bands = list[tuple[Group, Band]]


def fitness(every: Sequence[Group]) -> Picture | None:
    """Draw the centre, the mean and the best; None where no run has a curve."""
    panels = {name: bands for name in _PANELS if (bands := _bands(every, name))}
    mean = panels.get("fitness/mean")
    if not mean:
        return None

    def draw(figure: Figure) -> None:
        rows = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (name, bands) in zip(rows, panels.items(), strict=True):
            _draw(axes, bands)
            axes.set_title(_PANELS[name], loc="left")
            axes.set_ylabel(name)
        axes.set_xlabel("environment steps")
        drawing.count_axis(axes)
        if len(mean) > 1:
            handles, words = axes.get_legend_handles_labels()
            figure.legend(handles, words, loc="outside lower left", handlelength=3.6)

    told = {
        "ends": [_ends(group, one) for group, one in mean if group.number <= SHOWN],
        "further": sum(group.number > SHOWN for group, _ in mean),
        "spreads": sorted({one.spread for _, one in mean} - {""}),
        "has_centre": VALIDATION in panels,
        "floor": lowest_shown([one for _, one in mean]),
    }
    height = 2.5 * len(panels) + 0.4 + 0.24 * min(len(mean), SHOWN + 1)
    return Picture("fitness", drawing.drawn(height, draw), told)


def _bands(every: Sequence[Group], name: str) -> _Bands:
    """The groups of which something finite can be drawn under ``name``."""
    found = []
    for group in every:
        curves = [run.history.curve(name) for run in group.ended]
        known = [curve for curve in curves if curve.notna().any()]
        drawable = known if name == VALIDATION else list(map(smooth, known))
        if known and (one := band(drawable)).lines["middle"].notna().any():
            found.append((group, one))
    return found


def smooth(curve: pd.Series) -> pd.Series:
    """Running means over a 25th of a ``(P,)`` curve; NaN stays NaN and counts nowhere.

    Fitness jumps between generations whose lives differ, more than it rises.
    """
    width = len(curve) // _PARTS
    if width < 2:
        return curve
    window = curve.rolling(2 * (width // 2) + 1, center=True, min_periods=1)
    return window.mean().where(curve.notna())


def _draw(axes: Axes, bands: _Bands) -> None:
    ends = []
    further = sum(group.number > SHOWN for group, _ in bands)
    for group, one in bands:
        middle = one.lines["middle"]
        known = middle.dropna()
        # A single point makes no line.
        look: Any = drawing.marker_of(group.number) if len(known) == 1 else {}
        if group.number > SHOWN:
            label = many(further, "further group") if further else None
            look |= {"color": drawing.PALE, "lw": 1, "zorder": 1}
            axes.plot(middle, label=label, **look)
            further = 0
            continue
        look |= drawing.line_of(group.number)
        words = f"{clipped(group.title, 58)}, {many(one.seeds, 'seed')}"
        sides = middle.index, one.lines["low"], one.lines["high"]
        axes.fill_between(*sides, color=look["color"], alpha=0.15)
        axes.plot(middle, label=words, lw=1.8, **look)
        ends.append((known.index[-1], known.iloc[-1], str(group.number), look["color"]))
    axes.margins(x=0.01)
    if (floor := lowest_shown([one for _, one in bands])) is not None:
        top = max(one.lines["high"].max() for _, one in bands)
        axes.set_ylim(floor, top + 0.05 * (top - floor))
    if len(bands) > 1:
        drawing.label_ends(axes, ends)


def lowest_shown(bands: Sequence[Band]) -> float | None:
    """Where the axis is cut, so that a few very low values do not flatten the rest."""
    values = np.concatenate([one.lines["middle"].dropna() for one in bands])
    low, quarter, high = np.percentile(values, [0, 25, 100])
    if high == quarter or quarter - low <= _CUT_FROM * (high - quarter):
        return None
    return float(quarter - 0.1 * (high - quarter))


def _ends(group: Group, one: Band) -> dict[str, Any]:
    """Where a curve begins and ends, for who cannot see it."""
    known = one.lines.dropna()
    first, last = known["middle"].iloc[[0, -1]]
    way = "rises" if last > first else "falls" if last < first else "stays"
    ends = {"first": first, "spread": one.spread, **known.iloc[-1]}
    return {"group": group, "way": way, **ends}
