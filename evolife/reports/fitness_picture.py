"""Fitness over environment steps, with bands over seeds."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from evolife.reports.groups import Band, Group, band
from evolife.reports.history import VALIDATION, History
from evolife.reports.style import (
    INK,
    PALE,
    SHOWN,
    Picture,
    count_axis,
    drawn,
    label_ends,
    pen,
)
from evolife.reports.words import clipped, count, listed, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PANELS = {
    VALIDATION: "the strategy's centre on lives that stay the same",
    "fitness/mean": "mean of the population",
    "fitness/best": "best member",
}
_CUT_FROM = 5.0
_PARTS = 25
_Bands = list[tuple[Group, Band]]


def fitness_picture(every: Sequence[Group]) -> Picture | None:
    """Draw the mean and the best fitness; None where no run has a curve."""
    panels = {name: _bands(every, name) for name in _PANELS}
    panels = {name: bands for name, bands in panels.items() if bands}
    mean = panels.get("fitness/mean")
    if not mean:
        return None
    keys = [pair for pair in mean if pair[0].number <= SHOWN]
    legend = 0.24 * len(keys) + (0.24 if len(mean) > len(keys) else 0)

    def draw(figure: "Figure") -> None:
        rows = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (name, bands) in zip(rows, panels.items(), strict=True):
            _draw(axes, bands)
            axes.set_title(_PANELS[name], loc="left")
            axes.set_ylabel(name)
        rows[-1].set_xlabel("environment steps")
        count_axis(rows[-1].xaxis)
        handles, words = rows[0].get_legend_handles_labels()
        if len(mean) > 1:
            figure.legend(handles, words, loc="outside lower left", handlelength=3.6)

    image = drawn(2.5 * len(panels) + 0.4 + legend, draw)
    return Picture("fitness", image, _alt(mean), _caption(mean, panels))


def _bands(every: Sequence[Group], name: str) -> _Bands:
    found = []
    for group in every:
        drawable = (_curve(run.history, name) for run in group.ended)
        curves = [curve for curve in drawable if curve]
        if curves and len((one := band(curves)).steps):
            found.append((group, one))
    return found


def _curve(history: History, name: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Environment steps and what is drawn over them; None where nothing is finite."""
    if name == VALIDATION:
        steps, scores = history.validation
        return (steps, scores) if steps.size else None
    if not history.has(name):
        return None
    return history.curves["env_steps"], smooth(history.curves[name])


def _draw(axes: "Axes", bands: _Bands) -> None:
    ends = []
    for group, one in bands:
        if group.number > SHOWN:
            continue
        look = pen(group.number)
        words = f"{clipped(group.title, 58)}, {count(one.seeds, 'seed')}"
        axes.fill_between(one.steps, one.low, one.high, color=look.colour, alpha=0.15)
        line: Any = {"color": look.colour, "ls": look.dashes, "lw": 1.8}
        known = np.flatnonzero(np.isfinite(one.middle))
        # A single point makes no line.
        marker = look.marker if known.size == 1 else ""
        axes.plot(one.steps, one.middle, label=words, marker=marker, **line)
        if known.size:
            last = known[-1]
            place = float(one.steps[last]), float(one.middle[last])
            ends.append((*place, str(group.number), look.colour))
    others = [one for group, one in bands if group.number > SHOWN]
    for i, one in enumerate(others):
        more = count(len(others), "further group") if i == 0 else None
        line = {"color": PALE, "marker": "." if len(one.steps) == 1 else ""}
        axes.plot(one.steps, one.middle, lw=1, label=more, zorder=1, **line)
    axes.margins(x=0.01)
    if (floor := lowest_shown(bands)) is not None:
        highs = np.concatenate([one.high for _, one in bands])
        top = float(highs[np.isfinite(highs)].max())
        axes.set_ylim(floor, top + 0.05 * (top - floor))
    if len(bands) > 1:
        label_ends(axes, ends, least=0.085)
    axes.tick_params(colors=INK)


def smooth(curve: np.ndarray) -> np.ndarray:
    """Running means over a 25th of a ``(P,)`` curve; NaN stays NaN and counts nowhere.

    Fitness jumps between generations whose lives differ, more than it rises.
    """
    width = len(curve) // _PARTS
    if width < 2:
        return curve
    known = np.isfinite(curve)
    window = np.ones(2 * (width // 2) + 1)
    total = np.convolve(np.where(known, curve, 0.0), window, "same")
    weights = np.convolve(known.astype(float), window, "same")
    return np.where(known, total / np.maximum(weights, 1), np.nan)


def lowest_shown(bands: _Bands) -> float | None:
    """Where the axis is cut, so that a few very low values do not flatten the rest."""
    values = np.concatenate([one.middle for _, one in bands])
    values = values[np.isfinite(values)]
    if not values.size:
        return None
    low, quarter, high = np.percentile(values, [0, 25, 100])
    if high == quarter or quarter - low <= _CUT_FROM * (high - quarter):
        return None
    return float(quarter - 0.1 * (high - quarter))


def _alt(bands: _Bands) -> str:
    known = [(g, b) for g, b in bands if np.isfinite(b.middle).any()]
    told = [_ending(group, one) for group, one in known if group.number <= SHOWN]
    more = sum(group.number > SHOWN for group, _ in bands)
    beyond = f" In grey: {count(more, 'further group')}." if more else ""
    return f"Mean fitness over environment steps. {' '.join(told)}{beyond}"


def _ending(group: Group, one: Band) -> str:
    finite = np.flatnonzero(np.isfinite(one.middle))
    first, last = one.middle[finite[0]], one.middle[finite[-1]]
    way = "rises" if last > first else "falls" if last < first else "stays"
    between = ""
    if one.seeds > 1:
        ends = number(float(one.low[finite[-1]])), number(float(one.high[finite[-1]]))
        between = f" ({one.spread}: {ends[0]} to {ends[1]})"
    name = "Fitness" if not group.label else f"Group {group.title}"
    start, end = number(float(first)), number(float(last))
    return f"{name} {way} from {start} to {end}{between}."


def _caption(bands: _Bands, panels: Mapping[str, _Bands]) -> str:
    kinds = sorted({one.spread for _, one in bands if one.seeds > 1})
    seeds = "There is one seed a group, so there are no bands"
    if kinds:
        seeds = f"Lines are medians over seeds, bands the {listed(kinds)}"
    floor = lowest_shown(bands)
    cut = "" if floor is None else f" Values below {number(floor)} are cut off."
    centre = "Above"
    if VALIDATION in panels:
        centre = (
            "On top the strategy's centre, measured on the same lives again and again: "
            "what moves there was learned, and is not the luck of a generation. Then"
        )
    return (
        f"{seeds}. {centre} the mean over the population, below the best member, which "
        "is the largest of many noisy scores and therefore too high. Curves of 50 "
        f"generations and more are running means over a 25th of their length.{cut}"
    )
