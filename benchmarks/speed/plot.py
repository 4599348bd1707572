"""Ratios as bars with what was to be reached; readable without colour."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from speed.results import Result


def draw(results: Sequence[Result], target: Path) -> None:
    """Write the picture of all rows that are ratios; needs matplotlib."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    shown = [row for row in results if row.value is not None and row.unit == "x"][::-1]
    figure, axes = plt.subplots(figsize=(9, 0.42 * len(shown) + 1.4), dpi=120)
    for place, row in enumerate(shown):
        _bar(axes, place, row)
    axes.set_xscale("log")
    axes.set_yticks(range(len(shown)), [row.name for row in shown])
    axes.set_xlabel(
        "ratio (log scale): bar median, line spread, thick mark what was to be reached;"
        " hatched: not reached"
    )
    smallest = min([row.value or 1.0 for row in shown], default=1.0)
    axes.set_xlim(min(1.0, smallest) / 2, axes.get_xlim()[1] * 2)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(target)
    plt.close(figure)


def _bar(axes: Any, place: int, row: Result) -> None:
    """One row: its bar, its spread, its reach and its value."""
    value = row.value or 0.0
    reached = row.verdict != "not reached"
    axes.barh(
        *(place, value),
        color="0.55" if reached else "0.85",
        hatch="" if reached else "///",
        edgecolor="0.3",
    )
    if row.low is not None and row.high is not None:
        axes.plot([row.low, row.high], [place, place], color="black", linewidth=1.5)
    if row.reach is not None:
        ends = [place - 0.45, place + 0.45]
        axes.plot([row.reach] * 2, ends, color="black", linewidth=3)
    right = max(value, row.high or 0.0, row.reach or 0.0)
    axes.text(right * 1.08, place, f"{value:.3g}", va="center")
