"""Peak memory of one rank against the length of a life: it should not grow.

    python benchmarks/memory.py [--steps 1000 2000 ...] [--out benchmarks/results]

Each row is a fresh process that trains a GRU on the oven for two generations; the peak
is the operating system's own figure for that process (maximum resident set size).
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from machine import describe, keep

STEPS = (1_000, 2_000, 20_000, 200_000, 1_000_000)


def peak(steps: int, folder: Path) -> float:
    """Train at T = ``steps`` and return the peak memory in MB."""
    out = folder / str(steps)
    command = [
        *(sys.executable, "-m", "evolife", "train", "oven", "--ranks", "1"),
        *("env.delay=100", "population.size=32", "population.tile=32"),
        *("generations=2", "lifetime.lives=1", f"lifetime.steps={steps}"),
        *("control=null", "best_of_k={keep: 1, lives: 2, archive: 2}"),
        *("--out", str(out)),
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    words = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"T = {steps} failed: {words}")
    unit = 1 if sys.platform == "darwin" else 1024
    return usage.ru_maxrss * unit / 1e6


def main() -> None:
    """Measure every length in turn and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, nargs="+", default=STEPS)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = [(steps, peak(steps, Path(folder))) for steps in args.steps]
    first = rows[0][1]
    lines = [
        "# Peak memory of one rank against T",
        "",
        f"`python benchmarks/memory.py`, oven, GRU-32, K = 32, seed 0. {describe()}.",
        "",
        "| T | peak (MB) | against the first row |",
        "| ---: | ---: | ---: |",
        *(f"| {t:,} | {mb:.0f} | {mb / first:.3f} |" for t, mb in rows),
    ]
    keep(lines, args.out, "memory.md")


if __name__ == "__main__":
    main()
