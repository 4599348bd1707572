"""Every bundled config run to its end, with its control: does its claim hold?

python benchmarks/claims.py [--configs NAME ...] [--runs FOLDER] [--out FOLDER]
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from study import describe, evolife, keep, label

from evolife.config.model import bundled_configs


def measured(name: str, runs: Path) -> dict[str, Any]:
    """The report of one run, which is kept beside it."""
    run, kept = runs / name, runs / f"{name}.json"
    if not kept.exists():
        run.parent.mkdir(parents=True, exist_ok=True)
        where = "--resume" if (run / "config.yaml").exists() else "--out"
        words = [name, where, str(run)] if where == "--out" else [where, str(run)]
        begun = time.perf_counter()
        report = evolife("train", *words)
        seconds = round(time.perf_counter() - begun)
        kept.write_text(json.dumps({**report, "seconds": seconds}))
    found: dict[str, Any] = json.loads(kept.read_text())
    return found


def row(name: str, report: dict[str, Any]) -> str:
    """One line: champion, control, and the verdict."""
    best, control = report["champions"][0], report.get("control")
    against = label(control["champions"][0]) if control else ""
    verdict = report.get("verdict")
    word = verdict["outcome"] if verdict else "no control"
    known = [report[key] for key in ("optimum", "memoryless")]
    told = " | ".join("" if value is None else f"{value:.4g}" for value in known)
    seconds = report["seconds"]
    return f"| {name} | {label(best)} | {against} | {told} | {word} | {seconds} |"


def main() -> None:
    """Run all, write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configs", nargs="+", default=sorted(bundled_configs()))
    parser.add_argument("--runs", type=Path, default=Path("runs/claims"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    rows = [row(name, measured(name, args.runs)) for name in args.configs]
    lines = [
        "# What the bundled configs claim",
        "",
        f"`python benchmarks/claims.py`: `evolife train NAME`, a rank on each core; "
        f"held-out returns of the best champion and of the control's, with 95% "
        f"intervals. {describe()}.",
        "",
        "| config | champion | control | optimum | memoryless | claim | seconds |",
        "| --- | ---: | ---: | ---: | ---: | --- | ---: |",
        *rows,
    ]
    keep(lines, args.out, "claims.md")


if __name__ == "__main__":
    main()
