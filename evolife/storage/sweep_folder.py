"""The folder of a sweep: its file, its manifest, and one run folder a line of it.

SWEEP/sweep.yaml    resolved: the sweep with every default written out
SWEEP/base.yaml     the config that all runs change, resolved, as it was at first
SWEEP/sweep.jsonl   one line a run: name, parameters, overrides
SWEEP/runs/NAME/    a run folder like any other, once it has begun
SWEEP/logs/NAME.log what the run printed
SWEEP/logs/NAME.exit.json how its process ended
SWEEP/report/       the page that ``evolife report`` makes
"""

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from evolife.config.yaml_file import read_yaml
from evolife.errors import InvalidInput
from evolife.storage.files import Inside, storage_errors, write_atomically
from evolife.storage.run_folder import RunFolder
from evolife.strict_json import dumps


@dataclasses.dataclass(frozen=True)
class Entry:
    """One line of the manifest: a run that the sweep asks for."""

    run: str
    """Name of its folder, which says what it changes and is stable by content."""
    parameters: dict[str, Any]
    """Values by dotted key, in the order of the sweep file."""
    overrides: tuple[str, ...]
    """The same as ``evolife train`` takes them."""


@dataclasses.dataclass(frozen=True)
class SweepFolder:
    """Paths inside the folder of a sweep; making one touches no disk."""

    path: Path

    spec_path = Inside("sweep.yaml")
    """The sweep, resolved."""
    base_path = Inside("base.yaml")
    """The config that every run changes."""
    manifest_path = Inside("sweep.jsonl")
    """One line a run; a folder holding it is a sweep."""

    def run(self, name: str) -> RunFolder:
        """The folder of one run."""
        return RunFolder(self.path / "runs" / name)

    def log_path(self, name: str) -> Path:
        """What one run printed."""
        return self.path / "logs" / f"{name}.log"

    def exit_path(self, name: str) -> Path:
        """How the process of one run ended."""
        return self.path / "logs" / f"{name}.exit.json"

    def is_sweep(self) -> bool:
        """Whether there is a sweep here."""
        return self.manifest_path.is_file()

    def spec(self) -> dict[str, Any]:
        """The sweep as plain data; raises ``InvalidInput`` where it cannot be read."""
        return read_yaml(self.spec_path).data


def open_sweep(path: Path) -> SweepFolder:
    """Return the existing sweep at ``path``; raises ``InvalidInput`` if it is none."""
    folder = SweepFolder(path)
    if not folder.is_sweep():
        raise InvalidInput(
            f"{path} is not a sweep folder: it holds no {folder.manifest_path.name}; "
            "name the folder that evolife sweep wrote"
        )
    return folder


def sweep_around(run: RunFolder) -> SweepFolder | None:
    """The sweep that a run folder belongs to, if it lies in one."""
    runs = run.path.absolute().parent
    folder = SweepFolder(runs.parent)
    return folder if runs.name == "runs" and folder.is_sweep() else None


def read_entries(folder: SweepFolder) -> list[Entry]:
    """Read the manifest; a line torn by a kill at the end is left out.

    Raises:
        InvalidInput: another line is damaged.
    """
    path = folder.manifest_path
    with storage_errors("read", path, InvalidInput):
        whole = path.read_bytes().split(b"\n")[:-1]
    return [_parsed(path, number, line) for number, line in enumerate(whole, start=1)]


def write_entries(folder: SweepFolder, entries: Iterable[Entry]) -> None:
    """Replace the manifest, atomically; raises ``EvolifeError`` if the disk refuses."""
    lines = (dumps(vars(entry)) for entry in entries)
    content = "".join(f"{line}\n" for line in lines).encode()
    with storage_errors("write the manifest", folder.manifest_path):
        write_atomically(folder.manifest_path, content)


def _parsed(path: Path, number: int, line: bytes) -> Entry:
    try:
        found = json.loads(line)
        return Entry(
            str(found["run"]), dict(found["parameters"]), tuple(found["overrides"])
        )
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            f"{path}, line {number}: not a run of a sweep ({error}); put the file "
            "back, or sweep into another folder with --out DIR"
        ) from error
