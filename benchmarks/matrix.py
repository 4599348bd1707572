"""Every agent in every environment, between the memoryless score and the oracle's.

    python benchmarks/matrix.py [--agents NAME ...] [--worlds NAME ...] [--out FOLDER]

0 is the best score without memory, 1 the oracle's. gymnax has no oracle and is left
out. One budget of environment steps for all, which for some is a tenth of what they
need: the matrix tells what each is quick at.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from study import Job, agent, champion, describe, keep, side_by_side

from evolife.plugins.registry import names

LIVES = 1024
WORLDS = {
    "bandit": ("bandit", "{name: bandit, arms: 5, pulls: 10}"),
    "digits": ("digits", "{name: digits, classes: 3, features: 16, latent: 8}"),
    "mover": ("mover", "{name: mover, damage: flipped, felt: false}"),
    "oven": ("oven", "{name: oven, delay: 10}"),
    "recall": ("recall", "{name: recall, delay: 8}"),
    "tabular_mdp": ("tabular_mdp", "{name: tabular_mdp}"),
}
BUDGET = (
    *("population={size: 256, tile: auto}", "generations=100", "record.every=50"),
    "lifetime={steps: 100, lives: 8, same_lives: true}",
    "selection={name: centered_rank}",
    "strategy={name: low_rank, sigma: 0.2, learning_rate: 0.05}",
    "best_of_k={keep: 1, lives: 1024, archive: 8}",
)


def job(name: str, world: str, runs: Path) -> Job:
    """One cell of the matrix."""
    config, env = WORLDS[world]
    words = (*BUDGET, f"env={env}", agent(name))
    return Job(runs / world / name, config, words)


def cell(name: str, world: str, runs: Path) -> tuple[float, float]:
    """The normalised score and half its 95% interval."""
    found: dict[str, Any] = champion(job(name, world, runs).run)
    low, high = found["interval"]
    span = found["optimum"] - found["memoryless"]
    return (found["held_out"] - found["memoryless"]) / span, (high - low) / 2 / span


def draw(
    values: np.ndarray, agents: list[str], worlds: list[str], target: Path
) -> None:
    """A heat map with its numbers written into it."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7.5, 0.42 * len(agents) + 1.6), dpi=120)
    shown = axes.imshow(values, vmin=0, vmax=1, cmap="cividis", aspect="auto")
    axes.set_xticks(range(len(worlds)), worlds, rotation=20)
    axes.set_yticks(range(len(agents)), agents)
    for i, j in np.ndindex(values.shape):
        colour = "black" if values[i, j] > 0.6 else "white"
        axes.text(
            *(j, i, f"{values[i, j]:.2f}"),
            ha="center",
            va="center",
            color=colour,
            fontsize=8,
        )
    figure.colorbar(shown, label="0: memoryless, 1: oracle")
    figure.tight_layout()
    figure.savefig(target)
    plt.close(figure)


def main() -> None:
    """Evolve all pairs, write the table and the heat map."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", nargs="+", default=sorted(names("agents")))
    parser.add_argument("--worlds", nargs="+", default=list(WORLDS))
    parser.add_argument("--runs", type=Path, default=Path("runs/matrix"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    pairs = [(name, world) for world in args.worlds for name in args.agents]
    side_by_side([job(*pair, args.runs) for pair in pairs])
    found = {pair: cell(*pair, args.runs) for pair in pairs}
    rows = []
    for name in args.agents:
        cells = [found[name, world] for world in args.worlds]
        told = " | ".join(f"{score:.2f} ± {half:.2f}" for score, half in cells)
        rows.append(f"| {name} | {told} |")
    lines = [
        "# Agents and environments",
        "",
        f"`python benchmarks/matrix.py`: (return - memoryless) / (oracle - memoryless) "
        f"of the champion on {LIVES} fresh lives, with its 95% interval; T = 100, "
        f"K = 256, 8 lives a member, 100 generations (20 million steps), seed 0, "
        f"agents at their default sizes. {describe()}.",
        "",
        "![the matrix as a heat map](matrix.png)",
        "",
        f"| agent | {' | '.join(args.worlds)} |",
        f"| --- |{' ---: |' * len(args.worlds)}",
        *rows,
    ]
    keep(lines, args.out, "matrix.md")
    values = np.array([[found[n, w][0] for w in args.worlds] for n in args.agents])
    draw(values, args.agents, args.worlds, args.out / "matrix.png")


if __name__ == "__main__":
    main()
