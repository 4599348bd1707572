"""The folder of a sweep is made, or found again; never is another sweep overwritten."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from evolife.config.model import RunConfig, load_config
from evolife.errors import InvalidInput
from evolife.storage.files import storage_errors, write_atomically
from evolife.storage.sweep_folder import Entry, SweepFolder, read_entries, write_entries
from evolife.sweeps.spec import Sweep, load_sweep

_NOT_CONTENT = {"name", "claim", "plugins", "record", "checkpoint"}


def base_digest(base: RunConfig) -> str:
    """Hex SHA-256 of what results depend on; defaults added later do not count."""
    data = base.model_dump(mode="json", exclude=_NOT_CONTENT, exclude_defaults=True)
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def default_path(sweep: Sweep) -> Path:
    """Where a sweep lies unless ``--out`` says so: the same place every time."""
    return Path("runs") / f"sweep-{sweep.spec.name}"


def make(sweep: Sweep, path: Path) -> SweepFolder:
    """Make the folder, or find that this very sweep is there already.

    Raises:
        InvalidInput: something else is there, or the folder cannot be written.
    """
    folder = SweepFolder(path)
    if folder.is_sweep():
        _check_same(sweep, folder)
        _write_spec(sweep, folder)
        return folder
    if path.exists() and not (path.is_dir() and _only_ours(folder)):
        raise InvalidInput(
            f"{path} holds something else than a sweep; choose another folder with "
            "--out DIR"
        )
    with storage_errors("create the sweep's folder", path, InvalidInput):
        for part in (path / "runs", path / "logs"):
            part.mkdir(parents=True, exist_ok=True)
        write_atomically(folder.base_path, sweep.base.to_yaml().encode())
        _write_spec(sweep, folder)
        # Last, because this file is what makes the folder a sweep.
        write_entries(folder, [])
    return folder


def note_entries(folder: SweepFolder, entries: Sequence[Entry]) -> None:
    """Write the manifest; runs may be added to those that are there, none taken away.

    Raises:
        InvalidInput: the folder has runs that are not among ``entries``.
    """
    names = {entry.run for entry in entries}
    before = read_entries(folder)
    gone = [entry.run for entry in before if entry.run not in names]
    if gone:
        raise InvalidInput(
            f"{folder.path} holds another sweep: {len(gone)} of its {len(before)} runs "
            f"are not in this one, such as {gone[0]}; choose another folder with "
            "--out DIR"
        )
    if len(before) != len(entries):
        write_entries(folder, entries)


def _write_spec(sweep: Sweep, folder: SweepFolder) -> None:
    own = sweep.spec.model_copy(update={"base": folder.base_path.name})
    with storage_errors("write", folder.spec_path):
        write_atomically(folder.spec_path, own.to_yaml().encode())


def _check_same(sweep: Sweep, folder: SweepFolder) -> None:
    if base_digest(load_config(str(folder.base_path))) != base_digest(sweep.base):
        raise InvalidInput(
            f"{folder.path} holds a sweep with another base; choose another folder "
            "with --out DIR"
        )
    there = load_sweep(str(folder.spec_path)).spec
    also = ("parameters",) if sweep.spec.method == "bayes" else ()
    for name in ("method", "metric", "seed", *also):
        old, new = getattr(there, name), getattr(sweep.spec, name)
        if old != new:
            raise InvalidInput(
                f"{folder.path} holds a sweep with another {name} ({old}, not {new}); "
                "choose another folder with --out DIR"
            )


def _only_ours(folder: SweepFolder) -> bool:
    """Whether only what a kill within :func:`make` left behind is there."""
    ours = {"runs", "logs", folder.base_path.name, folder.spec_path.name}
    found = [path for path in folder.path.iterdir() if not path.name.endswith(".tmp")]
    return all(
        path.name in ours and not (path.is_dir() and any(path.iterdir()))
        for path in found
    )
