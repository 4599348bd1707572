"""Reward within a life, intact and with learning switched off, of every agent.

    python benchmarks/learning_curves.py [--agents NAME ...] [--out FOLDER]

Every agent is evolved on the bandit with one budget; its champion is then measured on
fresh lives as it is, and with ``learns: false``. What is learned shows as a gap that is
absent at the first pull and opens later.
"""

import argparse
from pathlib import Path
from typing import Any

from study import Job, agent, describe, evaluate, keep, label, side_by_side

from evolife.plugins.registry import names

LIVES = 4096
BAYES = 14.287
"""Computed once by dynamic programming: 30 million beliefs are too many to repeat."""
ABLATED = (LIVES, ("agent.learns=false",))
BUDGET = (
    *("population={size: 256, tile: auto}", "generations=200", "record.every=50"),
    *("lifetime={steps: 20, lives: 32, bins: 20, same_lives: true}", "env.pulls=20"),
    "best_of_k={keep: 1, lives: 512, archive: 8}",
)


def job(name: str, runs: Path) -> Job:
    """One agent to evolve, and its champion to measure intact and ablated."""
    return Job(runs / name, "bandit", (*BUDGET, agent(name)), ((LIVES, ()), ABLATED))


def measured(name: str, runs: Path) -> dict[str, Any]:
    """What is kept of one agent."""
    run = runs / name
    ablated = evaluate(run, ABLATED[0], *ABLATED[1])
    return {"agent": name, "intact": evaluate(run, LIVES), "ablated": ablated}


def row(found: dict[str, Any]) -> str:
    """One line of the table: returns, and the gap in the first and the last quarter."""
    intact, ablated = found["intact"], found["ablated"]
    gaps = [intact[part] - ablated[part] for part in ("early", "late")]
    first = intact["curve"][0] - ablated["curve"][0]
    return (
        f"| {found['agent']} | {label(intact)} | {label(ablated)} | {first:+.3f} "
        f"| {gaps[0]:+.3f} | {gaps[1]:+.3f} |"
    )


def draw(table: list[dict[str, Any]], target: Path) -> None:
    """One panel an agent: solid intact, dashed ablated."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    columns = 4
    rows = -(-len(table) // columns)
    size = {"figsize": (10, 2.2 * rows), "dpi": 120, "squeeze": False}
    figure, panels = plt.subplots(rows, columns, sharex=True, sharey=True, **size)
    for axes, found in zip(panels.flat, table, strict=False):
        for kind, style in (("intact", "-"), ("ablated", "--")):
            curve = found[kind]["curve"]
            pulls = range(1, len(curve) + 1)
            axes.plot(pulls, curve, style, color="black", label=kind)
        axes.set_title(found["agent"], fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in list(panels.flat)[len(table) :]:
        axes.set_visible(False)
    panels[0][0].legend(frameon=False, fontsize=8)
    figure.supxlabel("pull of the life")
    figure.supylabel("reward")
    figure.tight_layout()
    figure.savefig(target)
    plt.close(figure)


def main() -> None:
    """Evolve and measure every agent, write the table and the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", nargs="+", default=sorted(names("agents")))
    parser.add_argument("--runs", type=Path, default=Path("runs/learning_curves"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    side_by_side([job(name, args.runs) for name in args.agents])
    table = [measured(name, args.runs) for name in args.agents]
    lines = [
        "# Learning within a life, agent by agent",
        "",
        f"`python benchmarks/learning_curves.py`: bandit of 5 arms and 20 pulls, one "
        f"trial a life, K = 256, 200 generations, 32 lives a member, seed 0; returns "
        f"of champions on {LIVES} fresh lives with 95% intervals. {describe()}.",
        "",
        "![reward within a life](learning_curves.png)",
        "",
        "Gaps are intact less ablated, in reward a pull.",
        "",
        "| agent | intact | ablated | gap at the first pull "
        "| in the first quarter | in the last |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        *map(row, table),
        "",
        f"A memoryless agent earns 10, the Bayes optimum is {BAYES}, which "
        f"was computed once and is not measured here.",
    ]
    keep(lines, args.out, "learning_curves.md")
    draw(table, args.out / "learning_curves.png")


if __name__ == "__main__":
    main()
