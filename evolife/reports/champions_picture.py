"""Champions on held-out lives: dots with intervals, and the winner's curse."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from evolife.reports.champion import Champion
from evolife.reports.groups import Group
from evolife.reports.runs import Run
from evolife.reports.style import GREY, INK, SHOWN, Picture, drawn, pen
from evolife.reports.words import clipped, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 48
"""Lines of names and of champions that are drawn; the table has all."""
_ROW = 0.2
_GAP = 0.5


class _Row(NamedTuple):
    group: Group
    run: Run
    champion: Champion
    height: float


def champions_picture(every: Sequence[Group]) -> Picture | None:
    """Draw each run's best champion, group by group; None where there is none."""
    rows, total = _rows(every)
    if not rows:
        return None
    bounds = _bounds([row.run for row in rows])
    depth = -rows[-1].height

    def draw(figure: "Figure") -> None:
        axes = figure.subplots()
        for row in rows:
            _draw(axes, row)
        for name, (value, dashes) in bounds.items():
            axes.axvline(value, color=GREY, ls=dashes, lw=1.3, label=name, zorder=1)
        _names(axes, rows)
        axes.set_ylim(-depth - 0.8, 0.9)
        axes.set_xlabel("return of a life")
        axes.grid(axis="y", visible=False)
        handles, words = axes.get_legend_handles_labels()
        legend = dict(zip(words, handles, strict=True))
        figure.legend(
            list(legend.values()), list(legend), loc="outside upper left", ncols=2
        )

    image = drawn(_ROW * depth + 2.0, draw)
    return Picture("champions", image, _alt(rows), _caption(len(rows), total, bounds))


def _rows(every: Sequence[Group]) -> tuple[list[_Row], int]:
    """The rows from top to bottom, and how many there would be without a limit."""
    rows: list[_Row] = []
    height, total = 0.0, 0
    for group in every:
        runs = [(run, run.champion) for run in group.ended if run.champion]
        height -= 1.0 if runs and group.label else 0.0
        for run, champion in sorted(runs, key=lambda pair: -pair[1].held_out):
            total += 1
            if -height < MOST:
                rows.append(_Row(group, run, champion, height))
                height -= 1.0
        height -= _GAP if runs else 0.0
    return rows, total


def _draw(axes: "Axes", row: _Row) -> None:
    shown = row.group.number <= SHOWN
    look = pen(row.group.number) if shown else None
    colour, marker = (look.colour, look.marker) if look else (GREY, "o")
    one, y = row.champion, row.height
    ends: Any = {"color": GREY, "lw": 0.9, "ls": (0, (1, 1.5)), "zorder": 2}
    axes.plot([one.held_out, one.validated], [y, y], **ends)
    ring: Any = {"marker": "o", "mfc": "white", "mec": GREY, "ms": 5, "ls": "none"}
    axes.plot([one.validated], [y], label="score it was chosen by", **ring, zorder=3)
    if row.run.control:
        other = row.run.control
        cross: Any = {"color": GREY, "marker": "x", "ms": 6, "zorder": 3, "ls": "none"}
        axes.plot([other.low, other.high], [y - 0.28] * 2, color=GREY, lw=1.2)
        axes.plot([other.held_out], [y - 0.28], label="control, held-out", **cross)
    axes.plot([one.low, one.high], [y, y], color=colour, lw=2.2, zorder=4)
    dot: Any = {"marker": marker, "color": colour, "ms": 6, "ls": "none", "zorder": 5}
    axes.plot([one.held_out], [y], label="held-out, 95% interval", **dot)


def _names(axes: "Axes", rows: Sequence[_Row]) -> None:
    """Name each group above its rows, where a long name has room."""
    for before, row in zip([None, *rows], rows, strict=False):
        if row.group.label and (before is None or before.group is not row.group):
            place = (0.0, row.height + 0.75)
            words = clipped(row.group.title, 74)
            across = axes.get_yaxis_transform()
            # A line through the whole picture must not strike the words through.
            box = {"fc": "white", "ec": "none", "pad": 1.0}
            look: Any = {"fontsize": 9, "color": INK, "zorder": 6, "bbox": box}
            axes.text(*place, words, transform=across, **look)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def _bounds(runs: Sequence[Run]) -> dict[str, tuple[float, str]]:
    """Best possible and memoryless return, where all runs agree on one that is told."""
    found: dict[str, tuple[float, str]] = {}
    for name, dashes in (("optimum", "solid"), ("memoryless", "dashed")):
        values = {getattr(run.table, name) for run in runs}
        if len(values) == 1 and (value := values.pop()) is not None:
            found[name] = value, dashes
    return found


def _alt(rows: Sequence[_Row]) -> str:
    best = max(rows, key=lambda row: row.champion.held_out)
    worst = min(rows, key=lambda row: row.champion.held_out)
    gaps = sum(row.champion.gap > 0 for row in rows)
    one = best.champion
    ends = f"{number(one.low)} to {number(one.high)}"
    start = f"Held-out scores of {len(rows)} champions with 95% intervals. "
    if len(rows) == 1:
        start = "Held-out score of the champion with its 95% interval. "
    told = f"Best: {number(one.held_out)} ({ends}) of {best.run.name}"
    if len(rows) > 1:
        told += f"; lowest: {number(worst.champion.held_out)} of {worst.run.name}"
    return f"{start}{told}. {gaps} of {len(rows)} were chosen by a higher score."


def _caption(shown: int, total: int, bounds: dict[str, tuple[float, str]]) -> str:
    more = f" {shown} of {total} champions are drawn." if total > shown else ""
    lines = " ".join(f"{k}: {number(v)}." for k, (v, _) in bounds.items())
    return (
        "One row a run: its best champion, measured on lives that nothing was chosen "
        "by. The dotted way to the ring is the gap, by how much the score that it was "
        f"chosen by, on other lives, was too high.{' ' + lines if lines else ''}{more}"
    )
