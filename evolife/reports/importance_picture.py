"""Bars of how much each parameter explains."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from evolife.reports.importance import Importance
from evolife.reports.style import INK, Picture, drawn
from evolife.reports.words import clipped, number, short_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 15
"""Parameters that are drawn; the table below the picture has all."""


def importance_picture(found: Sequence[Importance], metric: str) -> Picture | None:
    """Draw eta squared and omega squared; None where no parameter has numbers."""
    rows = [one for one in found if one.share is not None][:MOST]
    if not rows:
        return None
    names = short_names([one.parameter for one in rows])
    labels = [clipped(names[one.parameter], 26) for one in rows]

    def draw(figure: "Figure") -> None:
        axes = figure.subplots()
        handles = _draw(axes, rows)
        axes.set_yticks([-i for i in range(len(rows))], labels)
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(0.3 - len(rows), 0.7)
        axes.set_xlim(0, 1.12)
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25%", "50%", "75%", "100%"])
        axes.set_xlabel(f"share of the variance of {metric}")
        axes.grid(axis="y", visible=False)
        figure.legend(handles=handles, loc="outside upper left")

    image = drawn(0.36 * len(rows) + 1.9, draw)
    return Picture("importance", image, _alt(rows, metric), _CAPTION)


def _draw(axes: "Axes", rows: Sequence[Importance]) -> list[Any]:
    """Draw the bars and marks; return what the legend explains."""
    heights = [-float(i) for i in range(len(rows))]
    shares = [one.share or 0.0 for one in rows]
    chance = [one.chance or 0.0 for one in rows]
    adjusted = [max(0.0, one.adjusted or 0.0) for one in rows]
    bars: Any = {"color": "#9ecae1", "edgecolor": "#0072B2", "height": 0.56}
    bar = axes.barh(heights, shares, label="share, eta squared", **bars)
    dots: Any = {"color": INK, "marker": "D", "ls": "none", "ms": 5.5}
    dot = axes.plot(adjusted, heights, label="adjusted, omega squared", **dots)
    low, high = [y - 0.4 for y in heights], [y + 0.4 for y in heights]
    marks: Any = {"colors": "#D55E00", "linestyles": (0, (2, 1)), "lw": 1.8}
    words = "share that chance alone gives"
    dash = axes.vlines(chance, low, high, label=words, **marks)
    for y, *ends in zip(heights, shares, chance, adjusted, strict=True):
        axes.text(max(ends) + 0.02, y, f"{ends[0]:.0%}", va="center", color=INK)
    return [bar, dash, *dot]


_CAPTION = (
    "Each parameter alone: how much of the variance between runs goes along with its "
    "values. Where runs are few, chance alone gives a share; the dashed mark says how "
    "much, and the diamond is the share less that. Shares of parameters that were "
    "drawn at random overlap, and what two parameters do only together is in none."
)


def _alt(rows: Sequence[Importance], metric: str) -> str:
    told = [
        f"{one.parameter} {one.share:.0%} (adjusted {number(one.adjusted)}, by chance "
        f"{one.chance:.0%})"
        for one in rows
    ]
    return f"Share of the variance of {metric} by parameter: {'; '.join(told)}."
