"""The runs that a page is about, from the folders that were named."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evolife.errors import InvalidInput, nearest
from evolife.reports.defaults import with_defaults
from evolife.reports.runs import Run, read_run
from evolife.reports.words import varying
from evolife.storage.metric_names import HELD_OUT
from evolife.storage.run_folder import RunFolder
from evolife.storage.sweep_folder import SweepFolder, read_entries

FOLDER = "folder"
"""Parameter that names the sweep where there are several."""
# What may differ between runs without making them other experiments.
_BESIDE = ("name", "claim", "control", "plugins", "record", "checkpoint")


@dataclasses.dataclass(frozen=True)
class Study:
    """All runs, and what they are compared by."""

    name: str
    """What the page is called."""
    methods: tuple[str, ...]
    """How each sweep chose its runs; empty without a sweep."""
    metric: str
    """A key of ``metrics.jsonl``, or ``held_out``."""
    sign: int
    """1 where more of the metric is better, else -1."""
    runs: tuple[Run, ...]
    """In the order of the folders and of their manifests."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Every dotted key that some run sets, in order of appearance.

        Runs that leave it at its default have that among their parameters.
        """
        return tuple(dict.fromkeys(key for run in self.runs for key in run.parameters))

    def value(self, run: Run) -> float | None:
        """The metric of a run that has ended; None where there is none."""
        return run.metric(self.metric)

    @functools.cached_property
    def ranked(self) -> list[Run]:
        """Runs that have the metric, the best first; ties stay in their order."""
        known = [run for run in self.runs if self.value(run) is not None]
        return sorted(known, key=lambda run: -self.sign * (self.value(run) or 0.0))

    @functools.cached_property
    def left_out(self) -> list[tuple[Run, str]]:
        """Runs that some pictures lack, and why."""
        reasons = [(run, run.left_out(self.metric)) for run in self.runs]
        return [(run, reason) for run, reason in reasons if reason]


def read_study(paths: Sequence[Path]) -> Study:
    """Read all runs of the folders.

    Raises:
        InvalidInput: no folder is given, or one is neither a sweep nor a run, or the
            file of a sweep is damaged.
    """
    if not paths:
        raise InvalidInput(
            "a report needs a folder; name one that evolife sweep or train wrote"
        )
    folders = list({path.resolve(): path for path in paths}.values())
    for folder in folders:
        _check(folder)
    sweeps = [SweepFolder(path) for path in folders if SweepFolder(path).is_sweep()]
    specs = {sweep.path: sweep.spec() for sweep in sweeps}
    metric, sign = _metric(list(specs.values()))
    several = len(sweeps) > 1 or 0 < len(sweeps) < len(folders)
    runs: list[Run] = []
    for sweep in sweeps:
        place = sweep.path.resolve()
        mark = {FOLDER: place.name} if several else {}
        runs += [
            read_run(
                sweep.run(entry.run).path, mark | entry.parameters, metric, str(place)
            )
            for entry in read_entries(sweep)
        ]
    runs += _alone([path for path in folders if path not in specs], metric)
    names = [str(specs.get(p, {}).get("name") or p.resolve().name) for p in folders]
    methods = tuple(str(spec.get("method", "grid")) for spec in specs.values())
    return Study(", ".join(names), methods, metric, sign, tuple(with_defaults(runs)))


def _check(path: Path) -> None:
    if SweepFolder(path).is_sweep() or RunFolder(path).config_path.is_file():
        return
    if path.is_dir():
        why = (
            f"{path} is neither a sweep nor a run: it holds no sweep.jsonl and no "
            "config.yaml"
        )
    else:
        beside = [one.name for one in path.parent.glob("*/")]
        why = f"there is no folder {path}{nearest(path.name, beside)}"
    remedy = "name a folder that evolife sweep or evolife train wrote"
    for what, file in (("runs", "config.yaml"), ("sweeps", "sweep.jsonl")):
        if inside := sorted(found.parent for found in path.glob(f"*/{file}")):
            remedy = f"name the {what} within, such as {inside[0]}"
    raise InvalidInput(f"{why}; {remedy}")


def _metric(specs: Sequence[Mapping[str, Any]]) -> tuple[str, int]:
    """What all sweeps compare by; the held-out score where they differ."""
    found = set()
    for spec in specs:
        metric = spec.get("metric")
        metric = metric if isinstance(metric, Mapping) else {}
        sign = -1 if metric.get("goal") == "minimize" else 1
        found.add((str(metric.get("name", HELD_OUT)), sign))
    return found.pop() if len(found) == 1 else (HELD_OUT, 1)


def _alone(paths: Sequence[Path], metric: str) -> list[Run]:
    """Runs of no sweep; their parameters are what differs between their configs."""
    runs = [read_run(path, {}, metric) for path in paths]
    told = [
        {k: v for k, v in run.settings.items() if k.split(".")[0] not in _BESIDE}
        for run in runs
    ]
    differ = varying(told)
    return [
        dataclasses.replace(run, parameters={k: one[k] for k in differ if k in one})
        for run, one in zip(runs, told, strict=True)
    ]
