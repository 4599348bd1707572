"""How pictures look: told apart by line, marker and number, and by colour only then."""

import dataclasses
import importlib.util
import io
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from evolife.errors import InvalidInput

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MADE_BY = "evolife report"
"""Stands in every picture and page, so that they are known again."""
WIDTH = 5.6
"""Inches; narrow, so that letters stay legible on a phone."""
INK, GREY, PALE = "#1a1a1a", "#767676", "#c4c4c4"
SHOWN = 6
"""Groups that get a line style of their own; further ones are grey."""
_DOTS_PER_INCH = 200
# Okabe and Ito's colours, which stay apart without red or green vision.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#B0569A", "#8A6A00", "#1a1a1a")
_DASHES: tuple[Any, ...] = (
    "solid",
    (0, (6, 2)),
    (0, (1.2, 1.4)),
    (0, (7, 2, 1.5, 2)),
    (0, (3.2, 1.2, 1, 1.2, 1, 1.2)),
    (0, (10, 3)),
)
_MARKERS = "os^Dv*"
_SETTINGS: Any = {
    "font.size": 10.5,
    "axes.titlesize": 11,
    "axes.labelsize": 10.5,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "legend.fontsize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "grid.color": "#ebebeb",
    "axes.axisbelow": True,
    "legend.frameon": False,
    # A parameter's value may hold a dollar, which starts no formula here.
    "text.parse_math": False,
    "svg.hashsalt": MADE_BY,
}


class Image(NamedTuple):
    """One drawing as files of two kinds."""

    png: bytes
    svg: bytes


@dataclasses.dataclass(frozen=True)
class Picture:
    """One picture of the page."""

    name: str
    """Of its files, without ``.png`` and ``.svg``."""
    image: Image
    """The files."""
    alt: str
    """What it shows, in words."""
    caption: str
    """How to read it."""


@dataclasses.dataclass(frozen=True)
class Pen:
    """How one of several things is drawn."""

    colour: str
    dashes: Any
    marker: str


def pen(number: int) -> Pen:
    """The pen of group ``number``, which is 1 to ``SHOWN``."""
    i = number - 1
    return Pen(_COLOURS[i], _DASHES[i], _MARKERS[i])


def check_packages() -> None:
    """Raise ``InvalidInput`` where a package is missing that the report needs."""
    for name in ("matplotlib", "jinja2"):
        if importlib.util.find_spec(name) is None:
            raise InvalidInput(
                f"the report needs the package '{name}', which is not installed; "
                "run: pip install 'evolife[report]'"
            )


def drawn(height: float, draw: Callable[["Figure"], None]) -> Image:
    """The files of what ``draw`` puts on a figure of ``WIDTH`` by ``height`` inches."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    png, svg = io.BytesIO(), io.BytesIO()
    with mpl.rc_context(), warnings.catch_warnings():
        # A letter that the font lacks becomes a box; the table has the name in full.
        warnings.filterwarnings("ignore", "Glyph .* missing")
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)
        figure = Figure((WIDTH, height), layout="constrained", facecolor="white")
        FigureCanvasAgg(figure)
        draw(figure)
        figure.savefig(
            png, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": MADE_BY}
        )
        # Without the date, and with names by content: equal runs make equal files.
        figure.savefig(svg, format="svg", metadata={"Creator": MADE_BY, "Date": None})
    return Image(png.getvalue(), svg.getvalue())


def label_ends(
    axes: "Axes", ends: Sequence[tuple[float, float, str, str]], least: float = 0.055
) -> None:
    """Write ``(x, y, words, colour)`` right of each end, moved apart where close.

    ``least`` is the distance of two labels in parts of the axis.
    """
    low, high = axes.get_ylim()
    scale = (high - low) or 1.0
    order = sorted(range(len(ends)), key=lambda i: ends[i][1])
    heights = spread([(ends[i][1] - low) / scale for i in order], least)
    for i, height in zip(order, heights, strict=True):
        x, y, words, colour = ends[i]
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


def spread(places: Sequence[float], least: float) -> list[float]:
    """Rising places moved so that neighbours are ``least`` apart, within 0 .. 1.

    Places that would leave the axis at the top push those below them down.
    """
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + least) if moved else max(place, 0.0))
    top = max(1.0, least * (len(moved) - 1))
    for i in reversed(range(len(moved))):
        limit = top if i == len(moved) - 1 else moved[i + 1] - least
        moved[i] = min(moved[i], limit)
    return moved


def count_axis(axes: Any) -> None:
    """Write large counts in few characters: 2M."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    from evolife.reports.words import amount

    axes.set_major_locator(MaxNLocator(5))
    axes.set_major_formatter(FuncFormatter(lambda value, _: amount(value)))
