"""The bundled bandit against its Bayes optimum, by seed, on 20,000 held-out lives.

    python benchmarks/bandit.py [--seeds 0 3 4 5 6] [--runs runs/bandit] [--out FOLDER]

Each seed is one ``evolife train bandit`` on all cores, without its control, followed by
``evolife evaluate`` on fresh lives. A run that is there already is not repeated.
"""

import argparse
import time
from pathlib import Path
from typing import Any

from study import describe, evolife, keep

LIVES = 20_000


def measure(seed: int, runs: Path) -> dict[str, Any]:
    """Train and evaluate one seed."""
    run = runs / f"seed_{seed}"
    timing = run / "seconds"
    if not timing.exists():
        begun = time.perf_counter()
        where = ["--resume" if (run / "config.yaml").exists() else "--out", str(run)]
        evolife("train", "bandit", f"seed={seed}", "control=null", *where)
        timing.write_text(f"{time.perf_counter() - begun:.0f}")
    report = evolife("evaluate", str(run), "--lives", str(LIVES))
    return {
        "seed": seed,
        "seconds": timing.read_text(),
        "optimum": report["optimum"],
        **report["champions"][0],
    }


def main() -> None:
    """Measure every seed and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 3, 4, 5, 6])
    parser.add_argument("--runs", type=Path, default=Path("runs/bandit"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    args.runs.mkdir(parents=True, exist_ok=True)
    rows = [measure(seed, args.runs) for seed in args.seeds]
    lines = [
        "# Bernoulli bandit, 5 arms, 10 pulls",
        "",
        f"`python benchmarks/bandit.py`: `evolife train bandit seed=S`, then `evolife "
        f"evaluate --lives {LIVES}`; best champion of each run. {describe()}.",
        "",
        "| seed | held-out return | 95% interval | regret to Bayes | train (s) |",
        "| ---: | ---: | --- | ---: | ---: |",
    ]
    for row in rows:
        low, high = row["interval"]
        regret = row["optimum"] - row["held_out"]
        lines.append(
            f"| {row['seed']} | {row['held_out']:.3f} | {low:.3f} .. {high:.3f} "
            f"| {regret:.3f} | {row['seconds']} |"
        )
    lines += ["", f"Bayes optimum {rows[0]['optimum']:.4f}; memoryless 5.0."]
    keep(lines, args.out, "bandit.md")


if __name__ == "__main__":
    main()
