"""The runs that a page is about, from the folders that were named."""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from evolife.errors import InvalidInput, nearest
from evolife.reports.defaults import with_defaults
from evolife.reports.runs import LoneRun, Run, left_out, read_run
from evolife.reports.words import flat
from evolife.storage.metric_names import HELD_OUT
from evolife.storage.run_folder import RunFolder
from evolife.storage.sweep_folder import Entry, SweepFolder, read_entries

Goal = Literal["maximize", "minimize"]

FOLDER = "folder"
"""Parameter that names the sweep where there are several."""
SEED = "seed"
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
    goal: Goal
    """Which way the metric is better."""
    runs: tuple[Run, ...]
    """In the order of the folders and of their manifests."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Every dotted key that some run sets, in order of appearance.

        Runs that leave it at its default have that among their parameters.
        """
        return tuple(dict.fromkeys(key for run in self.runs for key in run.parameters))

    @property
    def sign(self) -> int:
        """1 where more is better, else -1."""
        return 1 if self.goal == "maximize" else -1

    def value(self, run: Run) -> float | None:
        """The metric of a run that has ended; None where there is none."""
        return run.metric(self.metric)

    @property
    def ranked(self) -> list[Run]:
        """Runs that have the metric, the best first; ties stay in their order."""
        known = [run for run in self.runs if self.value(run) is not None]
        return sorted(known, key=lambda run: -self.sign * (self.value(run) or 0.0))

    @property
    def left_out(self) -> list[tuple[Run, str]]:
        """Runs that some pictures lack, and why."""
        reasons = [(run, left_out(run, self.metric)) for run in self.runs]
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
    unique = list({path.resolve(): path for path in paths}.values())
    for path in unique:
        _check(path)
    sweeps = [SweepFolder(path) for path in unique if SweepFolder(path).is_sweep()]
    alone = [path for path in unique if not SweepFolder(path).is_sweep()]
    specs = [sweep.spec() for sweep in sweeps]
    metric, goal = _metric(specs)
    several = len(sweeps) > 1 or bool(sweeps and alone)
    runs: list[Run] = []
    for sweep in sweeps:
        runs += _of_sweep(sweep, metric, several)
    runs += _alone(alone, metric)
    names = [_name(path, spec) for path, spec in _titled(unique, sweeps, specs)]
    methods = tuple(str(spec.get("method", "grid")) for spec in specs)
    filled = tuple(with_defaults(runs, SEED))
    return Study(", ".join(names), methods, metric, goal, filled)


def _check(path: Path) -> None:
    if SweepFolder(path).is_sweep() or RunFolder(path).config_path.is_file():
        return
    if path.is_dir():
        what = (
            "is neither a sweep nor a run: it holds no sweep.jsonl and no config.yaml"
        )
        raise InvalidInput(f"{path} {what}; {_remedy(path)}")
    beside = [p.name for p in path.parent.glob("*/")] if path.parent.is_dir() else []
    raise InvalidInput(
        f"there is no folder {path}{nearest(path.name, beside)}; {_remedy(path)}"
    )


def _remedy(path: Path) -> str:
    for what, file in (("sweeps", "sweep.jsonl"), ("runs", "config.yaml")):
        inside = sorted(found.parent for found in path.glob(f"*/{file}"))
        if inside:
            return f"name the {what} within, such as {inside[0]}"
    return "name a folder that evolife sweep or evolife train wrote"


def _metric(specs: Sequence[Mapping[str, Any]]) -> tuple[str, Goal]:
    """What all sweeps compare by; the held-out score where they differ."""
    found: set[tuple[str, Goal]] = set()
    for spec in specs:
        metric = spec.get("metric")
        metric = metric if isinstance(metric, Mapping) else {}
        least = metric.get("goal") == "minimize"
        name = str(metric.get("name", HELD_OUT))
        found.add((name, "minimize" if least else "maximize"))
    return found.pop() if len(found) == 1 else (HELD_OUT, "maximize")


def _of_sweep(sweep: SweepFolder, metric: str, several: bool) -> Iterator[Run]:
    source = sweep.path.resolve().name
    for entry in read_entries(sweep):
        if several:
            parameters = {FOLDER: source, **entry.parameters}
            entry = dataclasses.replace(entry, parameters=parameters)
        yield read_run(sweep, entry, metric, str(sweep.path.resolve()))


def _alone(paths: Sequence[Path], metric: str) -> list[Run]:
    """Runs of no sweep; their parameters are what differs between their configs."""
    runs = [
        read_run(LoneRun(path), Entry(path.resolve().name, {}, ()), metric)
        for path in paths
    ]
    settings = [
        flat({k: v for k, v in run.config.items() if k not in _BESIDE}) for run in runs
    ]
    keys = dict.fromkeys(key for setting in settings for key in setting)
    differ = [key for key in keys if len({_text(s, key) for s in settings}) > 1]
    return [
        dataclasses.replace(run, parameters={k: s[k] for k in differ if k in s})
        for run, s in zip(runs, settings, strict=True)
    ]


def _text(setting: Mapping[str, Any], key: str) -> str:
    return json.dumps(setting[key], sort_keys=True) if key in setting else ""


def _titled(
    paths: Sequence[Path],
    sweeps: Sequence[SweepFolder],
    specs: Sequence[Mapping[str, Any]],
) -> list[tuple[Path, Mapping[str, Any]]]:
    named = {sweep.path: spec for sweep, spec in zip(sweeps, specs, strict=True)}
    return [(path, named.get(path, {})) for path in paths]


def _name(path: Path, spec: Mapping[str, Any]) -> str:
    return str(spec.get("name") or path.resolve().name)
