"""The table of runs: the same on the page and in the CSV file."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from evolife.console.progress import count
from evolife.reports.groups import Group
from evolife.reports.runs import Run
from evolife.reports.study import Study
from evolife.reports.words import MISSING, duration, number, value
from evolife.storage.metric_names import OF_CHAMPIONS
from evolife.storage.sweep_status import finite

TITLES = {
    "generation": "generations",
    "held_out": "held-out",
    "low": "95% from",
    "high": "to",
    "env_steps": "env steps",
    "wall_s": "wall time",
    "verdict": "claim",
    "note": "left out because",
}
"""What columns are called on the page, where that is not their key."""
_WORDS: dict[str, Callable[[Any], str]] = {
    **dict.fromkeys(("group", "generation"), str),
    "env_steps": count,
    "wall_s": duration,
}
_CHAMPION = ("held_out", "low", "high", "gap")
_TEXTS = ("run", "state", "verdict", "note")


def table(study: Study, groups: Sequence[Group]) -> pd.DataFrame:
    """One row a run, in the order of the study: numbers, texts, plain data, or None."""
    numbers = {run.path: group.number for group in groups for run in group.runs}
    notes = {run.path: why for run, why in study.left_out}
    known = study.metric in OF_CHAMPIONS
    curve = "fitness/best" if known else study.metric
    least = study.sign < 0 and not known

    def row(run: Run) -> list[Any]:
        lines, last = run.history.lines[curve], run.history.last
        best = finite(float(lines.min() if least else lines.max()))
        scores = [getattr(run.champion, name, None) for name in _CHAMPION]
        return [
            *(run.name, numbers[run.path]),
            *(run.parameters.get(key) for key in study.parameters),
            *(run.state, run.generation, study.value(run), best, *scores),
            *(last("env_steps"), last("wall_s")),
            *(run.verdict and run.verdict.outcome, notes.get(run.path)),
        ]

    columns = [
        *("run", "group", *study.parameters, "state", "generation", study.metric),
        *(f"best {curve}", *_CHAMPION, "env_steps", "wall_s", "verdict", "note"),
    ]
    found = pd.DataFrame(map(row, study.runs), columns=columns, dtype=object)
    # The metric of most sweeps is one of the champion's scores, too.
    return found.loc[:, ~found.columns.duplicated(keep="last")]


def to_csv(found: pd.DataFrame) -> bytes:
    """One line a run; numbers in full, lists and mappings as JSON, nothing for None."""
    rows = [list(map(_plain, row)) for row in found.to_numpy()]
    frame = type(found)(rows, columns=found.columns, dtype=object)
    return frame.to_csv(index=False, lineterminator="\n").encode()


def is_text(key: str, study: Study) -> bool:
    """Whether the page aligns a column to the left."""
    return key in _TEXTS or key in study.parameters


def cells(found: pd.DataFrame, study: Study) -> list[list[tuple[str, bool]]]:
    """What the page shows, the best group first: words, and whether of a number."""
    columns = []
    for key in found:
        text = is_text(key, study)
        write = _WORDS.get(key, value if text else number)
        words = [MISSING if v is None else write(v) for v in found[key]]
        columns.append([(word, not text) for word in words])
    order = np.argsort(found["group"].to_numpy(int), kind="stable")
    return [[column[at] for column in columns] for at in order]


def _plain(found: Any) -> Any:
    if isinstance(found, Mapping | list | tuple | bool):
        return json.dumps(found)
    whole = isinstance(found, float) and found.is_integer() and abs(found) < 2**53
    return int(found) if whole else found
