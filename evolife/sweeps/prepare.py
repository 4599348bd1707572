"""A sweep file read, expanded, checked, and its time predicted; nothing is run."""

import functools
import hashlib
import itertools
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from evolife.config.model import RunConfig, load_config
from evolife.errors import InvalidInput
from evolife.storage.files import storage_errors, write_atomically
from evolife.storage.sweep_folder import (
    Entry,
    SweepFolder,
    open_sweep,
    read_entries,
    write_entries,
)
from evolife.sweeps import expansion, forecast, pool, search
from evolife.sweeps.checks import check, resolved
from evolife.sweeps.expansion import expand
from evolife.sweeps.rehearsal import samples
from evolife.sweeps.spec import Sweep, load_sweep
from evolife.sweeps.study import require_optuna

_NOT_CONTENT = {"name", "claim", "plugins", "record", "checkpoint"}


_TIMED = 1_000
"""Runs whose time is predicted one by one; of more, every n-th stands for others."""


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


class Prepared(NamedTuple):
    """A sweep and its runs, as far as they are known before the first."""

    sweep: Sweep
    entries: list[Entry]
    name: Callable[[dict[str, Any]], Entry]
    """Makes a run of an assignment."""


def prepare(
    source: str,
    overrides: Sequence[str] = (),
    base: str | None = None,
    *,
    yes: bool = False,
) -> Prepared:
    """Read and expand a sweep file, or the folder of a sweep, and check every run.

    Raises:
        InvalidInput: one line for each thing that is wrong, or too many runs.
    """
    path = Path(source)
    if path.is_dir():
        source = str(open_sweep(path).spec_path)
    sweep = load_sweep(source, overrides, base)
    search.check_metric(sweep)
    digest = base_digest(sweep.base)
    shown = [key for key, one in sweep.parameters.items() if one.kind != "constant"]
    name = functools.partial(expansion.entry, base_digest=digest, shown=shown)
    if sweep.spec.method == "bayes":
        require_optuna()
        return Prepared(sweep, [], name)
    entries = [name(assignment) for assignment in expand(sweep, yes=yes)]
    check(sweep, entries)
    return Prepared(sweep, entries, name)


def predicted(prepared: Prepared, most: int | None = None) -> forecast.Forecast:
    """How long all runs will take here, as many at a time as there is room for."""
    sweep, entries = prepared.sweep, prepared.entries
    runs = len(entries) or sweep.spec.run_cap or 1
    step = max(1, runs // _TIMED)
    configs: list[RunConfig] = [
        resolved(sweep.base, entry.overrides)
        for entry in entries[::step] or _drawn(sweep, min(runs, _TIMED))
    ]
    room = pool.slots(runs, most)
    busy = sum(slot.ranks for slot in room)
    found = forecast.predict(configs, len(room), busy)
    whole = runs / len(configs)
    low, usual, high = (seconds * math.ceil(whole) for seconds in found[:3])
    return forecast.Forecast(low, usual, high, round(found.known * whole))


def _drawn(sweep: Sweep, runs: int) -> list[Entry]:
    """Runs that a search could suggest, the few that are drawn again and again."""
    return list(itertools.islice(itertools.cycle(samples(sweep)), runs))
