"""What a run's config and champions say, read again and again."""

from pathlib import Path
from typing import Any

from evolife.config.yaml_file import read_yaml
from evolife.storage.champions import known_rows
from evolife.storage.run_folder import RunFolder


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


def champions(run: RunFolder) -> list[dict[str, Any]]:
    """What is shown of the final table; nothing where there is no whole one."""
    names = ("gap", "held_out", "interval", "rank", "selected", "source", "validated")
    return [{name: row.get(name) for name in names} for row in known_rows(run)]
