"""How much of the differences between runs each parameter goes along with."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evolife.reports.study import Study

MOST_BINS = 4
_LEAST_FREE = 4


@dataclasses.dataclass(frozen=True)
class Importance:
    """A one-way analysis of variance of the metric by one parameter."""

    parameter: str
    """Dotted key."""
    runs: int
    """N, the runs that have the metric."""
    levels: int
    """k, the values, or the bins of equal rank that numbers were put into."""
    binned: bool
    """Whether the levels are bins."""
    share: float | None
    """Eta squared: variance between levels over all; None where runs are too few."""
    adjusted: float | None
    """Omega squared: the same less what chance gives; may be below 0."""
    chance: float | None
    """Eta squared that a parameter without any effect has on average."""
    p: float | None
    """Chance of so large a share where the parameter does nothing (F test)."""
    reason: str
    """Why there are no numbers; empty where there are."""


def importances(study: Study) -> list[Importance]:
    """Of every parameter that varies among the runs with the metric; largest first."""
    runs = study.ranked
    scores = np.array([study.value(run) for run in runs], dtype=np.float64)
    found = []
    for key in study.parameters:
        values = [run.parameters.get(key) for run in runs]
        if len(set(map(level_name, values))) > 1:
            found.append(importance(key, values, scores))
    return sorted(found, key=lambda one: -(-1.0 if one.share is None else one.share))


def importance(key: str, values: Sequence[Any], scores: np.ndarray) -> Importance:
    """Analyse ``(N,)`` scores by the values of one parameter; None is not set."""
    labels, binned = _levels(values)
    runs, levels = len(scores), len(set(labels))
    reason = ""
    if runs < 2 * levels or runs - levels < _LEAST_FREE:
        reason = f"not enough runs: {runs} for {levels} values"
    elif np.ptp(scores) == 0:
        reason = "all runs score the same"
    if reason:
        return Importance(key, runs, levels, binned, *(None,) * 4, reason)
    share, adjusted, p = analysis(np.unique(labels, return_inverse=True)[1], scores)
    chance = (levels - 1) / (runs - 1)
    return Importance(key, runs, levels, binned, share, adjusted, chance, p, "")


def analysis(levels: np.ndarray, scores: np.ndarray) -> tuple[float, float, float]:
    """Eta squared, omega squared and p of ``(N,)`` scores at levels 0 .. k - 1."""
    from scipy.special import fdtrc

    counts = np.bincount(levels)
    means = np.bincount(levels, scores) / counts
    total = float(((scores - scores.mean()) ** 2).sum())
    within = float(((scores - means[levels]) ** 2).sum())
    between = total - within
    free, rest = len(counts) - 1, len(scores) - len(counts)
    noise = within / rest
    p = float(fdtrc(free, rest, between / free / noise)) if noise else 0.0
    return between / total, (between - free * noise) / (total + noise), p


def is_number(value: Any) -> bool:
    """Whether a value has a place on an axis."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def level_name(value: Any) -> str:
    """Equal for equal values: 1 and 1.0 are, 1 and true are not."""
    if is_number(value):
        return f"n{float(value)!r}"
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, sort_keys=True)
    return json.dumps(value)


def _levels(values: Sequence[Any]) -> tuple[list[str], bool]:
    """A name of each run's level, and whether numbers were binned by their ranks."""
    names = [level_name(value) for value in values]
    numbers = np.array([float(value) for value in values if is_number(value)])
    many = len(set(names)) > max(MOST_BINS, 1) and len(names) < 4 * len(set(names))
    if not many or len(numbers) < len(names) / 2:
        return names, False
    bins = max(2, min(MOST_BINS, len(numbers) // 4))
    ordered = np.sort(numbers)
    # The middle of a value's places among all: equal values share one bin.
    left, right = (np.searchsorted(ordered, numbers, side) for side in _SIDES)
    places = iter(((left + right) / 2 / len(ordered) * bins).astype(int))
    return [
        f"bin {next(places)}" if is_number(value) else name
        for value, name in zip(values, names, strict=True)
    ], True


_SIDES: tuple[Any, Any] = ("left", "right")
