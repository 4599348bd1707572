"""Runs that differ only in their seed, and the bands they make."""

import dataclasses
import functools
import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from evolife.reports.importance import level_name
from evolife.reports.runs import Run
from evolife.reports.study import SEED, Study
from evolife.reports.words import flat, short_names, value

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
    counted: tuple[str, ...] = ("done",)
    """States of runs whose curves are drawn."""

    @property
    def title(self) -> str:
        """Number and label."""
        return f"{self.number}: {self.label}" if self.label else "all runs"

    @functools.cached_property
    def ended(self) -> tuple[Run, ...]:
        """Those whose curves count."""
        return tuple(run for run in self.runs if run.state in self.counted)


class Band(NamedTuple):
    """A curve over seeds; arrays are ``(P,)``."""

    steps: np.ndarray
    middle: np.ndarray
    """Median."""
    low: np.ndarray
    """Smallest value, or first quartile from four seeds on."""
    high: np.ndarray
    seeds: int

    @property
    def spread(self) -> str:
        """What low and high are."""
        if self.seeds == 1:
            return "one seed"
        kind = "middle half" if self.seeds >= QUARTILES_FROM else "range"
        return f"{kind} of {self.seeds} seeds"


def groups(study: Study) -> list[Group]:
    """All runs by what they set beside the seed, the best group first."""
    found: dict[str, list[Run]] = {}
    for run in study.runs:
        found.setdefault(_key(run), []).append(run)
    rated = [(_median(study, runs), runs) for runs in found.values()]
    worst = float("inf")
    rated.sort(key=lambda pair: worst if pair[0] is None else -study.sign * pair[0])
    labels = _labels([runs[0] for _, runs in rated])
    # Where none has ended, what is under way is all that there is to see.
    ended = any(run.state == "done" for run in study.runs)
    counted = ("done",) if ended else _UNDER_WAY
    return [
        Group(number, label, tuple(runs), median, counted)
        for number, ((median, runs), label) in enumerate(
            zip(rated, labels, strict=True), start=1
        )
    ]


def band(curves: Sequence[tuple[np.ndarray, np.ndarray]]) -> Band:
    """Median and spread of curves ``(x, y)``, where all of them have values.

    A curve with other places than the first one's is read off between its own; gaps
    stay gaps.
    """
    start = max(x[0] for x, _ in curves)
    end = min(x[-1] for x, _ in curves)
    grid = max((x for x, _ in curves), key=len)
    grid = grid[(grid >= start) & (grid <= end)]
    values = np.stack([np.interp(grid, x, y) for x, y in curves])
    spans = (25, 75) if len(curves) >= QUARTILES_FROM else (0, 100)
    low, middle, high = np.percentile(values, [spans[0], 50, spans[1]], axis=0)
    return Band(grid, middle, low, high, len(curves))


def _key(run: Run) -> str:
    own = {key: item for key, item in run.parameters.items() if key != SEED}
    return json.dumps([run.source, own], sort_keys=True)


def _median(study: Study, runs: Iterable[Run]) -> float | None:
    values = [v for v in map(study.value, runs) if v is not None]
    return float(np.median(values)) if values else None


def _labels(firsts: Sequence[Run]) -> list[str]:
    """What differs between the groups, by key; empty for a single group."""
    if len(firsts) == 1:
        return [""]
    own = [
        flat({k: v for k, v in run.parameters.items() if k != SEED}) for run in firsts
    ]
    keys = list(dict.fromkeys(key for parameters in own for key in parameters))
    differ = [key for key in keys if len({_exact(p, key) for p in own}) > 1]
    # What all have that can have it is told by the names of those that can.
    telling = [key for key in differ if not _implied(own, key, differ)]
    short = _titles(own, telling)
    return short if len(set(short)) == len(short) else _titles(own, differ)


def _titles(own: Sequence[dict[str, Any]], keys: Sequence[str]) -> list[str]:
    names = short_names(keys)
    return [
        " · ".join(
            f"{names[key]} {_text(parameters, key)}"
            for key in keys
            if key in parameters
        )
        or "as the base"
        for parameters in own
    ]


def _implied(own: Sequence[dict[str, Any]], key: str, differ: Sequence[str]) -> bool:
    """Whether a setting is the same wherever a plug-in has it, and plug-ins differ."""
    values = {_exact(parameters, key) for parameters in own if key in parameters}
    name = f"{key.rpartition('.')[0]}.name"
    return key != name and name in differ and len(values) == 1


def _text(parameters: dict[str, Any], key: str) -> str:
    return value(parameters[key], _DIGITS)


def _exact(parameters: dict[str, Any], key: str) -> str:
    return level_name(parameters[key]) if key in parameters else ""
