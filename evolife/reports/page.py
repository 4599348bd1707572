"""The page itself, from templates; everything it shows is inside it."""

import datetime
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd

from evolife.console.progress import many
from evolife.engine.difference import Difference, paired
from evolife.errors import pasted
from evolife.reports import words
from evolife.reports.drawing import MADE_BY, Picture
from evolife.reports.groups import Group
from evolife.reports.runs import Run
from evolife.reports.study import Study
from evolife.reports.table import TITLES, cells, is_text
from evolife.reports.words import clipped, is_number, level_name, value
from evolife.run.verdict import LEVEL, sentence
from evolife.version import __version__

_FILTERS = {
    "number": words.number,
    "count": many,
    "value": value,
    "sentence": sentence,
    "pasted": pasted,
}
_MOST_VALUES = 6
_LONGEST = 40


def render(
    study: Study,
    groups: Sequence[Group],
    pictures: Sequence[Picture],
    importance: pd.DataFrame,
    table: pd.DataFrame,
) -> bytes:
    """The HTML of the page, in UTF-8."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= _FILTERS
    text = environment.get_template("page.html").render(
        made_by=MADE_BY,
        version=__version__,
        made=datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        study=study,
        groups=groups,
        told=headline(study, groups),
        level=LEVEL,
        pictures={one.name: one for one in pictures},
        importance=importance,
        titles=[(TITLES.get(key, key), not is_text(key, study)) for key in table],
        rows=cells(table, study),
    )
    # A name on disk may hold bytes that are no text.
    return text.encode("utf-8", errors="replace")


def headline(study: Study, groups: Sequence[Group]) -> dict[str, Any]:
    """What the facts on top of the page are made of."""
    varied, fixed = swept(study)
    judged = [run for run in study.runs if run.state == "done" and run.verdict]
    scores = map(study.value, groups[0].runs if groups else ())
    tables = [table for run in study.runs for table in (run.table, run.control_table)]
    return {
        "states": Counter(run.state for run in study.runs).most_common(),
        "varied": varied,
        "fixed": fixed,
        "best": next(iter(study.ranked), None),
        "typical": [score for score in scores if score is not None],
        # The best run; where none has the metric, the first.
        "claimed": next((r for r in [*study.ranked, *judged] if r in judged), None),
        "outcomes": Counter(run.verdict.outcome for run in judged if run.verdict),
        "by_seed": _by_seed(groups[0].ended) if groups else None,
        "faults": dict.fromkeys(fault for table in tables for fault in table.faults),
    }


def _by_seed(runs: Sequence[Run]) -> Difference | None:
    """Runs against their controls, in pairs of equal seed; None below two pairs."""
    pairs = [
        (run.champion.held_out, run.control.held_out)
        for run in runs
        if run.champion and run.control
    ]
    return paired(*np.array(pairs).T) if len(pairs) > 1 else None


def swept(study: Study) -> tuple[list[str], list[str]]:
    """Each parameter with its values, and apart from them those with one value."""
    varied, fixed = [], []
    for key in study.parameters:
        given = [run.parameters[key] for run in study.runs if key in run.parameters]
        values = list({level_name(one): one for one in given}.values())
        if len(values) > 1 or len(given) < len(study.runs):
            varied.append(f"{key} ({_range(values)})")
        else:
            fixed.append(f"{key} {clipped(value(values[0]), _LONGEST)}")
    return varied, fixed


def _range(values: Sequence[Any]) -> str:
    """All values, or the ends where they are many numbers."""
    if len(values) > _MOST_VALUES and all(map(is_number, values)):
        return f"{len(values)} values, {value(min(values))} to {value(max(values))}"
    names = [clipped(value(one), _LONGEST) for one in values[:_MOST_VALUES]]
    more = len(values) - len(names)
    return "; ".join([*names, f"{more} more"] if more else names)
