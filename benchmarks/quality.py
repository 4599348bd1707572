"""Fitness against wall clock: low-rank and dense perturbations, five seeds each.

    python benchmarks/quality.py [--seeds 0 1 2 3 4] [--out FOLDER]

Every run is one ``evolife train cartpole`` on all cores; runs take turns, and a run
that is there already is not repeated. The time of a generation is the ``wall_s`` of
``metrics.jsonl``, compiling included; solved is a population mean of 475 of 500 steps.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from machine import describe, keep

SOLVED = 475.0
GENERATIONS = 60
ADAM = "optimizer: {name: adam, learning_rate: 0.05}"
WAYS = {
    "low_rank, rank 1": "strategy={name: low_rank, sigma: 0.1, learning_rate: 0.05}",
    "low_rank, rank 2": (
        "strategy={name: low_rank, rank: 2, sigma: 0.1, learning_rate: 0.05}"
    ),
    "Open_ES (dense)": f"strategy={{name: Open_ES, {ADAM}, std_schedule: 0.1}}",
}


def run(way: str, seed: int, runs: Path) -> list[dict[str, Any]]:
    """Train once, unless it is done, and return the lines of ``metrics.jsonl``."""
    folder = runs / f"{way.split()[0]}_{way[-1]}_{seed}"
    if not (folder / "champions" / "champions.json").exists():
        where = ["--resume" if (folder / "config.yaml").exists() else "--out"]
        words = [
            *("cartpole", WAYS[way], f"seed={seed}", f"generations={GENERATIONS}"),
            *("population.tile=auto", "selection={name: centered_rank}"),
            *(where[0], str(folder)),
        ]
        command = [sys.executable, "-m", "evolife", "train", *words, "--json"]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def solved_at(lines: list[dict[str, Any]]) -> tuple[int, float] | None:
    """Generation and seconds at which the population's mean was enough; None: never."""
    for line in lines:
        if line["fitness/mean"] >= SOLVED:
            return line["generation"], line["wall_s"]
    return None


def row(way: str, curves: list[list[dict[str, Any]]]) -> str:
    """One line of the table: medians over seeds."""
    found = [solved_at(lines) for lines in curves]
    solved = [one for one in found if one]
    generations = [one[0] for one in solved] or [float("nan")]
    seconds = [one[1] for one in solved] or [float("nan")]
    last = [lines[-1]["fitness/mean"] for lines in curves]
    return (
        f"| {way} | {len(solved)} of {len(curves)} "
        f"| {statistics.median(generations):.0f} "
        f"| {statistics.median(seconds):.1f} ({min(seconds):.1f} .. {max(seconds):.1f})"
        f" | {statistics.median(last):.0f} |"
    )


def draw(curves: dict[str, list[list[dict[str, Any]]]], target: Path) -> None:
    """One line a seed; ways differ by line style, so no colour is needed."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 4.5), dpi=120)
    for style, (way, runs) in zip(("-", "--", ":"), curves.items(), strict=True):
        for i, lines in enumerate(runs):
            axes.plot(
                [line["wall_s"] for line in lines],
                [line["fitness/mean"] for line in lines],
                *(style,),
                color="black" if style == "-" else "0.45",
                linewidth=1,
                label=way if i == 0 else None,
            )
    axes.axhline(SOLVED, color="0.8", linewidth=1)
    axes.set_xlabel("seconds since the first generation began, compiling included")
    axes.set_ylabel("mean fitness of the population")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(target)
    plt.close(figure)


def main() -> None:
    """Run every way with every seed, and write the table and the plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--runs", type=Path, default=Path("runs/quality"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    args.runs.mkdir(parents=True, exist_ok=True)
    curves: dict[str, list[list[dict[str, Any]]]] = {way: [] for way in WAYS}
    for seed in args.seeds:
        for way in WAYS:
            curves[way].append(run(way, seed, args.runs))
    head = "| way | solved | generations | seconds (range) | mean fitness at the end |"
    lines = [
        "# Fitness against wall clock: low-rank and dense",
        "",
        f"`python benchmarks/quality.py`: CartPole, MLP-64-64, K = 1024, T = 500, Adam "
        f"0.05, sigma 0.1, {len(args.seeds)} seeds. {describe()}.",
        "",
        "![mean fitness against seconds](quality.png)",
        "",
        head,
        "| --- | --- | ---: | ---: | ---: |",
        *(row(way, curves[way]) for way in WAYS),
    ]
    keep(lines, args.out, "quality.md")
    draw(curves, args.out / "quality.png")


if __name__ == "__main__":
    main()
