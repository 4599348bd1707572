"""The table of runs: the same columns on the page and in the CSV file."""

import csv
import dataclasses
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from evolife.reports.groups import Group
from evolife.reports.runs import Run
from evolife.reports.study import Study
from evolife.reports.words import MISSING, amount, duration, number, value
from evolife.storage.metric_names import OF_CHAMPIONS

_FITNESS = "fitness/best"
_CHAMPION = {
    "held_out": "held-out",
    "low": "95% from",
    "high": "to",
    "gap": "gap",
}


@dataclasses.dataclass(frozen=True)
class Column:
    """One column: what the CSV holds, and how the page writes it."""

    key: str
    """Name in the CSV file."""
    title: str
    """Name on the page."""
    read: Callable[[Run], Any]
    """A run's value: a number, a text, plain data, or None."""
    write: Callable[[Any], str]
    """What the page shows of a value that is not None."""
    is_number: bool = True
    """Whether the page aligns it to the right."""


def columns(study: Study, groups: Sequence[Group]) -> list[Column]:
    """The columns of a study whose runs make these groups."""
    notes = {str(run.path): why for run, why in study.left_out}
    numbers = {str(run.path): group.number for group in groups for run in group.runs}
    first = [
        Column("run", "run", lambda run: run.name, str, False),
        Column("group", "group", lambda run: numbers[str(run.path)], str),
    ]
    last = [
        Column("env_steps", "env steps", _last("env_steps"), amount),
        Column("wall_s", "wall time", _last("wall_s"), duration),
        Column("verdict", "claim", _verdict, str, False),
        Column(
            "note", "left out because", lambda r: notes.get(str(r.path)), str, False
        ),
    ]
    return [
        *first,
        *map(_parameter, study.parameters),
        Column("state", "state", lambda run: run.state, str, False),
        Column("generation", "generations", lambda run: run.generation, str),
        *_metric(study),
        *(_of_champion(key, title) for key, title in _CHAMPION.items()),
        *last,
    ]


def to_csv(table: Sequence[Column], runs: Sequence[Run]) -> bytes:
    """One line a run; numbers in full, lists and mappings as JSON, nothing for None."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.key for column in table])
    for run in runs:
        writer.writerow([_plain(column.read(run)) for column in table])
    return text.getvalue().encode()


def cells(table: Sequence[Column], run: Run) -> list[tuple[str, bool]]:
    """What the page shows of a run, and whether it is a number."""
    values = [column.read(run) for column in table]
    return [
        (MISSING if found is None else column.write(found), column.is_number)
        for column, found in zip(table, values, strict=True)
    ]


def _metric(study: Study) -> list[Column]:
    """The sweep's metric, unless it is a column anyway, and the best it ever was."""
    name, least = study.metric, study.goal == "minimize"
    known = name in OF_CHAMPIONS
    curve = _FITNESS if known else name

    def best(run: Run) -> float | None:
        ends = run.history.lowest if least and not known else run.history.highest
        return _known(ends.get(curve, math.nan))

    found = [Column(f"best {curve}", f"best {curve}", best, number)]
    if name not in _CHAMPION:
        found.insert(0, Column(name, name, study.value, number))
    return found


def _of_champion(key: str, title: str) -> Column:
    def read(run: Run) -> float | None:
        return getattr(run.champion, key) if run.champion else None

    return Column(key, title, read, number)


def _parameter(key: str) -> Column:
    return Column(key, key, lambda run: run.parameters.get(key), value, False)


def _last(name: str) -> Callable[[Run], float | None]:
    return lambda run: _known(run.history.last[name])


def _verdict(run: Run) -> str | None:
    return run.verdict.outcome if run.verdict else None


def _known(found: float) -> float | None:
    return None if math.isnan(found) else found


def _plain(found: Any) -> Any:
    if isinstance(found, Mapping | list | tuple | bool):
        return json.dumps(found)
    if isinstance(found, float) and found.is_integer() and abs(found) < 2**53:
        return int(found)
    return "" if found is None else found
