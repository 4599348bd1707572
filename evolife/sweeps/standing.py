"""How far each run of a sweep has come, read from its folder alone."""

import dataclasses
import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from evolife.errors import EvolifeError
from evolife.lineage.manifest import read_manifest
from evolife.storage.files import storage_errors
from evolife.storage.lock import is_locked
from evolife.storage.run_folder import CONTROL, RunFolder
from evolife.sweeps.folder import Entry, SweepFolder

State = Literal["waiting", "running", "done", "failed", "stopped", "pruned"]
"""``stopped``: begun and not ended, whether by a signal or by a kill; ``pruned``:
stopped for good, because others left it behind."""

HELD_OUT = "held_out"
"""Name of the metric that is the best champion's score on held-out lives."""
_TAIL_BYTES = 65_536
_PRUNED = "pruned"
_SIGN = "evolife: "
_NO_CONTROL = re.compile("^control: null$", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Standing:
    """One run now."""

    entry: Entry
    state: State
    metrics: dict[str, Any]
    """The last whole line of ``metrics.jsonl``, and the best champion's scores."""
    message: str = ""
    """Why it failed."""

    @property
    def is_open(self) -> bool:
        """Whether it is still to be done; one that failed is tried again."""
        return self.state not in ("done", "pruned")

    @property
    def generation(self) -> int:
        """How many generations are done."""
        return int(self.metrics.get("generation", 0))


def standings(folder: SweepFolder, entries: Sequence[Entry]) -> list[Standing]:
    """The standing of every run of ``entries``, in their order."""
    return [standing(folder, entry) for entry in entries]


def standing(folder: SweepFolder, entry: Entry) -> Standing:
    """How far one run has come; a damaged file counts as absent."""
    run, metrics = folder.run(entry.run), last_line(folder.run(entry.run))
    begun = run.config_path.is_file()
    ends = _ends(run) if begun else []
    last = ends[-1] if ends else None
    if last == "done" and _control_done(run):
        return Standing(entry, "done", metrics | champion_metrics(run))
    if begun and is_locked(run.path):
        return Standing(entry, "running", metrics)
    if (run.path / _PRUNED).exists():
        return Standing(entry, "pruned", metrics)
    message = last_words(folder.log_path(entry.run))
    if last != "stopped" and message:
        return Standing(entry, "failed", metrics, message)
    return Standing(entry, "stopped" if begun else "waiting", metrics)


def mark_pruned(run: RunFolder) -> None:
    """Note that a run was left behind by others and shall not go on."""
    with storage_errors("write in", run.path):
        run.path.mkdir(parents=True, exist_ok=True)
        (run.path / _PRUNED).touch()


def last_words(log: Path) -> str:
    """The message that a failed command ended its log with; empty if it did not."""
    lines = tail(log).decode(errors="replace").strip().splitlines()
    last = lines[-1] if lines else ""
    return last.removeprefix(_SIGN) if last.startswith(_SIGN) else ""


def tail(path: Path) -> bytes:
    """The end of a file; empty where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            return file.read()
    except OSError:
        return b""


def last_line(run: RunFolder) -> dict[str, Any]:
    """The last whole line of ``metrics.jsonl``; empty where there is none."""
    lines = tail(run.metrics_path).split(b"\n")[:-1]
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
    if not isinstance(sessions, list) or not all(isinstance(s, dict) for s in sessions):
        return []
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


def finite(value: object) -> float | None:
    """The value as a number; None where it is none."""
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if known and math.isfinite(value) else None  # type: ignore[arg-type]
