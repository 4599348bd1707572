"""Where plasticity pays: bodies that were seen in evolution, and bodies that were not.

    python benchmarks/plasticity.py [--seeds 0 1 ...] [--runs FOLDER] [--out FOLDER]

A static agent and one that follows the gradient of its rewards are evolved on one kind
of body, with several seeds, and their champions live in others (after Najarro & Risi
2020). A difference counts only if the 95% interval over seeds is clear of zero. In the
null case damage leaves the best action what it was: plasticity has nothing to gain.
"""

import argparse
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from study import Job, agent, describe, evaluate, keep, side_by_side

from evolife.engine.tournament import interval_of_mean

STATIC, PLASTIC = "reflex", "backprop_learner"
SETTINGS = {STATIC: {}, PLASTIC: {"hidden": 16}}
LIVES = 256
BUDGET = (
    *("population={size: 128, tile: auto}", "generations=60", "record.every=30"),
    "lifetime={steps: 1000, lives: 4, same_lives: true}",
    "best_of_k={keep: 1, lives: 64, archive: 2}",
)


class Case(NamedTuple):
    """What bodies evolution meets, and what bodies champions are measured on."""

    title: str
    seen: tuple[str, str]
    """Damage and bodies of evolution."""
    tested: dict[str, tuple[str, str]]


CASES = {
    "sound": Case(
        "evolved on the sound body",
        ("none", "seen"),
        {
            "sound": ("none", "seen"),
            "none, two or all legs flipped": ("flipped", "seen"),
            "one or three legs flipped": ("flipped", "unseen"),
        },
    ),
    "flipped": Case(
        "evolved with none, two or all legs flipped",
        ("flipped", "seen"),
        {
            "none, two or all flipped": ("flipped", "seen"),
            "one or three flipped": ("flipped", "unseen"),
        },
    ),
    "weak": Case(
        "null case: legs weaker by 0.8, so that the best push stays what it was",
        ("weak", "seen"),
        {"0.8": ("weak", "seen"), "0.6": ("weak", "unseen")},
    ),
}


def world(damage: str, bodies: str) -> str:
    """The override for a body that does not feel its velocity: rewards alone tell."""
    return (
        f"env={{name: mover, damage: {damage}, bodies: {bodies}, felt: false, "
        "drift: 0.5}"
    )


def run_of(case: str, name: str, seed: int, runs: Path) -> Path:
    """Where a run lies."""
    return runs / case / name / f"seed_{seed}"


def jobs(seeds: list[int], runs: Path) -> list[Job]:
    """Every run, seeds last, so that a few seeds of all come first."""
    return [
        Job(
            run_of(key, name, seed, runs),
            "mover",
            (*BUDGET, world(*case.seen), agent(name, SETTINGS[name]), f"seed={seed}"),
            tuple((LIVES, (world(*body),)) for body in case.tested.values()),
        )
        for seed in seeds
        for key, case in CASES.items()
        for name in SETTINGS
    ]


def scores(
    case: str, name: str, body: tuple[str, str], seeds: list[int], runs: Path
) -> np.ndarray:
    """``(seeds,)`` mean return of each seed's champion."""
    found = [
        evaluate(run_of(case, name, seed, runs), LIVES, world(*body))["held_out"]
        for seed in seeds
    ]
    return np.array(found)


def optimum(body: tuple[str, str]) -> float:
    """What one earns who knows the body."""
    from evolife.envs.mover import Mover

    damage, bodies = body
    best: float = Mover(damage=damage, bodies=bodies, felt=False, drift=0.5).optimum(
        1000
    )
    return best


def table(case: str, seeds: list[int], runs: Path) -> list[str]:
    """Mean returns over seeds, and what the plastic agent gains over the static one."""
    lines = [
        f"## {CASES[case].title.capitalize()}",
        "",
        "| bodies | static | plastic | plastic less static | | who knows the body |",
        "| --- | ---: | ---: | ---: | --- | ---: |",
    ]
    for bodies, body in CASES[case].tested.items():
        seen = " (seen)" if body == CASES[case].seen else " (never seen)"
        pair = [scores(case, name, body, seeds, runs) for name in SETTINGS]
        cells = [_told(one.mean(), interval_of_mean(one)) for one in pair]
        gains = pair[1] - pair[0]
        interval = interval_of_mean(gains)
        lines.append(
            f"| {bodies}{seen} | {' | '.join(cells)} | {_told(gains.mean(), interval)} "
            f"| {_word(interval)} | {optimum(body):.0f} |"
        )
    return [*lines, ""]


def _told(mean: Any, interval: tuple[float, float]) -> str:
    return f"{mean:.1f} ({interval[0]:.1f} .. {interval[1]:.1f})"


def _word(interval: tuple[float, float]) -> str:
    low, high = interval
    return "plastic wins" if low > 0 else "static wins" if high < 0 else "open"


def main() -> None:
    """Evolve and measure all, write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(10)))
    parser.add_argument("--runs", type=Path, default=Path("runs/plasticity"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    side_by_side(jobs(args.seeds, args.runs))
    lines = [
        "# Where plasticity pays",
        "",
        f"`python benchmarks/plasticity.py`: `mover` of four legs that does not feel "
        f"its velocity, T = 1,000, K = 128, 60 generations, 4 lives a member, "
        f"{len(args.seeds)} seeds; mean return of the champions on {LIVES} fresh lives "
        f"each, 95% interval over seeds. Static is `{STATIC}`, plastic `{PLASTIC}`. "
        f"{describe()}.",
        "",
        *(line for case in CASES for line in table(case, args.seeds, args.runs)),
    ]
    keep(lines, args.out, "plasticity.md")


if __name__ == "__main__":
    main()
