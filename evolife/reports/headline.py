"""What the page says first: what was tried, what came out, how far to trust it."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from evolife.engine.difference import paired
from evolife.errors import pasted
from evolife.reports.groups import Group
from evolife.reports.importance import is_number, level_name
from evolife.reports.runs import Run
from evolife.reports.study import Study
from evolife.reports.words import clipped, count, listed, number, value
from evolife.run.verdict import LEVEL, sentence
from evolife.storage.metric_names import HELD_OUT

_MOST_VALUES = 6
_LONGEST = 40


class Fact(NamedTuple):
    """One line of the headline."""

    name: str
    words: str


def headline(study: Study, groups: Sequence[Group]) -> list[Fact]:
    """The facts in the order they are read."""
    states = Counter(run.state for run in study.runs)
    runs = ", ".join(f"{many} {state}" for state, many in states.most_common())
    facts = [Fact("Runs", f"{count(len(study.runs), 'run')}: {runs or 'none'}")]
    facts += swept(study)
    less = "" if study.goal == "maximize" else ", less is better"
    name = "the best champion's held-out score"
    metric = name if study.metric == HELD_OUT else f"the last {study.metric}"
    facts.append(Fact("Compared by", f"{metric}{less}"))
    if study.ranked:
        facts += [Fact("Best run", _best(study)), *_typical(study, groups)]
    facts += [*_claims(study), *_by_seed(groups)]
    return facts + _faults(study)


def _by_seed(groups: Sequence[Group]) -> list[Fact]:
    """The best group against its controls, in pairs of equal seed."""
    pairs = (
        [
            (run.champion.held_out, run.control.held_out)
            for run in groups[0].ended
            if run.champion and run.control
        ]
        if groups
        else []
    )
    if len(pairs) < 2:
        return []
    found = paired(*np.array(pairs).T)
    low, high = (number(end, sign=True) for end in found.interval)
    words = (
        f"{groups[0].title}: {number(found.mean, sign=True)} over the controls (95% "
        f"interval {low} to {high}), p = {found.p:.2g}, paired by seed "
        f"({count(len(pairs), 'pair')})."
    )
    return [Fact("Over seeds", words)]


def _faults(study: Study) -> list[Fact]:
    """What runs and controls found wrong with what the environment states."""
    tables = [table for run in study.runs for table in (run.table, run.control_table)]
    found = dict.fromkeys(fault for table in tables for fault in table.faults)
    return [Fact("Fault of the environment", f"{fault}.") for fault in found]


def swept(study: Study) -> list[Fact]:
    """Each parameter with its values, and apart from them those with one value."""
    varied, fixed = [], []
    for key in study.parameters:
        given = [run.parameters[key] for run in study.runs if key in run.parameters]
        values = list({level_name(v): v for v in given}.values())
        if len(values) > 1 or len(given) < len(study.runs):
            varied.append(f"{key} ({_range(values)})")
        else:
            fixed.append(f"{key} {clipped(value(values[0]), _LONGEST)}")
    how = f"by {listed(dict.fromkeys(study.methods))}: " if study.methods else ""
    facts = [("Swept", f"{how}{', '.join(varied)}" if varied else "")]
    facts.append(("In all runs", ", ".join(fixed)))
    return [Fact(name, words) for name, words in facts if words]


def _range(values: Sequence[Any]) -> str:
    """All values, or the ends where they are many numbers."""
    if len(values) > _MOST_VALUES and all(map(is_number, values)):
        return f"{len(values)} values, {value(min(values))} to {value(max(values))}"
    names = [clipped(value(v), _LONGEST) for v in values[:_MOST_VALUES]]
    more = len(values) - len(names)
    return f"{'; '.join(names)}{f'; {more} more' if more else ''}"


def _best(study: Study) -> str:
    run, compared = study.ranked[0], len(study.ranked)
    words = run.name
    if study.metric != HELD_OUT:
        words += f", {study.metric} {number(study.value(run))}"
    if (one := run.champion) is not None:
        ends = f"{number(one.low)} to {number(one.high)}"
        words += (
            f", held-out score {number(one.held_out)} (95% interval {ends}), "
            f"gap {number(one.gap, sign=True)} to the score it was chosen by"
        )
    if compared > 1 and study.metric == HELD_OUT:
        words += (
            f". It was picked as the best of {compared} by this very score, which is "
            f"therefore somewhat too high; evolife evaluate {pasted(run.path)} "
            "measures it anew"
        )
    return f"{words}."


def _typical(study: Study, groups: Sequence[Group]) -> list[Fact]:
    """The best group over its seeds, where there are groups of several runs."""
    best = groups[0]
    values = [v for v in map(study.value, best.runs) if v is not None]
    if len(values) < 2 or len(groups) < 2:
        return []
    span = f"{number(min(values))} to {number(max(values))}"
    seeds = count(len(values), "seed")
    words = f"{best.title}, median {number(best.metric)} over {seeds} ({span})."
    return [Fact("Best group", words)]


def _claims(study: Study) -> list[Fact]:
    """Whether the claim held for the best run, and how often among all."""
    judged = [run for run in study.runs if run.state == "done" and run.verdict]
    if not judged:
        return []
    places = {str(run.path): i for i, run in enumerate(study.ranked)}
    first = min(judged, key=lambda run: places.get(str(run.path), len(places)))
    facts = [Fact("Claim", _verdict(first) + _caution(study))]
    if len(judged) > 1:
        counts = Counter(run.verdict.outcome for run in judged if run.verdict)
        told = ", ".join(f"{outcome} in {many}" for outcome, many in counts.items())
        words = f"{told} of {len(judged)} runs with a control (each at p < {LEVEL})."
        facts.append(Fact("Claims", words))
    return facts


def _caution(study: Study) -> str:
    """What choosing a run by the score that is tested does to the test."""
    if study.metric != HELD_OUT or len(study.ranked) < 2:
        return ""
    return " The run was picked by this score, so p is somewhat too small."


def _verdict(run: Run) -> str:
    verdict = run.verdict
    if verdict is None:
        return ""
    claim = verdict.claim or "better than the control"
    return f"“{claim}” {verdict.outcome} for {run.name}: {sentence(verdict)}."
