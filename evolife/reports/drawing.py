"""How pictures look: told apart by line, marker and number, and by colour only then."""

import base64
import dataclasses
import io
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evolife.console.progress import count

MADE_BY = "evolife report"
"""Stands in every picture and page, so that they are known again."""
WIDTH = 5.6
"""Inches; narrow, so that letters stay legible on a phone."""
INK, GREY, PALE = "#1a1a1a", "#767676", "#c4c4c4"
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
DOTTED, DASHED, LONG = (0, (1.2, 1.4)), (0, (6, 2)), (0, (7, 2, 1.5, 2))
# Okabe and Ito's colours, which stay apart without red or green vision.
_PENS = (
    (BLUE, "solid", "o"),
    (ORANGE, DASHED, "s"),
    (GREEN, DOTTED, "^"),
    ("#B0569A", LONG, "D"),
    ("#8A6A00", (0, (3.2, 1.2, 1, 1.2, 1, 1.2)), "v"),
    (INK, (0, (10, 3)), "*"),
)
SHOWN = len(_PENS)
"""Groups that get a line style of their own; further ones are grey."""
_SETTINGS: Any = {
    **dict.fromkeys(("font.size", "axes.labelsize"), 10.5),
    **dict.fromkeys(("xtick.labelsize", "ytick.labelsize", "legend.fontsize"), 9.5),
    **dict.fromkeys(("axes.spines.top", "axes.spines.right"), False),
    "axes.titlesize": 11,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "grid.color": "#ebebeb",
    "axes.axisbelow": True,
    "legend.frameon": False,
    # A parameter's value may hold a dollar, which starts no formula here.
    "text.parse_math": False,
    "svg.hashsalt": MADE_BY,
}
# Without the date, and with names by content: equal runs make equal files.
_NOTES: dict[str, Any] = {
    "png": {"Software": MADE_BY},
    "svg": {"Creator": MADE_BY, "Date": None},
}


@dataclasses.dataclass(frozen=True)
class Picture:
    """One picture of the page."""

    name: str
    """Of its files, without their endings."""
    files: dict[str, bytes]
    """What is in them, by ending: png and svg."""
    told: dict[str, Any]
    """What the page's words on it are made of."""

    @property
    def source(self) -> str:
        """The picture itself, as a page has it inside."""
        return f"data:image/png;base64,{base64.b64encode(self.files['png']).decode()}"


def line_of(number: int) -> dict[str, Any]:
    """Colour and dashes of group ``number``, from 1 to ``SHOWN``."""
    colour, dashes, _ = _PENS[number - 1]
    return {"color": colour, "ls": dashes}


def marker_of(number: int) -> dict[str, Any]:
    """Colour and marker of group ``number``; grey dots beyond ``SHOWN``."""
    colour, _, marker = _PENS[number - 1] if number <= SHOWN else (GREY, "", "o")
    return {"color": colour, "marker": marker}


def drawn(height: float, draw: Callable[[Figure], None]) -> dict[str, bytes]:
    """The files of what ``draw`` puts on a figure of ``WIDTH`` by ``height`` inches."""
    files = {kind: io.BytesIO() for kind in _NOTES}
    with mpl.rc_context(), warnings.catch_warnings():
        # A letter that the font lacks becomes a box; the table has the name in full.
        warnings.filterwarnings("ignore", "Glyph .* missing")
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)
        figure = Figure((WIDTH, height), layout="constrained", facecolor="white")
        draw(figure)
        for kind, file in files.items():
            figure.savefig(file, format=kind, dpi=200, metadata=_NOTES[kind])
    return {kind: file.getvalue() for kind, file in files.items()}


def legend(figure: Figure, axes: Axes, **more: Any) -> None:
    """Explain each label of ``axes`` once, above the picture."""
    handles, words = axes.get_legend_handles_labels()
    once = dict(zip(words, handles, strict=True))
    place = {"loc": "outside upper left", "ncols": 2, **more}
    figure.legend(list(once.values()), list(once), **place)


def label_ends(axes: Axes, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Write ``(x, y, words, colour)`` right of each end, moved apart where close."""
    low, high = axes.get_ylim()
    order = sorted(ends, key=lambda end: end[1])
    heights = spread([(y - low) / ((high - low) or 1.0) for _, y, _, _ in order], 0.085)
    for (x, y, words, colour), height in zip(order, heights, strict=True):
        axes.annotate(
            words,
            (x, y),
            xytext=(1.03, height),
            textcoords="axes fraction",
            color=colour,
            fontweight="bold",
            va="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": PALE, "lw": 0.8, "shrinkA": 1},
        )


def spread(places: Sequence[float], least: float) -> np.ndarray:
    """Rising places moved so that neighbours are ``least`` apart, within 0 .. 1.

    Places that would leave the axis at the top push those below them down.
    """
    steps = least * np.arange(len(places))
    rising = np.maximum.accumulate(np.maximum(places, 0.0) - steps)
    return np.minimum(rising, max(1.0 - steps[-1:].sum(), 0.0)) + steps


def count_axis(axes: Axes) -> None:
    """Write large counts along x in few characters: 2M."""
    axes.locator_params(axis="x", nbins=5)
    axes.xaxis.set_major_formatter(lambda value, _: count(value))
