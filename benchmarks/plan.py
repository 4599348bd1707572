"""What ``evolife plan`` predicts against what ``evolife train`` takes.

    python benchmarks/plan.py [--ranks 1 2 4] [--generations 60] [--out FOLDER]

Prediction and runs take turns, three times. Ranks beyond the machine's cores share
them; the prediction is for a core each, so those rows are to be divided by the share.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from machine import describe, keep

CONFIG = ("cartpole", "env.trials=null")
ROUNDS = 3


def evolife(*arguments: str) -> bytes:
    """Run one command and return what it wrote on stdout."""
    command = [sys.executable, "-m", "evolife", *arguments, "--json"]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout


def predicted(most: int) -> dict[int, dict[str, Any]]:
    """Predictions by number of ranks."""
    report = json.loads(evolife("plan", *CONFIG, "--ranks", str(most)))
    return {row["ranks"]: row for row in report["predicted"]}


def measured(ranks: int, generations: int) -> float:
    """Median wall seconds between generations of a run, the first ten left out."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        words = (f"generations={generations}", "best_of_k={keep: 1, lives: 2}")
        evolife("train", *CONFIG, *words, "--ranks", str(ranks), "--out", str(out))
        lines = (out / "metrics.jsonl").read_text().splitlines()
    times = [json.loads(line)["wall_s"] for line in lines][10:]
    return statistics.median(b - a for a, b in itertools.pairwise(times))


def main() -> None:
    """Predict, measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--generations", type=int, default=60)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    told: dict[int, list[tuple[float, float]]] = {ranks: [] for ranks in args.ranks}
    for _ in range(ROUNDS):
        plans = predicted(max(args.ranks))
        for ranks in args.ranks:
            seconds = measured(ranks, args.generations)
            told[ranks].append((plans[ranks]["seconds"], seconds))
    cores = os.cpu_count() or 1
    rows = []
    for ranks, pairs in told.items():
        ratios = sorted(taken / foretold for foretold, taken in pairs)
        foretold, taken = (statistics.median(side) for side in zip(*pairs, strict=True))
        rows.append(
            f"| {ranks} | {max(1, ranks / cores):g} | {foretold:.4f} | {taken:.4f} "
            f"| {statistics.median(ratios):.2f} ({ratios[0]:.2f} .. {ratios[-1]:.2f}) |"
        )
    lines = [
        "# What `evolife plan` predicts against what `evolife train` takes",
        "",
        f"`python benchmarks/plan.py`: CartPole, MLP-64-64, K = 1024, T = 500, every "
        f"life to its last step; medians of {ROUNDS} rounds. {describe()}.",
        "",
        "| ranks | ranks a core | predicted (s/generation) | taken "
        "| taken / predicted |",
        "| ---: | ---: | ---: | ---: | ---: |",
        *rows,
    ]
    keep(lines, args.out, "plan.md")


if __name__ == "__main__":
    main()
