"""Whether a run goes on, from its files: its lock, its manifest, its last news."""

import json
from pathlib import Path
from typing import Any, Literal

from evolife.config.yaml_file import read_yaml
from evolife.errors import EvolifeError
from evolife.lineage.manifest import read_manifest
from evolife.storage.lock import is_locked
from evolife.storage.run_folder import CONTROL, RunFolder

State = Literal["waiting", "running", "done", "failed", "stopped"]

_FRESH_SECONDS, _FRESH_GENERATIONS = 20.0, 5.0
"""News as young as that come from a run that goes on, where locks tell nothing: a file
system may know only the locks of its own machine."""


class Settings:
    """What the config says about how long a run takes; read again when it changes."""

    def __init__(self, path: Path) -> None:
        self._path, self._read_at = path, -1.0
        self._data: dict[str, Any] = {}

    def read(self) -> dict[str, Any]:
        """The config as plain data; raises ``InvalidInput`` if it cannot be read."""
        changed = self._path.stat().st_mtime if self._path.exists() else 0.0
        if changed != self._read_at:
            self._data = read_yaml(self._path).data
            self._read_at = changed
        return self._data


def state_of(
    run: RunFolder, settings: dict[str, Any], age: float | None, pace: float | None
) -> State:
    """How a run stands.

    ``age`` of its last line and ``pace`` of its generations are in seconds, None where
    they are not known.
    """
    if is_locked(run.path):
        return "running"
    last, begun = _last_end(run)
    if last == "done" and settings.get("control") is not None:
        # The control comes after the run and belongs to it.
        last, begun = _last_end(RunFolder(run.path / CONTROL))
    if last == "done":
        return "done"
    if last == "failed":
        return "failed"
    fresh = max(_FRESH_SECONDS, _FRESH_GENERATIONS * (pace or 0.0))
    if last is None and begun and age is not None and age < fresh:
        return "running"
    return "stopped" if begun or age is not None else "waiting"


def champions(run: RunFolder) -> list[dict[str, Any]]:
    """The rows of the final table; none where there is no whole one."""
    names = {"rank", "source", "selected", "held_out", "interval", "gap"}
    try:
        rows = json.loads((run.champions / "champions.json").read_bytes())["champions"]
        return [{name: row[name] for name in sorted(names)} for row in rows]
    except (OSError, ValueError, LookupError, TypeError):
        return []


def _last_end(run: RunFolder) -> tuple[str | None, bool]:
    """Why the last session ended, None if it did not; and whether there was any."""
    try:
        manifest = read_manifest(run.manifest_path)
        sessions = manifest["sessions"] if manifest else []
        return (sessions[-1].get("exit_reason"), True) if sessions else (None, False)
    except (EvolifeError, AttributeError, LookupError, TypeError):
        return None, False
