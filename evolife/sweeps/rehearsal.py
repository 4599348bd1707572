"""Every distinct run of a sweep is built as ``train`` would, before any starts.

A process of its own does it: one in which JAX has computed could not safely start runs.
"""

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from evolife.errors import EvolifeError, InvalidInput
from evolife.storage.sweep_folder import Entry
from evolife.strict_json import dumps
from evolife.sweeps.checks import ordered
from evolife.sweeps.expansion import draws, entry
from evolife.sweeps.spec import Sweep

_SECONDS = 60.0
"""Of building; then those left are taken at their settings' word."""
_MOST = 10_000
"""Runs that are looked at in that time at most."""
_REHEARSAL = "evolife.run.rehearsal"
"""What that process runs."""
_SIGN = "evolife: "
_SHOWN, _NAMED, _DRAWN = 10, 3, 6


class Rehearsed(NamedTuple):
    """What came of it."""

    refused: dict[str, str]
    """Why, by the name of the run."""
    checked: int
    """Runs that were built, or are built as one that was."""


def rehearse(
    sweep: Sweep, entries: Sequence[Entry], seconds: float = _SECONDS
) -> Rehearsed:
    """Build what is distinct of ``entries``.

    Raises:
        EvolifeError: the process that does so ended without an answer.
    """
    if not entries:
        return Rehearsed({}, 0)
    rule = sweep.spec.early_terminate
    task = {
        "base": sweep.base.model_dump(mode="json"),
        "metric": sweep.spec.metric.name,
        "on_the_way": rule.first if rule else None,
        "seconds": seconds,
        "runs": [
            [one.run, list(one.overrides)]
            for one in itertools.islice(ordered(entries), _MOST)
        ],
    }
    command = [sys.executable, "-m", _REHEARSAL]
    done = subprocess.run(command, input=dumps(task), capture_output=True, text=True)
    if done.returncode:
        raise _complaint(done)
    found = json.loads(done.stdout)
    return Rehearsed(found["refused"], found["checked"])


def _complaint(done: subprocess.CompletedProcess[str]) -> EvolifeError:
    """Why there is no answer: what evolife says, or the last that was said at all."""
    _, sign, message = done.stderr.rpartition(_SIGN)
    if sign and done.returncode == InvalidInput.exit_code:
        return InvalidInput(message.strip())
    told = done.stderr.strip() or f"exit code {done.returncode}"
    return EvolifeError(f"the runs cannot be checked: {told.splitlines()[-1]}")


def refuse(sweep: Sweep, entries: Sequence[Entry]) -> Rehearsed:
    """Rehearse, and refuse the sweep where runs would be refused.

    Of a search, whose runs are not known, only such that cannot have any other.

    Raises:
        InvalidInput: lists those runs and why.
    """
    drawn = sweep.spec.method == "bayes" and not entries
    tried = samples(sweep) if drawn else entries
    found = rehearse(sweep, tried)
    if found.refused and (not drawn or len(found.refused) == len(tried)):
        words = "runs that were drawn" if drawn else "runs"
        raise InvalidInput(
            f"{len(found.refused)} of {len(tried)} {words} would be refused; none is "
            "started:\n" + "\n".join(_grouped(found.refused))
        )
    return found


def samples(sweep: Sweep) -> list[Entry]:
    """A few runs that a search could suggest."""
    drawn = itertools.islice(draws(sweep), _DRAWN)
    return [entry(one, "", list(one)) for one in drawn]


def _grouped(refused: dict[str, str]) -> Iterator[str]:
    """One line for each reason, the first few."""
    runs: dict[str, list[str]] = {}
    for run, why in refused.items():
        runs.setdefault(why, []).append(run)
    for why, names in itertools.islice(runs.items(), _SHOWN):
        more = len(names) - _NAMED
        said = ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
        yield f"{said}: {why}"
    if len(runs) > _SHOWN:
        yield f"... and {len(runs) - _SHOWN} further reasons"
