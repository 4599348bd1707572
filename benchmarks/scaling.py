"""What a rank does beside its lives, on few ranks and many, against an older build.

    python benchmarks/scaling.py [--before CHECKOUT] [--rows NAME ...] [--out FOLDER]

CHECKOUT is a clone of evolife as it was; without one, only this build is measured.
Builds take turns, three times or --rounds. CPU seconds, where a row says so, do not
care that ranks share cores. A row that is measured is kept in ``scaling.json``.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from machine import describe, keep

HERE = Path(__file__).parent
LARGE, SMALL = 131_072, 1_024
CART = ("cartpole", "agent.hidden=[64, 64]", "env.trials=null")
LONG = (*CART, "lifetime.steps=500", "population.tile=128")
RANKS = (64, 256, 1024)
Row = dict[str, Any]


def environment(build: Path, **more: str) -> dict[str, str]:
    """Variables under which Python imports evolife from ``build``."""
    alone = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    return {**os.environ, **alone, "PYTHONPATH": str(build), **more}


def evolife(build: Path, *words: str, **more: str) -> tuple[str, float, int]:
    """Run one command; return stdout, CPU seconds and peak bytes of its largest."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, str(HERE / "scaling_parts.py"), "command", *words]
    # Where ranks that it starts would look first for evolife.
    done = subprocess.run(
        command,
        env=environment(build, **more),
        cwd=build,
        stdout=subprocess.PIPE,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.stdout.decode(), spent, after.ru_maxrss * 1024


def parts(build: Path, ranks: int, *words: str) -> list[Row]:
    """What ``scaling_parts.py`` says on each rank."""
    command = [sys.executable, str(HERE / "scaling_parts.py"), *words]
    if ranks > 1:
        mpirun = shutil.which("mpirun", path=str(Path(sys.executable).parent))
        start = [mpirun or "mpirun", "--oversubscribe", "--bind-to", "none"]
        command = [*start, "-n", str(ranks), *command]
    done = subprocess.run(
        command, env=environment(build), cwd=build, stdout=subprocess.PIPE, check=True
    )
    lines = done.stdout.decode().splitlines()
    return [json.loads(line) for line in lines if line.startswith('{"')]


def efficiency(build: Path) -> Row:
    """Efficiency by evolife plan, K = 131,072, T = 500, on that many ranks."""
    words = (*LONG, f"population.size={LARGE}", "--ranks", str(RANKS[-1]), "--json")
    report = json.loads(evolife(build, "plan", *words)[0])
    found = {row["ranks"]: row["efficiency"] for row in report["predicted"]}
    return {str(ranks): found[ranks] for ranks in RANKS}


def few_members(build: Path) -> Row:
    """Efficiency by evolife plan, K = 1024 on 64 ranks, by the tile."""
    found = {}
    for name, tile in (("auto", "auto"), ("16", "16")):
        words = (*CART, "lifetime.steps=500", f"population.tile={tile}")
        told = evolife(build, "plan", *words, "--ranks", "64", "--json")[0]
        rows = {row["ranks"]: row for row in json.loads(told)["predicted"]}
        found[f"tile {name}"] = rows[64]["efficiency"]
    return found


def tell_cpu(build: Path) -> Row:
    """CPU seconds of ask and tell, all of 32 ranks over the one of 1."""
    words = ("tell", str(LARGE))
    alone = parts(build, 1, *words)[0]
    many = parts(build, 32, *words)
    found = {"alone (ms)": 1e3 * alone["cpu"]}
    for name, key in (("32 ranks over 1", "cpu"), ("the same without waiting", "work")):
        found[name] = sum(row[key] for row in many) / alone[key]
    found["all 32 (ms)"] = 1e3 * sum(row["cpu"] for row in many)
    return found


def draw(build: Path) -> Row:
    """CPU nanoseconds that a number of the update costs, drawn and summed."""
    return {"ns": parts(build, 1, "draw")[0]["ns"]}


def select(build: Path) -> Row:
    """CPU milliseconds from a million members' fitness to their weights, one rank."""
    return {"ms": parts(build, 1, "select", "1000000")[0]["ms"]}


def _generation(build: Path, *words: str) -> float:
    """Median seconds between generations of a run on 2 ranks."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        rest = ("control=null", "best_of_k={keep: 1, lives: 2, archive: 2}")
        more = ("record.every=100", "generations=8", "--ranks", "2", "--out", str(out))
        evolife(build, "train", *words, *rest, *more)
        lines = (out / "metrics.jsonl").read_text().splitlines()
    times = [json.loads(line)["time/generation"] for line in lines]
    return statistics.median(times[2:])


def generation(build: Path) -> Row:
    """Seconds of a whole generation with short lives, on 2 ranks."""
    size = (f"population.size={LARGE}", "lifetime.steps=50", "population.tile=512")
    return {"seconds": _generation(build, *CART, *size)}


def dense(build: Path) -> Row:
    """Seconds of a generation with noise of full rank, on 2 ranks, and by plan."""
    size = (*CART, "population.size=16384", "lifetime.steps=50", "population.tile=64")
    found = {}
    names = ["Open_ES"]
    if (build / "evolife" / "strategies" / "full_rank.py").exists():
        names.append("full_rank")
    for name in names:
        words = (*size, f"strategy={{name: {name}}}")
        found[name] = _generation(build, *words)
        long = ("lifetime.steps=500", "--ranks", "256", "--json")
        told = json.loads(evolife(build, "plan", *words, *long)[0])
        last = told["predicted"][-1]
        found[f"{name} efficiency at 256"] = last["efficiency"]
    return found


def memory(build: Path) -> Row:
    """Peak memory of a rank, at K = 131,072 over K = 1,024."""
    peaks = {}
    for size in (SMALL, LARGE):
        with tempfile.TemporaryDirectory() as folder:
            words = (
                "lifetime.steps=50",
                "population.tile=128",
                f"population.size={size}",
            )
            rest = ("control=null", "generations=3", "best_of_k={keep: 1, lives: 2}")
            where = ("--ranks", "1", "--out", str(Path(folder) / "run"))
            command = ("memory", "train", *CART, *words, *rest, *where)
            peaks[size] = parts(build, 1, *command)[-1]["bytes"]
    return {"ratio": peaks[LARGE] / peaks[SMALL], "small_mb": peaks[SMALL] / 2**20}


def start(build: Path) -> Row:
    """CPU seconds of 16 ranks that share the cores, to their first generation."""
    with tempfile.TemporaryDirectory() as folder:
        words = ("generations=1", "control=null", "best_of_k={keep: 1, lives: 2}")
        out = ("--ranks", "16", "--out", str(Path(folder) / "run"))
        where = str(Path(folder) / "cache")
        spent = evolife(build, "train", *CART, *words, *out, EVOLIFE_CACHE=where)[1]
    return {"cpu_seconds": spent}


ROWS: dict[str, Callable[[Path], Row]] = {
    "efficiency": efficiency,
    "tell_cpu": tell_cpu,
    "generation": generation,
    "memory": memory,
    "draw": draw,
    "select": select,
    "dense": dense,
    "few_members": few_members,
    "start": start,
}


def table(found: dict[str, Any]) -> list[str]:
    """One line a number: both builds' medians with their ranges."""
    lines = ["| row | number | before | now |", "| --- | --- | ---: | ---: |"]
    for name in (row for row in ROWS if row in found):
        now = found[name]["now"]
        for key in now[0]:
            cells = [
                _spread([row[key] for row in found[name].get(build, []) if key in row])
                for build in ("before", "now")
            ]
            lines.append(f"| {ROWS[name].__doc__} | {key} | {' | '.join(cells)} |")
    return lines


def _spread(values: list[float]) -> str:
    if not values:
        return ""
    low, high = min(values), max(values)
    return f"{statistics.median(values):.3g} ({low:.3g} .. {high:.3g})"


def main() -> None:
    """Measure the rows, and write the table of all that are kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--rows", nargs="*", choices=[*ROWS], default=[*ROWS])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=HERE / "results")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    kept = args.out / "scaling.json"
    found = json.loads(kept.read_text()) if kept.exists() else {}
    builds = {"before": args.before, "now": HERE.parent}
    for name in args.rows:
        told: dict[str, list[Row]] = {build: [] for build, at in builds.items() if at}
        for _ in range(args.rounds):
            for build in told:
                told[build].append(ROWS[name](builds[build].resolve()))
                print(name, build, told[build][-1], flush=True)
        found[name] = told
        kept.write_text(json.dumps(found, indent=1) + "\n")
    text = f"`python benchmarks/scaling.py --before CHECKOUT`, seed 0, {describe()}"
    lines = ["# What a rank does beside its lives", "", text, ""]
    keep([*lines, *table(found)], args.out, "scaling.md")


if __name__ == "__main__":
    main()
