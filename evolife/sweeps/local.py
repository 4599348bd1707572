"""What is unfinished of a sweep, run by processes of this machine."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evolife.errors import InvalidInput, Stopped, pasted
from evolife.processes.placement import place
from evolife.storage.lock import locked
from evolife.storage.sweep_folder import Entry, SweepFolder, read_entries
from evolife.storage.sweep_status import counts, finite, standing, summary
from evolife.sweeps import pool, prepare, search
from evolife.sweeps.pool import Pool
from evolife.sweeps.prepare import Prepared
from evolife.sweeps.rehearsal import refuse
from evolife.sweeps.sources import Ended, Listed, Source
from evolife.sweeps.spec import Sweep
from evolife.sweeps.study import Study

Tell = Callable[[str], None]


def run(
    prepared: Prepared,
    out: Path | None = None,
    *,
    max_parallel: int | None = None,
    tell: Tell = lambda line: None,
) -> dict[str, Any]:
    """Run what is unfinished as local processes; return how everything stands.

    A run that fails is told of and stops no other.

    Raises:
        InvalidInput: the folder holds something else, or another process uses it.
        Stopped: a signal came; every run has its checkpoint, and calling again goes on.
    """
    here = place()
    if here is not None and here.size != 1:
        raise InvalidInput(
            "evolife sweep starts its runs itself: start it without mpirun or srun, "
            "or give each run its ranks with --launcher slurm"
        )
    path = out or prepare.default_path(prepared.sweep)
    refuse(prepared.sweep, still_open(prepared, SweepFolder(path)))
    folder = prepare.make(prepared.sweep, path)
    with locked(folder.path):
        entries = _noted(prepared, folder)
        source, left = _source(prepared, folder, entries, tell)
        room = pool.slots(max(1, left), max_parallel)
        told = functools.partial(_tell_end, prepared.sweep, folder, tell)
        try:
            Pool(folder, room, source, list(prepared.sweep.parameters), told).run()
        except Stopped as stop:
            raise Stopped(
                f"stopped, {counts(summary(folder))}; go on with: "
                f"evolife sweep {pasted(folder.path)}"
            ) from stop
    return summary(folder)


def still_open(prepared: Prepared, folder: SweepFolder) -> list[Entry]:
    """The runs that are to be done, whether the folder is there yet or not."""
    return [e for e in prepared.entries if standing(folder, e).is_open]


def _noted(prepared: Prepared, folder: SweepFolder) -> list[Entry]:
    """The manifest: what was expanded, or what was suggested in earlier sessions."""
    if prepared.sweep.spec.method == "bayes":
        return read_entries(folder)
    prepare.note_entries(folder, prepared.entries)
    return list(prepared.entries)


def _source(
    prepared: Prepared, folder: SweepFolder, entries: list[Entry], tell: Tell
) -> tuple[Source, int]:
    """What hands out the runs, and how many there are to do."""
    spec = prepared.sweep.spec
    unfinished = [e for e in entries if standing(folder, e).is_open]
    if spec.method != "bayes" and spec.early_terminate is None:
        return Listed(unfinished), len(unfinished)
    save = functools.partial(prepare.note_entries, folder)
    plan = search.Plan(prepared.sweep, folder, entries, prepared.name, save)
    new = (spec.run_cap or 0) - len(entries) if spec.method == "bayes" else 0
    study = Study(folder, spec, tell)
    return search.Guided(plan, unfinished, study), len(unfinished) + max(0, new)


def _tell_end(
    sweep: Sweep,
    folder: SweepFolder,
    tell: Tell,
    entry: Entry,
    how: Ended,
    seconds: float,
) -> None:
    """Say how a run ended."""
    now = standing(folder, entry)
    name = sweep.spec.metric.name
    value = finite(now.metrics.get(name))
    words = f"{how}: {entry.run}, {seconds:.0f} s"
    if value is not None:
        words += f", {name} {value:.4g}"
    if how == "failed":
        words += f": {now.message or 'see its log'} ({folder.log_path(entry.run)})"
    tell(words)
