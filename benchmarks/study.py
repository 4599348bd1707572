"""Runs that a study needs: trained once, kept in a folder, measured on fresh lives."""

import concurrent.futures
import contextlib
import dataclasses
import hashlib
import json
import os
import queue
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from machine import describe, keep

__all__ = ["Job", "agent", "champion", "describe", "evaluate", "evolife", "keep"]
__all__ += ["label", "side_by_side", "train"]

Evaluation = tuple[int, tuple[str, ...]]
"""Lives, and changes to the config."""


class Job(NamedTuple):
    """One run to train and what its champion is measured on; independent of others."""

    run: Path
    config: str
    overrides: tuple[str, ...]
    evaluations: tuple[Evaluation, ...] = ()


def evolife(*arguments: str, core: int | None = None) -> dict[str, Any]:
    """Run one command, on one core if that is given, and return its JSON report."""
    command = [sys.executable, "-m", "evolife", *arguments, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        if core is not None and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(process.pid, {core})
        told, _ = process.communicate()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    report: dict[str, Any] = json.loads(told)
    return report


def train(run: Path, config: str, *overrides: str, core: int | None = None) -> None:
    """Train to the end without a control, or go on, or do nothing."""
    if not (run / "champions" / "champions.json").exists():
        run.parent.mkdir(parents=True, exist_ok=True)
        where = "--resume" if (run / "config.yaml").exists() else "--out"
        words = [*overrides, "control=null", where, str(run)]
        ranks = ["--ranks", "1"] if core is not None else []
        evolife("train", config, *words, *ranks, core=core)


def champion(run: Path) -> dict[str, Any]:
    """What a finished run says of its best champion, and what could be known of it."""
    from evolife.config.model import load_config
    from evolife.plugins.registry import build_environment

    table = json.loads((run / "champions" / "champions.json").read_text())
    config = load_config(str(run / "config.yaml"))
    world, steps = build_environment(config), config.lifetime.steps
    known = {"optimum": world.optimum(steps), "memoryless": world.memoryless(steps)}
    return {**table["champions"][0], **known}


def evaluate(
    run: Path, lives: int, *overrides: str, core: int | None = None
) -> dict[str, Any]:
    """Measure a run's best champion on fresh lives, once; all the report beside it."""
    words = [str(run), "--lives", str(lives), *overrides]
    name = hashlib.sha256(json.dumps(words[1:]).encode()).hexdigest()[:16]
    kept = run / "evaluations" / f"{name}.json"
    if not kept.exists():
        report = evolife("evaluate", *words, core=core)
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(json.dumps(report))
    report = json.loads(kept.read_text())
    return {**report, **report["champions"][0]}


def side_by_side(jobs: Sequence[Job]) -> None:
    """Do all jobs, one on each core at a time; what is done already is not repeated."""
    cores: queue.Queue[int] = queue.Queue()
    for core in sorted(os.sched_getaffinity(0)):
        cores.put(core)

    def work(job: Job) -> None:
        with _one_of(cores) as core:
            train(job.run, job.config, *job.overrides, core=core)
            for lives, overrides in job.evaluations:
                evaluate(job.run, lives, *overrides, core=core)
        print(f"done: {job.run}", file=sys.stderr, flush=True)

    with concurrent.futures.ThreadPoolExecutor(cores.qsize()) as pool:
        for done in [pool.submit(work, job) for job in jobs]:
            done.result()


@contextlib.contextmanager
def _one_of(cores: "queue.Queue[int]") -> Any:
    core = cores.get()
    try:
        yield core
    finally:
        cores.put(core)


def agent(name: str, settings: Mapping[str, Any] | None = None) -> str:
    """An override that chooses an agent, drawing its actions where it can.

    Drawn actions let evolution see how nearly a choice was made.
    """
    from evolife.plugins.files import load

    fields = {field.name for field in dataclasses.fields(load("agents", name))}
    drawn = {"sample": True} if "sample" in fields else {}
    return f"agent={json.dumps({'name': name, **drawn, **(settings or {})})}"


def label(found: Mapping[str, Any], digits: int = 2) -> str:
    """A held-out score with its interval."""
    low, high = found["interval"]
    return f"{found['held_out']:.{digits}f} ({low:.{digits}f} .. {high:.{digits}f})"
