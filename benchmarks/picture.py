"""Draw the README's picture from a run that has a control.

    evolife train demo --out runs/demo
    python benchmarks/picture.py runs/demo docs/images/demo.png

Left: return over generations (mean of the population and its 10th to 90th percentile,
averaged over nine generations, since each generation draws new lives). Right: reward at
each step of life of the best champion, on fresh lives.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

LIVES = 20_000
DARK, LIGHT = "#b34700", "#30638e"


def metrics(run: Path) -> list[dict[str, Any]]:
    """Read ``metrics.jsonl``."""
    return [json.loads(line) for line in (run / "metrics.jsonl").open()]


def smooth(values: list[float], width: int = 9) -> np.ndarray:
    """Average over ``width`` neighbours, fewer at the ends."""
    ones = np.ones(min(width, len(values)))
    return np.convolve(values, ones, "same") / np.convolve(
        np.ones(len(values)), ones, "same"
    )


def champion(run: Path) -> dict[str, Any]:
    """Measure the run's best champion again."""
    command = [sys.executable, "-m", "evolife", "evaluate", str(run)]
    command += ["--lives", str(LIVES), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    report: dict[str, Any] = json.loads(done.stdout)
    return report["champions"][0] | {"optimum": report["optimum"]}


def main() -> None:
    """Draw both panels."""
    run, out = Path(sys.argv[1]), Path(sys.argv[2])
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    for folder, name, colour, style in (
        (run, "recurrent agent", DARK, "-"),
        (run / "control", "memoryless control", LIGHT, "--"),
    ):
        lines, best = metrics(folder), champion(folder)
        x = [line["generation"] for line in lines]
        low, mean, high = (
            smooth([line[f"fitness/{key}"] for line in lines])
            for key in ("p10", "mean", "p90")
        )
        left.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
        left.plot(x, mean, style, color=colour, label=name, linewidth=1.5)
        steps = range(1, len(best["curve"]) + 1)
        label = f"{name}: {best['held_out']:.2f} a life"
        right.plot(steps, best["curve"], style, color=colour, marker="o", label=label)
    left.axhline(best["optimum"], color="black", linewidth=0.8, linestyle=":")
    left.text(1, best["optimum"], "Bayes optimum", va="bottom", fontsize=8)
    left.set(xlabel="generation", ylabel="return of a life", title="evolution")
    left.legend(loc="lower right", fontsize=8)
    right.set(xlabel="step of life", ylabel="reward", title="within a life, evolved")
    right.legend(loc="upper left", fontsize=8)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=140)


if __name__ == "__main__":
    main()
