"""Where the time of a generation goes, on one rank and on more.

    python benchmarks/generation.py [--ranks 1 2] [--generations 60] [--out FOLDER]

Runs take turns, three times; every part is rank 0's median over generations, the first
ten left out. The lives are halved by a second rank; what else rank 0 does is not.
"""

import argparse
import itertools
import json
import statistics
import tempfile
from pathlib import Path

from machine import describe, keep
from study import evolife

CONFIG = ("cartpole", "env.trials=null", "control=null")
STRATEGIES = {
    "low_rank": (),
    "Open_ES (dense)": ("strategy={name: Open_ES}", "selection={name: native}"),
}
PARTS = ("live", "gather", "update")
ROUNDS = 3


def measured(strategy: str, ranks: int, generations: int) -> dict[str, float]:
    """Milliseconds of each part and between two generations' records."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        words = (f"generations={generations}", "best_of_k={keep: 1, lives: 2}")
        words = (*CONFIG, *words, *STRATEGIES[strategy])
        evolife("train", *words, "--ranks", str(ranks), "--out", str(out))
        lines = (out / "metrics.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines][10:]
    found = {
        part: 1e3 * statistics.median(row[f"time/{part}"] for row in rows)
        for part in PARTS
    }
    walls = [b["wall_s"] - a["wall_s"] for a, b in itertools.pairwise(rows)]
    whole = 1e3 * statistics.median(walls)
    return {**found, "record": whole - sum(found.values()), "whole": whole}


def row(work: tuple[str, int], rounds: list[dict[str, float]]) -> str:
    """One line of the table."""
    cells = []
    for part in rounds[0]:
        values = sorted(one[part] for one in rounds)
        middle = statistics.median(values)
        cells.append(f"{middle:.2f} ({values[0]:.2f} .. {values[-1]:.2f})")
    return f"| {work[0]} | {work[1]} | {' | '.join(cells)} |"


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--generations", type=int, default=60)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    works = list(itertools.product(STRATEGIES, args.ranks))
    found: dict[tuple[str, int], list[dict[str, float]]] = {work: [] for work in works}
    for _ in range(ROUNDS):
        for work in works:
            found[work].append(measured(*work, args.generations))
    lines = [
        "# Where the time of a generation goes",
        "",
        f"`python benchmarks/generation.py`: CartPole, MLP-64-64, K = 1024, T = 500, "
        f"every life to its last step; milliseconds of rank 0, median of {ROUNDS} runs "
        f"(smallest .. largest). {describe()}.",
        "",
        "`live` is the wait for lives, `gather` for other ranks; `update` is the new "
        "mean, its digest and the archive, which every rank does; `record` is what is "
        "left: files, dashboard, checkpoints. The first unit of the next generation "
        "is under way from the end of the update on, and shares the core with it. What "
        "the dense strategy asks for, all members' weights, is part of `record`.",
        "",
        "| strategy | ranks | live | gather | update | record | whole |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        *itertools.starmap(row, found.items()),
    ]
    keep(lines, args.out, "generation.md")


if __name__ == "__main__":
    main()
