"""What a sweep costs beside its runs: expansion, idle cores, the report, the record.

python benchmarks/sweeps.py [--folder FOLDER]
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from machine import describe, keep

PARTS = ("expansion", "small", "bundled")
RESULTS = Path(__file__).parent / "results"
RUNS, REPORTED, MANY = 16, 200, 100_000
BUNDLED, RUNS_BEFORE_KILL = "agents-on-bandit", 12
SMALL = (
    "env.pulls=10",
    "population={size: 256, tile: 64}",
    "best_of_k={keep: 1, lives: 64}",
    "generations=150",
    "control=null",
)
WIDE: dict[str, Any] = {
    "seed": {"min": 0, "max": 10**9},
    "agent.hidden": {"min": 4, "max": 64},
    "strategy.sigma": {"distribution": "log_uniform_values", "min": 0.01, "max": 1},
}


def evolife(*words: object) -> None:
    """Run one command to its end."""
    command = [sys.executable, "-m", "evolife", *map(str, words)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def sweep_file(folder: Path, **settings: Any) -> Path:
    """A sweep over the bundled demo."""
    path = folder / "sweep.yaml"
    path.write_text(json.dumps({"base": "demo", **settings}))
    return path


def expansion(folder: Path) -> float:
    """Seconds to read, expand, name and check many runs, and to write the manifest."""
    from evolife.sweeps.prepare import make, note_entries, prepare

    path = sweep_file(folder, method="random", run_cap=MANY, parameters=WIDE)
    begun = time.perf_counter()
    prepared = prepare(str(path))
    note_entries(make(prepared.sweep, folder / "many"), prepared.entries)
    return time.perf_counter() - begun


def busy(folder: Path) -> tuple[float, float]:
    """Share of both cores' time that a sweep of small runs uses, and its seconds."""
    from evolife.processes.affinity import usable_cores

    seeds = {"seed": {"range": [0, RUNS]}}
    path = sweep_file(folder, method="grid", parameters=seeds)
    before, begun = _spent(), time.perf_counter()
    evolife("sweep", path, *SMALL, "--out", folder / "sixteen")
    seconds = time.perf_counter() - begun
    return (_spent() - before) / (seconds * usable_cores()), seconds


def bundled(folder: Path) -> tuple[int, float, int]:
    """Run the bundled sweep, killed when half of it is done, then called again.

    Returns how many runs were done at the kill, all seconds, and how many of those
    runs the second call touched.
    """
    out = folder / BUNDLED
    words = ("sweep", BUNDLED, "--out", str(out))
    begun = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "evolife", *words], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for done, _ in enumerate(process.stderr, start=1):
            if done == RUNS_BEFORE_KILL:
                process.kill()
                break
    before = _finished(out)
    evolife(*words)
    seconds = time.perf_counter() - begun
    after = _finished(out)
    return len(before), seconds, sum(after[path] != is_ for path, is_ in before.items())


def _finished(out: Path) -> dict[Path, tuple[int, int]]:
    """When each champion's table was written, and as which file."""
    tables = out.glob("runs/*/champions/champions.json")
    return {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in tables}


def report(folder: Path) -> float:
    """Seconds of the report of many runs: those of the sweep, over and over."""
    out = folder / "sixteen"
    entries = [json.loads(x) for x in (out / "sweep.jsonl").read_text().splitlines()]
    lines = []
    for number in range(REPORTED):
        entry = entries[number % RUNS]
        name = f"copy_{number}"
        (out / "runs" / name).symlink_to(entry["run"])
        changed = {"seed": number, "population.size": 2 ** (number % 4)}
        lines.append(json.dumps({**entry, "run": name, "parameters": changed}))
    (out / "sweep.jsonl").write_text("".join(f"{line}\n" for line in lines))
    begun = time.perf_counter()
    evolife("report", out)
    return time.perf_counter() - begun


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def rows(part: str, folder: Path) -> list[list[str]]:
    """Measure one part: what it is, what was asked for, what came out."""
    if part == "expansion":
        what = f"{MANY:,} runs read, expanded, named, checked, written"
        return [[what, "under 5 s", f"{expansion(folder):.1f} s"]]
    if part == "small":
        share, seconds = busy(folder)
        what = (
            f"cores busy over a sweep of {RUNS} small runs ({seconds:.0f} s), the "
            "start of every process and the last run's end included"
        )
        page = f"report of {REPORTED} runs of 150 generations"
        return [
            [what, "85%", f"{share:.0%}"],
            [page, "under 20 s", f"{report(folder):.1f} s"],
        ]
    done, seconds, touched = bundled(folder)
    what = (
        f"`{BUNDLED}`, killed with SIGKILL when {done} of its runs were done, called "
        "again to its end"
    )
    asked = "under 20 min, no finished run repeated"
    return [[what, asked, f"{seconds / 60:.1f} min, {touched} repeated"]]


def main() -> None:
    """Measure the parts that are asked for and write the table of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    kept = RESULTS / "sweeps.json"
    table = json.loads(kept.read_text()) if kept.exists() else {}
    for part in parser.parse_args().parts:
        with tempfile.TemporaryDirectory() as scratch:
            table[part] = rows(part, Path(scratch))
        kept.write_text(json.dumps(table, indent=1) + "\n")
    lines = [
        "# What a sweep costs beside its runs",
        "",
        f"`python benchmarks/sweeps.py`. {describe()}.",
        "",
        "| what | asked for | measured |",
        "| --- | --- | ---: |",
        *(f"| {' | '.join(row)} |" for p in PARTS for row in table.get(p, ())),
    ]
    keep(lines, RESULTS, "sweeps.md")


if __name__ == "__main__":
    main()
