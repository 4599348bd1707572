"""Where plasticity pays: bodies that were seen in evolution, and bodies that were not.

    python benchmarks/plasticity.py [--seeds 0 1 ...] [--runs FOLDER] [--out FOLDER]

Static and plastic agents are evolved on one kind of body, with several seeds, and their
champions live in others (after Najarro & Risi 2020). A difference counts only if the
95% interval over seeds is clear of zero. In the null case damage leaves the best action
what it was, so plasticity has nothing to gain.
"""

import argparse
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from study import Job, agent, describe, evaluate, keep, side_by_side

from evolife.tournament import interval_of_mean

STATIC = "reflex"
LIVES = 512
BUDGET = (
    *("population={size: 256, tile: auto}", "generations=80", "record.every=50"),
    "lifetime={steps: 100, lives: 8, same_lives: true}",
    f"best_of_k={{keep: 1, lives: {LIVES}, archive: 8}}",
)


class Case(NamedTuple):
    """What bodies evolution meets, and what bodies champions are measured on."""

    title: str
    evolved: tuple[str, ...]
    tested: dict[str, tuple[str, ...]]
    agents: tuple[str, ...] = ("reflex", "hebbian")


def _body(damage: str, bodies: str = "seen") -> tuple[str, ...]:
    return (f"env.damage={damage}", f"env.bodies={bodies}")


CASES = {
    "sound": Case(
        "evolved on the sound body",
        _body("none"),
        {"sound": _body("none"), "one leg dead": _body("dead", "unseen")},
    ),
    "flipped": Case(
        "evolved with an even number of legs flipped",
        _body("flipped"),
        {"even": _body("flipped"), "odd, never seen": _body("flipped", "unseen")},
        ("reflex", "hebbian", "gru"),
    ),
    "null": Case(
        "evolved with legs weaker by 0.8: the best push stays what it was",
        _body("null"),
        {"0.8": _body("null"), "0.6, never seen": _body("null", "unseen")},
    ),
}


def run_of(case: str, name: str, seed: int, runs: Path) -> Path:
    """Where a run lies."""
    return runs / case / name / f"seed_{seed}"


def jobs(seeds: list[int], runs: Path) -> list[Job]:
    """Every run, seeds last, so that a few seeds of all come first."""
    return [
        Job(
            run_of(key, name, seed, runs),
            "mover",
            (*BUDGET, *case.evolved, agent(name), f"seed={seed}"),
            tuple((LIVES, words) for words in case.tested.values()),
        )
        for seed in seeds
        for key, case in CASES.items()
        for name in case.agents
    ]


def scores(
    case: str, name: str, words: tuple[str, ...], seeds: list[int], runs: Path
) -> np.ndarray:
    """``(seeds,)`` mean return of each seed's champion."""
    found = [
        evaluate(run_of(case, name, seed, runs), LIVES, *words)["held_out"]
        for seed in seeds
    ]
    return np.array(found)


def table(case: str, seeds: list[int], runs: Path) -> list[str]:
    """Mean returns over seeds, and what plastic agents gain over the static one."""
    lines = [
        f"## {CASES[case].title.capitalize()}",
        "",
        f"| bodies | agent | return | less {STATIC}, seed by seed | |",
        "| --- | --- | ---: | ---: | --- |",
    ]
    for bodies, words in CASES[case].tested.items():
        static = scores(case, STATIC, words, seeds, runs)
        for name in CASES[case].agents:
            found = scores(case, name, words, seeds, runs)
            gain = interval_of_mean(found - static)
            lines.append(
                f"| {bodies} | {name} | {_told(found.mean(), interval_of_mean(found))} "
                f"| {_gain(name, found - static, gain)} |"
            )
    return [*lines, ""]


def _told(mean: Any, interval: tuple[float, float]) -> str:
    return f"{mean:.1f} ({interval[0]:.1f} .. {interval[1]:.1f})"


def _gain(name: str, gains: np.ndarray, interval: tuple[float, float]) -> str:
    if name == STATIC:
        return " | "
    low, high = interval
    word = "plastic wins" if low > 0 else "static wins" if high < 0 else "open"
    return f"{_told(gains.mean(), interval)} | {word}"


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
        f"`python benchmarks/plasticity.py`: `mover` of four legs that feels its "
        f"velocity, T = 100, K = 256, 80 generations, 8 lives a member, "
        f"{len(args.seeds)} seeds; mean return of the champions on {LIVES} fresh lives "
        f"each, 95% interval over seeds. {describe()}.",
        "",
        *(line for case in CASES for line in table(case, args.seeds, args.runs)),
    ]
    keep(lines, args.out, "plasticity.md")


if __name__ == "__main__":
    main()
