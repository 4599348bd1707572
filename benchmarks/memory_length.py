"""The longest delay across which each agent recalls a cue, and beyond its training.

    python benchmarks/memory_length.py [--agents NAME ...] [--lengths T ...]

For every agent and delay T one run: a cue of two symbols, T distractions, one question,
one trial a life. Agents that miss 95% at two delays in a row are not tried at longer
ones. Then champions evolved at one T live at 4, 16 and 64 times that, and the external
memory does so with more slots.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from study import (
    Evaluation,
    Job,
    agent,
    champion,
    describe,
    evaluate,
    keep,
    side_by_side,
)

from evolife.plugins.registry import names

LENGTHS = (10, 30, 100, 300, 1000, 3000)
SUCCESS, LIVES = 0.95, 1024
SHORT, FACTORS = 30, (1, 4, 16, 64)
SLOTS = (16, 64, 256)
BUDGET = (
    *("population={size: 256, tile: auto}", "generations=150", "record.every=50"),
    f"best_of_k={{keep: 1, lives: {LIVES}, archive: 8}}",
)
Rates = dict[int, float]
"""Fraction of right answers by delay, for the delays that were tried."""


def job(name: str, delay: int, runs: Path) -> Job:
    """One agent to evolve with one delay."""
    life = f"lifetime={{steps: {delay + 2}, lives: 8, same_lives: true}}"
    words = (*BUDGET, life, f"env.delay={delay}", agent(name))
    return Job(runs / name / str(delay), "recall", words)


def tried(rates: Rates) -> bool:
    """Whether a longer delay is worth trying: not after two misses in a row."""
    return len(rates) < 2 or any(rate >= SUCCESS for rate in list(rates.values())[-2:])


def lengths(agents: Sequence[str], delays: Sequence[int], runs: Path) -> dict:
    """Evolve all agents, from short delays to long ones."""
    found: dict[str, Rates] = {name: {} for name in agents}
    for delay in delays:
        left = [name for name in agents if tried(found[name])]
        side_by_side([job(name, delay, runs) for name in left])
        for name in left:
            best = champion(runs / name / str(delay))
            found[name][delay] = best["statistics"]["accuracy"]
    return found


def longer(name: str) -> dict[tuple[int, int | None], Evaluation]:
    """What a champion evolved at SHORT is measured on: by factor and slots."""
    found = {}
    for slots in SLOTS if name == "external_memory" else (None,):
        for factor in FACTORS:
            delay = SHORT * factor
            words = [f"env.delay={delay}", f"lifetime.steps={delay + 2}"]
            more = [] if slots is None else [f"agent.slots={slots}"]
            found[factor, slots] = (LIVES, (*words, *more))
    return found


def live_long(agents: Sequence[str], runs: Path) -> list[str]:
    """Rows of accuracies at multiples of the delay of evolution."""
    jobs = [job(name, SHORT, runs) for name in agents]
    side_by_side(
        [
            one._replace(evaluations=tuple(longer(name).values()))
            for name, one in zip(agents, jobs, strict=True)
        ]
    )
    rows: dict[str, list[str]] = {}
    for name, one in zip(agents, jobs, strict=True):
        for (_, slots), (lives, words) in longer(name).items():
            report = evaluate(one.run, lives, *words)
            who = name if slots is None else f"{name}, {slots} slots"
            rate = report["statistics"]["accuracy"]
            rows.setdefault(who, []).append(f"{rate:.3f}")
    return [f"| {who} | {' | '.join(cells)} |" for who, cells in rows.items()]


def length_row(name: str, rates: Rates, delays: Sequence[int]) -> str:
    """One agent: its accuracy at each delay, and the longest that it masters."""
    cells = [f"{rates[d]:.3f}" if d in rates else "-" for d in delays]
    mastered = [delay for delay, rate in rates.items() if rate >= SUCCESS]
    return f"| {name} | {' | '.join(cells)} | {max(mastered, default='none')} |"


def draw(found: dict[str, Rates], target: Path) -> None:
    """Accuracy against delay, one line an agent, told apart by marks."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 4.5), dpi=120)
    for mark, (name, rates) in zip("os^vD<>pP*X", found.items(), strict=False):
        axes.plot(list(rates), list(rates.values()), marker=mark, lw=1, label=name)
    axes.axhline(SUCCESS, color="0.4", lw=1, ls="--")
    axes.axhline(0.5, color="0.4", lw=1, ls=":")
    axes.set_xscale("log")
    axes.set_xlabel("delay (steps); dashed: 95%, dotted: chance")
    axes.set_ylabel("right answers on fresh lives")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, bbox_to_anchor=(1, 1))
    figure.tight_layout()
    figure.savefig(target)
    plt.close(figure)


def page(found: dict[str, Rates], delays: Sequence[int], rows: list[str]) -> list[str]:
    """Both tables."""
    heads: list[Any] = [*(f"T = {delay}" for delay in delays), "longest at 95%"]
    multiples = [f"{factor} x T" for factor in FACTORS]
    return [
        "# How long each agent remembers",
        "",
        f"`python benchmarks/memory_length.py --lengths {' '.join(map(str, delays))}`: "
        f"one cue of two symbols, a delay of T, "
        f"one question; K = 256, 150 generations, 8 lives a member, seed 0, agents at "
        f"their default sizes; fraction of right answers of the champion on {LIVES} "
        f"fresh lives. {describe()}.",
        "",
        "![right answers against the delay](memory_length.png)",
        "",
        f"| agent | {' | '.join(heads)} |",
        f"| --- |{' ---: |' * len(heads)}",
        *(length_row(name, rates, delays) for name, rates in found.items()),
        "",
        "-: not tried, after two misses in a row.",
        "",
        "## Evolved short, living long",
        "",
        f"Champions evolved at T = {SHORT}, measured at multiples of it.",
        "",
        f"| agent | {' | '.join(multiples)} |",
        f"| --- |{' ---: |' * len(multiples)}",
        *rows,
    ]


def main() -> None:
    """Evolve, measure, write the tables and the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", nargs="+", default=sorted(names("agents")))
    parser.add_argument("--lengths", nargs="+", type=int, default=list(LENGTHS))
    parser.add_argument("--runs", type=Path, default=Path("runs/memory_length"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    found = lengths(args.agents, args.lengths, args.runs)
    rows = live_long(args.agents, args.runs)
    keep(page(found, args.lengths, rows), args.out, "memory_length.md")
    draw(found, args.out / "memory_length.png")


if __name__ == "__main__":
    main()
