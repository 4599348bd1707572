"""Checkpoints: atomic, hashed, no pickle; damage is noticed and stepped over.

``checkpoints/gen_000120/`` holds ``arrays.npz`` and ``state.json``. It is written
beside, synced and renamed, so that a kill at any moment leaves whole checkpoints only.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import re
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from evolife.errors import EvolifeError, InvalidInput
from evolife.pytrees import Leaf, digest, rebuild, take_apart
from evolife.storage.files import sha256, storage_errors, sync_folder, write_durably
from evolife.strict_json import dumps

__all__ = ["Loaded", "digest", "generations", "load", "path_of", "save"]

_FORMAT = 1
_NAME = re.compile(r"gen_(\d{6,})")
# A kill between two renames leaves the replaced checkpoint under this name.
_REPLACED = re.compile(r"\.gen_(\d{6,})\.replaced")
_TEMPORARY = re.compile(r"\.gen_\d{6,}\.\d+\.tmp")


@dataclasses.dataclass(frozen=True)
class Loaded:
    """What a checkpoint gave back, and which newer ones were damaged."""

    generation: int
    tree: Any
    extra: dict[str, Any]
    warnings: tuple[str, ...] = ()


class _DamageError(Exception):
    """One checkpoint cannot be trusted; the message says why."""


def path_of(folder: Path, generation: int) -> Path:
    """Return where the checkpoint of a generation lies within ``checkpoints/``."""
    return folder / f"gen_{generation:06d}"


def generations(folder: Path) -> list[int]:
    """Return the generations with a checkpoint, valid or not, newest first."""
    return sorted({generation for generation, _ in _candidates(folder)}, reverse=True)


def save(
    folder: Path, generation: int, tree: Any, extra: Mapping[str, Any], keep: int
) -> Path:
    """Write the checkpoint of ``generation`` and return its folder.

    ``tree`` is a pytree of JAX or NumPy arrays, typed PRNG keys and numbers; ``extra``
    is anything JSON can hold. Afterwards only the newest ``keep`` are left; later ones,
    abandoned by going back to an earlier generation, are removed too.

    Raises:
        EvolifeError: the disk is full or refuses; older checkpoints are untouched.
    """
    leaves = take_apart(tree)
    target = path_of(folder, generation)
    temporary = folder / f".{target.name}.{os.getpid()}.tmp"
    with storage_errors("write the checkpoint", target):
        try:
            _sweep(folder)
            _write(temporary, generation, leaves, extra)
            _put_in_place(temporary, target)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        _prune(folder, generation, keep)
    return target


def load(folder: Path, generation: int | None, template: Any) -> Loaded | None:
    """Return the newest valid checkpoint, or that of ``generation``; None if none.

    ``template`` is a pytree like the one saved; its leaves (arrays, or shapes and
    dtypes) say what each leaf becomes.

    Raises:
        EvolifeError: there are checkpoints, but all are damaged, or the one asked for.
        InvalidInput: ``generation`` has no checkpoint, or the valid checkpoint does not
            fit ``template``.
    """
    damaged: list[str] = []
    for number, path in _wanted(folder, generation):
        try:
            leaves, extra = _read(path, number)
        except _DamageError as reason:
            damaged.append(f"checkpoint {path} is damaged and left out: {reason}")
            continue
        return Loaded(number, rebuild(template, leaves), extra, tuple(damaged))
    if damaged:
        raise EvolifeError("no valid checkpoint is left: " + "; ".join(damaged))
    return None


def _wanted(folder: Path, generation: int | None) -> list[tuple[int, Path]]:
    """Return all candidates, or those of one generation; refuse if it has none."""
    with storage_errors("read the checkpoints in", folder):
        candidates = _candidates(folder)
    if generation is None:
        return candidates
    wanted = [(number, path) for number, path in candidates if number == generation]
    if not wanted:
        raise InvalidInput(
            f"{folder} holds no checkpoint of generation {generation}; "
            f"there are {generations(folder) or 'none'}"
        )
    return wanted


def _candidates(folder: Path) -> list[tuple[int, Path]]:
    """Return (generation, path), newest first and a replaced one after its heir."""
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        for rank, pattern in enumerate((_REPLACED, _NAME)):
            if match := pattern.fullmatch(path.name):
                found.append((int(match[1]), rank, path))
    return [(number, path) for number, _, path in sorted(found, reverse=True)]


def _write(
    temporary: Path, generation: int, leaves: list[Leaf], extra: Mapping[str, Any]
) -> None:
    temporary.mkdir(parents=True)
    arrays = temporary / "arrays.npz"
    raws: dict[str, Any] = {f"leaf_{i:05d}": leaf.raw for i, leaf in enumerate(leaves)}
    with arrays.open("wb") as file:
        np.savez(file, **raws)
        file.flush()
        os.fsync(file.fileno())
    state = {
        "format": _FORMAT,
        "generation": generation,
        "arrays_sha256": sha256(arrays),
        "leaves": [leaf.described for leaf in leaves],
        "extra": dict(extra),
    }
    write_durably(temporary / "state.json", _sealed(state))
    sync_folder(temporary)


def _put_in_place(temporary: Path, target: Path) -> None:
    """Rename; an older checkpoint of that name stays readable until the last moment."""
    replaced = target.with_name(f".{target.name}.replaced")
    if target.exists():
        shutil.rmtree(replaced, ignore_errors=True)
        target.rename(replaced)
    temporary.rename(target)
    sync_folder(target.parent)
    shutil.rmtree(replaced, ignore_errors=True)


def _prune(folder: Path, generation: int, keep: int) -> None:
    """Remove later and surplus checkpoints, never the one just saved."""
    earlier = [number for number in generations(folder) if number <= generation]
    kept = set(earlier[: max(keep, 1)])
    for number, path in _candidates(folder):
        if number not in kept or _REPLACED.fullmatch(path.name):
            hidden = folder / f".gen_{number:06d}.{os.getpid()}.tmp"
            # Renamed first: a kill while removing leaves no half checkpoint.
            path.rename(hidden)
            shutil.rmtree(hidden, ignore_errors=True)


def _sweep(folder: Path) -> None:
    """Remove what kills left half written, before it takes space again."""
    for path in list(folder.iterdir()) if folder.is_dir() else ():
        if _TEMPORARY.fullmatch(path.name):
            shutil.rmtree(path, ignore_errors=True)


def _sealed(state: Mapping[str, Any]) -> bytes:
    """Return ``state`` as JSON with a hash over its own content."""
    seal = hashlib.sha256(_rendered(state)).hexdigest()
    return _rendered({**state, "sha256": seal})


def _rendered(state: Mapping[str, Any]) -> bytes:
    return dumps(state, indent=1, sort_keys=True).encode() + b"\n"


def _read(path: Path, generation: int) -> tuple[list[Leaf], dict[str, Any]]:
    try:
        state = _unsealed((path / "state.json").read_bytes())
        if state["format"] != _FORMAT:
            raise _DamageError(f"format {state['format']} is not {_FORMAT}")
        if state["generation"] != generation:
            raise _DamageError(f"it is of generation {state['generation']}")
        if sha256(path / "arrays.npz") != state["arrays_sha256"]:
            raise _DamageError("arrays.npz does not match its hash")
        with np.load(path / "arrays.npz", allow_pickle=False) as arrays:
            raws = [arrays[f"leaf_{i:05d}"] for i in range(len(state["leaves"]))]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise _DamageError(f"{type(error).__name__}: {error}") from error
    pairs = zip(state["leaves"], raws, strict=True)
    return [Leaf.of(described, raw) for described, raw in pairs], state["extra"]


def _unsealed(content: bytes) -> dict[str, Any]:
    with contextlib.suppress(ValueError):
        state = json.loads(content)
        if isinstance(state, dict):
            unsealed = {key: value for key, value in state.items() if key != "sha256"}
            if _sealed(unsealed) == content:
                return unsealed
    raise _DamageError("state.json does not match its hash")
