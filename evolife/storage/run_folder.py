"""The folder of one run: where everything lies, and what may not be overwritten."""

import contextlib
import dataclasses
import datetime
import os
import re
from collections.abc import Iterator
from pathlib import Path

from evolife.errors import InvalidInput, nearest, pasted
from evolife.storage.files import Inside, storage_errors, write_atomically

CONTROL = "control"
"""Folder of the control's run within the run."""
FILMS = ("film.gif", "film.png")
"""What ``evolife evaluate --film`` draws into a run."""


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """Paths inside a run folder; making one touches no disk."""

    path: Path

    config_path = Inside("config.yaml")
    """The resolved config; a folder holding it is a run."""
    manifest_path = Inside("manifest.json")
    """Code, packages, machine and outputs, one entry a session."""
    metrics_path = Inside("metrics.jsonl")
    """One JSON line a generation."""
    tensorboard = Inside("tensorboard")
    """Folder of event files."""
    checkpoints = Inside("checkpoints")
    """Folder of ``gen_000120/`` folders."""
    champions = Inside("champions")
    """Folder of ``champions.json`` and ``agent_001.safetensors`` ..."""

    logs = Inside("logs")
    """Folder of the logs of ranks other than 0."""

    @property
    def parts(self) -> tuple[Path, ...]:
        """The folders within."""
        return self.tensorboard, self.checkpoints, self.champions, self.logs

    def log_path(self, rank: int) -> Path:
        """The log of one rank."""
        return self.logs / f"rank_{rank:04d}.log"


@contextlib.contextmanager
def run_path(
    given: str | os.PathLike[str] | None, config_name: str, root: Path = Path("runs")
) -> Iterator[Path]:
    """The folder that was ``given``, or a new one named as by :func:`fresh_path`.

    A new one is there at once, so that of jobs which start in the same second each has
    its own, and is removed again if the block leaves it empty.

    Raises:
        InvalidInput: it may not be made.
        EvolifeError: the disk is full.
    """
    if given is not None:
        yield Path(given)
        return
    parents = [] if root.exists() else [root]
    path = _made(config_name, root)
    try:
        yield path
    finally:
        _remove([*parents, path])


def fresh_path(config_name: str, root: Path = Path("runs")) -> Path:
    """Return an unused ``runs/<config name>-<yyyymmdd-hhmmss>[-N]``."""
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    first = path = root / f"{config_name}-{stamp}"
    number = 1
    while path.exists():
        number += 1
        path = first.with_name(f"{first.name}-{number}")
    return path


def _made(config_name: str, root: Path) -> Path:
    """Make a fresh folder: two that look in the same second see the same one unused."""
    while True:
        path = fresh_path(config_name, root)
        with (
            storage_errors("create the run folder", path, InvalidInput),
            contextlib.suppress(FileExistsError),
        ):
            path.mkdir(parents=True)
            return path


def create(path: Path, config_yaml: str) -> RunFolder:
    """Make the folder of a fresh run and write its resolved config.

    Raises:
        InvalidInput: ``path`` is a run already, holds other files, is not a folder, or
            may not be written.
        EvolifeError: the disk is full. What this call had made is removed again.
    """
    run = RunFolder(path)
    made: list[Path] = []
    with storage_errors("create the run folder", path, InvalidInput):
        if not _is_empty_folder(run):
            path.mkdir(parents=True)
            made.append(path)
        try:
            for part in run.parts:
                part.mkdir(exist_ok=True)
                made.append(part)
            # Last, because this file is what makes the folder a run.
            write_atomically(run.config_path, config_yaml.encode())
        except BaseException:
            _remove(made)
            raise
    return run


def check_free(path: Path) -> None:
    """Refuse what :func:`create` would refuse; touches nothing.

    Raises:
        InvalidInput: ``path`` is a run already, holds other files, or is not a folder.
    """
    with storage_errors("create the run folder", path, InvalidInput):
        _is_empty_folder(RunFolder(path))


def open_run(path: Path) -> RunFolder:
    """Return the existing run at ``path``; raises ``InvalidInput`` if it is none."""
    run = RunFolder(path)
    if run.config_path.is_file():
        return run
    if path.is_dir():
        raise InvalidInput(
            f"{path} is not a run folder: it holds no config.yaml; "
            "name the folder that evolife train wrote"
        )
    raise InvalidInput(f"there is no run folder {path}{_neighbour(path)}")


def _is_empty_folder(run: RunFolder) -> bool:
    """Return whether the folder exists already; refuse everything in the way.

    What a kill within :func:`create` left behind is not in the way.
    """
    path = run.path
    if run.config_path.exists():
        raise InvalidInput(
            f"{path} already holds a run; continue it with --resume {pasted(path)} "
            "(--resume-or-start begins or continues), or choose another with --out DIR"
        )
    if not path.exists():
        return False
    if not path.is_dir():
        raise InvalidInput(
            f"{path} is a file, not a folder; choose another with --out DIR"
        )
    if not all(_is_remnant(run, found) for found in path.iterdir()):
        raise InvalidInput(
            f"{path} is not empty and holds no run; "
            "choose a new or empty folder with --out DIR"
        )
    return True


def _is_remnant(run: RunFolder, path: Path) -> bool:
    if path in run.parts:
        return path.is_dir() and not any(path.iterdir())
    return re.fullmatch(r"\.config\.yaml\.\d+\.tmp", path.name) is not None


def _remove(folders: list[Path]) -> None:
    """Remove those folders that are still empty, the last made first."""
    for folder in reversed(folders):
        with contextlib.suppress(OSError):
            folder.rmdir()


def _neighbour(path: Path) -> str:
    """Name the run with the nearest name in the same folder, if there is one."""
    if not path.parent.is_dir():
        return ""
    runs = [config.parent for config in path.parent.glob("*/config.yaml")]
    return nearest(path.name, [run.name for run in runs])
