"""A sweep file read, expanded, checked, and its time predicted; nothing is run."""

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from evolife.config.model import RunConfig
from evolife.storage.sweep_folder import Entry, open_sweep
from evolife.sweeps import forecast, guided, naming, opening, slots
from evolife.sweeps.checks import check, resolved
from evolife.sweeps.expansion import expand
from evolife.sweeps.rehearsal import samples
from evolife.sweeps.spec import Sweep, load_sweep
from evolife.sweeps.study import require_optuna

_TIMED = 1_000
"""Runs whose time is predicted one by one; of more, every n-th stands for others."""


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
    guided.check_metric(sweep)
    digest = opening.base_digest(sweep.base)
    shown = [key for key, one in sweep.parameters.items() if one.kind != "constant"]
    name = functools.partial(naming.entry, base_digest=digest, shown=shown)
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
    room = slots.slots(runs, most)
    busy = sum(slot.ranks for slot in room)
    found = forecast.predict(configs, len(room), busy)
    whole = runs / len(configs)
    low, usual, high = (seconds * math.ceil(whole) for seconds in found[:3])
    return forecast.Forecast(low, usual, high, round(found.known * whole))


def _drawn(sweep: Sweep, runs: int) -> list[Entry]:
    """Runs that a search could suggest, the few that are drawn again and again."""
    return list(itertools.islice(itertools.cycle(samples(sweep)), runs))
