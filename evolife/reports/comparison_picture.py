"""A comparison as a picture: both curves, and how the scores differ."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evolife.errors import InvalidInput
from evolife.reports.comparison import Comparison, curve
from evolife.reports.style import GREY, INK, check_packages, count_axis, drawn, pen
from evolife.reports.words import clipped
from evolife.storage.files import storage_errors, write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BINS = 24


def write(found: Comparison, path: Path) -> None:
    """Draw into a ``.png`` or ``.svg`` file.

    Raises:
        InvalidInput: matplotlib is missing, or the file has another ending or cannot be
            written.
    """
    kind = path.suffix.removeprefix(".").lower()
    if kind not in ("png", "svg"):
        raise InvalidInput(f"{path}: a picture is a .png or a .svg file")
    check_packages()
    picture = drawn(5.6, lambda figure: _draw(figure, found))
    with storage_errors("write", path, InvalidInput):
        write_atomically(path, picture.svg if kind == "svg" else picture.png)


def _draw(figure: "Figure", found: Comparison) -> None:
    above, below = figure.subplots(2, 1)
    for number, side in enumerate((found.a, found.b), start=1):
        look = pen(number)
        if (one := curve(side)) is not None:
            line: Any = {"color": look.colour, "ls": look.dashes, "lw": 1.8}
            above.fill_between(
                one.steps, one.low, one.high, color=look.colour, alpha=0.15
            )
            label = f"{'AB'[number - 1]}: {clipped(side.name, 56)}"
            above.plot(one.steps, one.middle, label=label, **line)
    above.set_xlabel("environment steps")
    above.set_ylabel("fitness/mean")
    count_axis(above.xaxis)
    handles, words = above.get_legend_handles_labels()
    figure.legend(handles, words, loc="outside upper left", handlelength=3.2)
    _differences(below, found)


def _differences(axes: "Axes", found: Comparison) -> None:
    """Histogram of the pairs' differences, or of both sides' scores."""
    scores, difference = found.scores, found.difference
    low, high = difference.interval
    if scores.pairs:
        axes.hist((scores.a - scores.b).tolist(), _BINS, color=pen(1).colour, alpha=0.4)
        axes.axvline(0, color=INK, lw=1)
        axes.axvspan(low, high, color=pen(2).colour, alpha=0.25, label="95% interval")
        axes.axvline(difference.mean, color=pen(2).colour, lw=2, label="mean")
        axes.set_xlabel(f"A less B, in pairs of equal {clipped(scores.pairs, 40)}")
        axes.legend(loc="upper right")
    else:
        edges = np.histogram_bin_edges([*scores.a, *scores.b] or [0.0], _BINS)
        for number, sample in enumerate((scores.a, scores.b), start=1):
            look = pen(number)
            name = f"{'AB'[number - 1]}, held-out"
            axes.hist(
                sample.tolist(),
                edges.tolist(),
                color=look.colour,
                alpha=0.4,
                label=name,
            )
        axes.set_xlabel(f"return of a {scores.unit}")
        axes.legend(loc="upper right")
    axes.set_ylabel("pairs" if scores.pairs else "number")
    axes.tick_params(colors=GREY)
