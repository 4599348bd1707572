"""How far each run of a sweep has come, read from its folder alone."""

import dataclasses
import json
import re
from typing import Any, Literal

from evolife.errors import EvolifeError
from evolife.lineage.manifest import read_manifest
from evolife.storage.lock import is_locked
from evolife.storage.run_folder import CONTROL, RunFolder
from evolife.sweeps.folder import Entry, SweepFolder

State = Literal["waiting", "running", "done", "failed", "stopped"]
"""``stopped``: begun and not ended, whether by a signal or by a kill."""

HELD_OUT = "held_out"
"""Name of the metric that is the best champion's score on held-out lives."""
_TAIL_BYTES = 65_536
_NO_CONTROL = re.compile("^control: null$", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Standing:
    """One run now."""

    entry: Entry
    state: State
    metrics: dict[str, Any]
    """The last whole line of ``metrics.jsonl``, and the best champion's scores."""

    @property
    def generation(self) -> int:
        """How many generations are done."""
        return int(self.metrics.get("generation", 0))


def standings(folder: SweepFolder, entries: list[Entry]) -> list[Standing]:
    """The standing of every run of ``entries``, in their order."""
    return [standing(folder.run(entry.run), entry) for entry in entries]


def standing(run: RunFolder, entry: Entry) -> Standing:
    """How far one run has come; a damaged file counts as absent."""
    metrics = last_line(run)
    if not run.config_path.is_file():
        return Standing(entry, "waiting", metrics)
    ends = _ends(run)
    if ends and ends[-1] == "done" and _control_done(run):
        return Standing(entry, "done", metrics | champion_metrics(run))
    if is_locked(run.path):
        return Standing(entry, "running", metrics)
    failed = bool(ends) and ends[-1] == "failed"
    return Standing(entry, "failed" if failed else "stopped", metrics)


def last_line(run: RunFolder) -> dict[str, Any]:
    """The last whole line of ``metrics.jsonl``; empty where there is none."""
    try:
        with run.metrics_path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            lines = file.read().split(b"\n")[:-1]
    except OSError:
        return {}
    return _mapping(lines[-1]) if lines else {}


def champion_metrics(run: RunFolder) -> dict[str, Any]:
    """Scores of the best champion under the names of metrics; empty where none is."""
    try:
        table = json.loads((run.champions / "champions.json").read_bytes())
        best = table["champions"][0]
    except (OSError, ValueError, LookupError, TypeError):
        return {}
    names = (HELD_OUT, "selected", "gap", "interval")
    return {name: best[name] for name in names if name in best}


def _ends(run: RunFolder) -> list[str | None]:
    """Why each session ended; None for one that was killed or still goes on."""
    try:
        manifest = read_manifest(run.manifest_path)
    except EvolifeError:
        return []
    sessions = manifest["sessions"] if manifest else []
    return [session.get("exit_reason") for session in sessions]


def _control_done(run: RunFolder) -> bool:
    """Whether there is no control to wait for."""
    if _NO_CONTROL.search(run.config_path.read_text()):
        return True
    return _ends(RunFolder(run.path / CONTROL))[-1:] == ["done"]


def _mapping(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
