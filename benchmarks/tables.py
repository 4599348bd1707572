"""Bandits and random MDPs by agent, beside what others published.

    python benchmarks/tables.py [--runs FOLDER] [--out FOLDER]

Bandits are told with their regret to the Bayes optimum where that can be computed, MDPs
with their score over that of value iteration, which knows the world.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

from study import Job, agent, champion, describe, keep, side_by_side

SHORT = (
    *("backprop_learner", "clockwork", "external_memory", "gru", "hebbian"),
    *("learned_rule", "linear_attention", "lstm", "neuromodulated", "spiking"),
)
LONG = ("gru",)
IN_MDPS = ("backprop_learner", "gru")
LIVES = 4096
COMMON = ("record.every=100", f"best_of_k={{keep: 1, lives: {LIVES}, archive: 8}}")


class Setting(NamedTuple):
    """One line of a published table, and what is spent on it here."""

    title: str
    config: str
    world: tuple[str, ...]
    steps: int
    size: int
    lives: int
    generations: int
    agents: tuple[str, ...]
    published: str


def _arms(pulls: int, arms: int) -> tuple[str, ...]:
    return (f"env.pulls={pulls}", f"env.arms={arms}")


_TEN = "Gittins 6.6, Thompson 5.7, UCB1 6.7, RL² 6.7, SNAIL 6.6"
_TEN_OF_TEN = "Gittins 6.6, Thompson 5.5, UCB1 6.7, RL² 6.7, SNAIL 6.7"
_HUNDRED = "Gittins 78.3, Thompson 74.7, UCB1 78.0, RL² 78.7, SNAIL 79.1"
_MDP = "random .482, OPSRL .694, RL² .752, SNAIL .766"
_LONGER_MDP = "random .482, OPSRL .819, RL² .859, SNAIL .862"

BANDITS = (
    Setting("10 pulls, 5 arms", "bandit", _arms(10, 5), 10, 512, 64, 300, SHORT, _TEN),
    Setting(
        *("10 pulls, 10 arms", "bandit", _arms(10, 10), 10, 512, 64, 800, LONG),
        _TEN_OF_TEN,
    ),
    Setting(
        *("100 pulls, 5 arms", "bandit", _arms(100, 5), 100, 512, 16, 400, LONG),
        _HUNDRED,
    ),
)
MDPS = (
    Setting("10 episodes", "tabular_mdp", (), 100, 512, 16, 300, IN_MDPS, _MDP),
    Setting("25 episodes", "tabular_mdp", (), 250, 512, 8, 300, IN_MDPS, _LONGER_MDP),
)


def job(setting: Setting, name: str, runs: Path) -> Job:
    """One agent in one setting."""
    run = runs / setting.config / setting.title.replace(", ", "_").replace(" ", "_")
    words = (
        *(*COMMON, *setting.world, agent(name), f"generations={setting.generations}"),
        f"population={{size: {setting.size}, tile: auto}}",
        f"lifetime={{steps: {setting.steps}, lives: {setting.lives}, "
        "same_lives: true}",
    )
    return Job(run / name, setting.config, words)


def rows(setting: Setting, runs: Path) -> list[str]:
    """One line an agent: score with its interval, and how far it is from the best."""
    lines = []
    for name in setting.agents:
        found = champion(job(setting, name, runs).run)
        low, high = found["interval"]
        best = found["optimum"]
        if setting.config == "bandit":
            score = f"{found['held_out']:.3f} | {low:.3f} .. {high:.3f}"
            last = f"{best - found['held_out']:.3f}" if best is not None else "unknown"
        else:
            score = f"{found['held_out'] / best:.3f} | {low / best:.3f} .. "
            score += f"{high / best:.3f}"
            last = f"{found['memoryless'] / best:.3f}"
        lines.append(f"| {setting.title} | {name} | {score} | {last} |")
    return lines


def page(runs: Path) -> list[str]:
    """Both tables, with the published figures."""
    told = [f"- {s.title}: {s.published}." for s in (*BANDITS, *MDPS)]
    budgets = [
        f"- {s.title}: T = {s.steps}, K = {s.size}, {s.lives} lives a member, "
        f"{s.generations} generations."
        for s in (*BANDITS, *MDPS)
    ]
    return [
        "# Bandits and random MDPs, by agent",
        "",
        f"`python benchmarks/tables.py`: one run each, seed 0; the best champion on "
        f"{LIVES} fresh lives with a 95% interval. {describe()}.",
        "",
        "## Bernoulli bandits: return, and regret to the Bayes optimum",
        "",
        "| setting | agent | return | 95% interval | regret |",
        "| --- | --- | ---: | --- | ---: |",
        *(line for setting in BANDITS for line in rows(setting, runs)),
        "",
        "## Random MDPs: score over value iteration",
        "",
        "| setting | agent | score | 95% interval | acting at random |",
        "| --- | --- | ---: | --- | ---: |",
        *(line for setting in MDPS for line in rows(setting, runs)),
        "",
        "## Published (RL², Duan et al. 2016; SNAIL, Mishra et al. 2018)",
        "",
        *told,
        "",
        "## Spent here",
        "",
        *budgets,
    ]


def main() -> None:
    """Evolve, measure, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, default=Path("runs/tables"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    side_by_side(
        [job(s, name, args.runs) for s in (*BANDITS, *MDPS) for name in s.agents]
    )
    keep(page(args.runs), args.out, "tables.md")


if __name__ == "__main__":
    main()
