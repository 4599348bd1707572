"""The two sides of a comparison: a run, a sweep, or some runs of a sweep."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evolife.config.layers import flat
from evolife.errors import InvalidInput, nearest, pasted
from evolife.reports.runs import SEED, Run
from evolife.reports.study import read_study
from evolife.reports.words import exact, value, varying
from evolife.storage.sweep_folder import SweepFolder


@dataclasses.dataclass(frozen=True)
class Side:
    """Runs that are compared as one."""

    name: str
    """As it was asked for."""
    runs: tuple[Run, ...]
    """Those that have a champion, at least one."""
    missing: tuple[str, ...]
    """Names of those that have none."""


def read_side(asked: str) -> Side:
    """The runs of ``FOLDER`` or ``SWEEP:WORDS``.

    Words choose runs of a sweep: the name of an agent or of a run, or ``key=value`` for
    a setting; several, after commas, must all fit.

    Raises:
        InvalidInput: there is no such folder, nothing fits, or nothing has ended.
    """
    folder, _, words = asked.rpartition(":")
    if Path(asked).exists() or not folder:
        folder, words = asked, ""
    chosen = read_study([Path(folder)]).runs
    if words and not SweepFolder(Path(folder)).is_sweep():
        raise InvalidInput(
            f"{asked}: {folder} is a run; only runs of a sweep are chosen"
        )
    for word in words.split(",") if words else ():
        fitting = tuple(run for run in chosen if _fits(run, word))
        if not fitting:
            raise InvalidInput(
                f"{asked}: no run fits '{word}'; {_choices(chosen, word)}"
            )
        chosen = fitting
    ended = tuple(run for run in chosen if run.champion is not None)
    if not ended:
        raise InvalidInput(
            f"{asked}: no champions yet; let a run come to its end first "
            f"(evolife watch {pasted(folder)} shows how far it is)"
        )
    missing = tuple(run.name for run in chosen if run.champion is None)
    return Side(asked, ended, missing)


def pair_keys(a: Side, b: Side) -> tuple[list[str], list[str], str]:
    """What tells the runs of each side apart, so that they can be paired, in words.

    A run is named by what varies within a side, the seed as a rule: what differs only
    between the sides is what is compared.
    """
    ours, theirs = ([_settings(run) for run in side.runs] for side in (a, b))
    keys = list(dict.fromkeys([*varying(ours), *varying(theirs)]))
    how = " and ".join(sorted(keys, key=lambda key: key != SEED)) or SEED
    a_names, b_names = (
        [str([exact(one, key) for key in keys]) for one in own]
        for own in (ours, theirs)
    )
    return a_names, b_names, how


def _settings(run: Run) -> dict[str, Any]:
    seed = run.config.get(SEED)
    return {**({} if seed is None else {SEED: seed}), **run.parameters}


def _fits(run: Run, word: str) -> bool:
    key, sign, wanted = word.partition("=")
    if not sign:
        return word in (run.name, str(_within(run, "agent") or ""))
    found = _within(run, key)
    return found is not None and wanted in (str(found), value(found), json.dumps(found))


def _within(run: Run, key: str) -> Any:
    """A setting by its dotted key; a plug-in by its name."""
    for given in (run.parameters, flat(run.parameters), run.config, run.settings):
        if (found := given.get(key)) is not None:
            return found.get("name", found) if isinstance(found, Mapping) else found
    return None


def _choices(runs: Sequence[Run], word: str) -> str:
    key, sign, wanted = word.partition("=")
    given = [_within(run, key if sign else "agent") for run in runs]
    known = list(dict.fromkeys(value(one) for one in given if one is not None))
    if sign and not known:
        return f"no run has a setting '{key}'"
    return f"allowed: {', '.join(known)}{nearest(wanted if sign else word, known)}"
