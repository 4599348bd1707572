"""One run as the report sees it, read from its folder alone."""

import dataclasses
import functools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evolife.config.yaml_file import read_yaml
from evolife.errors import EvolifeError
from evolife.reports.champion import Champion, Table, read_table
from evolife.reports.history import History, read_history
from evolife.run.verdict import Verdict, compare
from evolife.storage.metric_names import HELD_OUT, OF_CHAMPIONS
from evolife.storage.run_folder import CONTROL, RunFolder
from evolife.storage.status import State, Status
from evolife.storage.sweep_folder import Entry, SweepFolder
from evolife.storage.sweep_status import status_of, status_within

_LONGEST = 600


@dataclasses.dataclass(frozen=True)
class Run:
    """Everything the page tells of a run."""

    name: str
    """Its folder's name."""
    path: Path
    """Its folder."""
    source: str
    """Name of the sweep it belongs to; empty for a run of its own."""
    parameters: Mapping[str, Any]
    """What is compared, by dotted key; ``seed`` is among them where it was set."""
    state: State
    """How far it has come."""
    config: Mapping[str, Any]
    """Its resolved config; empty where it cannot be read."""
    history: History
    """Its curves."""
    table: Table
    """What is known of its champions."""
    control_table: Table
    """The same of its control's."""
    control_history: History
    """The control's curves."""
    message: str
    """Why it failed; empty where it did not."""

    @property
    def champion(self) -> Champion | None:
        """Its best champion."""
        return self.table.best

    @property
    def control(self) -> Champion | None:
        """The control's best champion."""
        return self.control_table.best

    @property
    def life_steps(self) -> int | None:
        """Steps of one life."""
        steps = _within(self.config, "lifetime", "steps")
        return steps if isinstance(steps, int) else None

    @property
    def generation(self) -> int:
        """Generations done."""
        last = self.history.last["generation"]
        return 0 if math.isnan(last) else int(last)

    @functools.cached_property
    def verdict(self) -> Verdict | None:
        """Whether it beats its control; None without a control that has ended."""
        if self.champion is None or self.control is None:
            return None
        try:
            claim = str(self.config.get("claim") or "")
            lives = self.table.held_out, self.control_table.held_out
            return compare(self.champion.row, self.control.row, claim, *lives)
        except (KeyError, TypeError, ValueError):
            return None

    def metric(self, name: str) -> float | None:
        """What runs are compared by, once the run has ended; None where not finite."""
        if self.state != "done":
            return None
        if name in OF_CHAMPIONS:
            return getattr(self.champion, name) if self.champion else None
        value = self.history.last.get(name, math.nan)
        return None if math.isnan(value) else value


@dataclasses.dataclass(frozen=True)
class LoneRun(SweepFolder):
    """A run named by itself, whose path is asked for as those of a sweep's runs."""

    def run(self, name: str) -> RunFolder:
        """The folder itself."""
        return RunFolder(self.path)


def read_run(folder: SweepFolder, entry: Entry, metric: str, source: str = "") -> Run:
    """Read a run; whatever is missing or damaged is left out of it, never raised."""
    run = folder.run(entry.run)
    control = RunFolder(run.path / CONTROL)
    more = () if metric in OF_CHAMPIONS else (metric,)
    status = _status(folder, entry.run)
    return Run(
        name=entry.run,
        path=run.path,
        source=source,
        parameters=entry.parameters,
        state=status.state,
        config=_config(run),
        history=read_history(run.metrics_path, more),
        table=read_table(run),
        control_table=read_table(control),
        control_history=read_history(control.metrics_path),
        message=status.message,
    )


def left_out(run: Run, metric: str) -> str:
    """Why a run is missing from some or all pictures; empty where it is in all."""
    if run.state != "done":
        return _unfinished(run)
    reasons = []
    if not run.history.has("fitness/mean"):
        reasons.append("no curve: metrics.jsonl holds no finite fitness")
    if run.champion is None:
        reasons.append("no champions: champions.json is missing or damaged")
    if metric != HELD_OUT and run.metric(metric) is None:
        reasons.append(f"its last {metric} is missing or not finite")
    return "; ".join(reasons)


def _unfinished(run: Run) -> str:
    target = run.config.get("generations")
    done = f"{run.generation} of {target} generations" if target else "no generation"
    if run.state == "waiting":
        return "waiting: it has not begun"
    if run.state == "running":
        return f"running: {done} so far"
    if run.state == "pruned":
        return f"pruned after {done}: others left it behind"
    why = f"; {_one_line(run.message)}" if run.message else ""
    return f"{run.state} after {done}{why}"


def _one_line(message: str) -> str:
    """A message of several lines, such as the end of a log, in one."""
    return message.replace(":\n", ": ").replace("\n", " / ")[:_LONGEST]


def _status(folder: SweepFolder, name: str) -> Status:
    try:
        if isinstance(folder, LoneRun):
            return status_of(folder.run(name))
        return status_within(folder, name)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, EvolifeError):
        # Files that cannot be read are not those of a run that ended well.
        return Status("failed", "its files cannot be read")


def _config(folder: RunFolder) -> Mapping[str, Any]:
    try:
        return read_yaml(folder.config_path).data
    except EvolifeError:
        return {}


def _within(data: Any, *keys: str) -> Any:
    for key in keys:
        data = data.get(key) if isinstance(data, Mapping) else None
    return data
