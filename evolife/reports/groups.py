"""Runs that differ only in their seed, and the bands they make."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from evolife.config.layers import flat
from evolife.reports.runs import SEED, Run
from evolife.reports.study import Study
from evolife.reports.words import exact, short_names, value, varying
from evolife.storage.sweep_status import finite

QUARTILES_FROM = 4
"""Seeds from which a band spans the middle half instead of the whole range."""

# More would push the rest of a name out of its place; the table has all.
_DIGITS = 4
_UNDER_WAY = ("running", "stopped")


@dataclasses.dataclass(frozen=True)
class Group:
    """Runs of one experiment, over seeds."""

    number: int
    """1 for the best by the median of the metric; the same all over the page."""
    label: str
    """What sets it apart; empty where there is one group."""
    runs: tuple[Run, ...]
    """All of its runs, ended or not."""
    metric: float | None
    """Median of the metric over the runs that have it."""
    ended: tuple[Run, ...]
    """Those whose curves are drawn."""

    @property
    def title(self) -> str:
        """Number and label."""
        return f"{self.number}: {self.label}" if self.label else "all runs"


@dataclasses.dataclass(frozen=True)
class Band:
    """A curve over seeds."""

    lines: pd.DataFrame
    """By ``env_steps``: the median is ``middle``; ``low`` and ``high`` are the
    extremes, or from four seeds on the quartiles."""
    seeds: int

    @property
    def spread(self) -> str:
        """What low and high are; empty for one seed."""
        kind = "middle half" if self.seeds >= QUARTILES_FROM else "range"
        return f"{kind} of {self.seeds} seeds" if self.seeds > 1 else ""


def groups(study: Study) -> list[Group]:
    """All runs by what they set beside the seed, the best group first."""
    frame = pd.DataFrame({"run": pd.Series(study.runs, dtype=object)})
    frame["score"] = pd.Series(list(map(study.value, study.runs)), dtype=float)
    experiments = [run.experiment for run in study.runs]
    found = [
        (rows["score"].median(), tuple(rows["run"]))
        for _, rows in frame.groupby(experiments, sort=False)
    ]
    found.sort(key=lambda pair: (np.isnan(pair[0]), -study.sign * pair[0]))
    # Where none has ended, what is under way is all that there is to see.
    ended = any(run.state == "done" for run in study.runs)
    counted = ("done",) if ended else _UNDER_WAY
    labels = _labels([runs[0] for _, runs in found])
    return [
        Group(number, label, runs, finite(score), _in_state(runs, counted))
        for number, ((score, runs), label) in enumerate(
            zip(found, labels, strict=True), start=1
        )
    ]


def band(curves: Sequence[pd.Series]) -> Band:
    """Median and spread of curves by ``env_steps``, where all of them have values.

    A curve with other places than the first one's is read off between its own; gaps
    stay gaps.
    """
    start = max(curve.index[0] for curve in curves)
    end = min(curve.index[-1] for curve in curves)
    grid = max((curve.index.to_numpy() for curve in curves), key=len)
    grid = grid[(grid >= start) & (grid <= end)]
    values = np.stack([np.interp(grid, curve.index, curve) for curve in curves])
    parts = (25, 50, 75) if len(curves) >= QUARTILES_FROM else (0, 50, 100)
    rows = np.percentile(values, parts, axis=0).T
    return Band(pd.DataFrame(rows, grid, ["low", "middle", "high"]), len(curves))


def _in_state(runs: Sequence[Run], states: Sequence[str]) -> tuple[Run, ...]:
    return tuple(run for run in runs if run.state in states)


def _labels(firsts: Sequence[Run]) -> list[str]:
    """What differs between the groups, by key; empty for a single group."""
    if len(firsts) == 1:
        return [""]
    own = [flat({k: v for k, v in r.parameters.items() if k != SEED}) for r in firsts]
    differ = varying(own)
    # What all have that can have it is told by the names of those that can.
    short = _titles(own, [key for key in differ if not _implied(own, key, differ)])
    return short if len(set(short)) == len(short) else _titles(own, differ)


def _titles(own: Sequence[dict[str, Any]], keys: Sequence[str]) -> list[str]:
    names = short_names(keys)
    return [
        " · ".join(f"{names[k]} {value(one[k], _DIGITS)}" for k in keys if k in one)
        or "as the base"
        for one in own
    ]


def _implied(own: Sequence[dict[str, Any]], key: str, differ: Sequence[str]) -> bool:
    """Whether a setting is the same wherever a plug-in has it, and plug-ins differ."""
    values = {exact(one, key) for one in own if key in one}
    name = f"{key.rpartition('.')[0]}.name"
    return key != name and name in differ and len(values) == 1
