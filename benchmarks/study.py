"""Runs that a study needs: trained once, kept in a folder, measured on fresh lives."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from machine import describe, keep

__all__ = ["describe", "evaluate", "evolife", "keep", "train"]


def evolife(*arguments: str) -> dict[str, Any]:
    """Run one command and return its JSON report."""
    command = [sys.executable, "-m", "evolife", *arguments, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def train(run: Path, config: str, *overrides: str) -> Path:
    """Train to the end without a control, or go on, or do nothing; return ``run``."""
    if not (run / "champions" / "champions.json").exists():
        run.parent.mkdir(parents=True, exist_ok=True)
        where = "--resume" if (run / "config.yaml").exists() else "--out"
        evolife("train", config, *overrides, "control=null", where, str(run))
    return run


def evaluate(run: Path, lives: int, *overrides: str) -> dict[str, Any]:
    """Measure a run's best champion on fresh lives; the whole report beside it."""
    report = evolife("evaluate", str(run), "--lives", str(lives), *overrides)
    return {**report, **report["champions"][0]}
