"""Draw demo.png from the run of `make demo` that is named on the command line."""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

_TARGET = Path(__file__).with_suffix(".png")
_SPAN = 20
_LOOKS = {"GRU": ("#d95f02", ""), "memoryless": ("#1f78b4", "control")}


def main() -> None:
    """Read the run named on the command line and its control; write the picture."""
    run = Path(sys.argv[1])
    figure, (population, life) = plt.subplots(1, 2, figsize=(9, 3.2), dpi=120)
    for name, (colour, folder) in _LOOKS.items():
        lines = (run / folder / "metrics.jsonl").read_text().splitlines()
        table = [json.loads(line) for line in lines]
        _draw_population(population, table, name, colour)
        _draw_life(life, table, name, colour)
    _finish_population(population)
    _finish_life(life)
    figure.tight_layout()
    figure.savefig(_TARGET)


def _draw_population(
    axes: Axes, table: list[dict[str, Any]], name: str, colour: str
) -> None:
    medians = [line["fitness/median"] for line in table]
    axes.plot(range(1, len(medians) + 1), medians, color=colour, alpha=0.25, lw=0.8)
    smooth = np.convolve(medians, np.ones(_SPAN) / _SPAN, "valid")
    label = f"{name}: median, and its mean over {_SPAN} generations"
    axes.plot(range(_SPAN, len(medians) + 1), smooth, color=colour, label=label)


def _draw_life(axes: Axes, table: list[dict[str, Any]], name: str, colour: str) -> None:
    curves = [line["life/median"] for line in table if "life/median" in line]
    late, end = len(curves) * 3 // 4, len(curves)
    for first, last, style in ((late, end, "-"), (0, 15, ":")):
        mean = np.mean(curves[first:last], axis=0)
        label = f"{name}, generations {first + 1} to {last}"
        axes.plot(np.arange(1, len(mean) + 1), mean, style, color=colour, label=label)


def _finish_population(axes: Axes) -> None:
    axes.axhline(6.66, color="black", linewidth=0.8, linestyle="--")
    axes.text(0, 6.7, "Bayes optimum", color="black", fontsize=8)
    axes.set(xlabel="generation", ylabel="return of a life")
    axes.set_ylim(1.5, 8)
    axes.legend(fontsize=8, loc="lower right")


def _finish_life(axes: Axes) -> None:
    axes.set(xlabel="step of life", ylabel="reward a step, median member")
    axes.set_ylim(0.3, 0.7)
    axes.legend(fontsize=8, loc="lower left")


if __name__ == "__main__":
    main()
