"""Distributions of sweep parameters, each by its quantile function.

Names and arguments are those of W&B sweep files
(https://docs.wandb.ai/guides/sweeps/sweep-config-keys). ``q_`` rounds to multiples of
``q``; the arguments of ``log_uniform`` are natural logarithms, those of
``log_uniform_values`` the values themselves; ``inv_log_uniform`` has a reciprocal whose
logarithm is uniform.
"""

import bisect
import itertools
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Arguments = Mapping[str, Any]
Quantile = Callable[[float, Arguments], Any]
"""The value below which a share ``u`` of all draws lies, 0 <= u < 1."""

_NORMAL = statistics.NormalDist()
_LEAST = 2.0**-53


def _uniform(u: float, of: Arguments) -> float:
    return float(of["min"] + u * (of["max"] - of["min"]))


def _int_uniform(u: float, of: Arguments) -> int:
    return int(of["min"] + math.floor(u * (of["max"] - of["min"] + 1)))


def _log_uniform_values(u: float, of: Arguments) -> float:
    low, high = of["min"], of["max"]
    # Within the bounds to the last bit, whatever the logarithms round to.
    drawn = math.exp(_uniform(u, {"min": math.log(low), "max": math.log(high)}))
    return min(max(drawn, float(low)), float(high))


def _normal(u: float, of: Arguments) -> float:
    return float(of["mu"] + of["sigma"] * _NORMAL.inv_cdf(max(u, _LEAST)))


def _quantised(quantile: Quantile) -> Quantile:
    def rounded(u: float, of: Arguments) -> float:
        value: float = of["q"] * round(quantile(u, of) / of["q"])
        return value

    return rounded


CONTINUOUS: dict[str, Quantile] = {
    "uniform": _uniform,
    "log_uniform": lambda u, of: math.exp(_uniform(u, of)),
    "log_uniform_values": _log_uniform_values,
    "inv_log_uniform": lambda u, of: math.exp(-_uniform(1 - u, of)),
    "inv_log_uniform_values": _log_uniform_values,
    "normal": _normal,
    "log_normal": lambda u, of: math.exp(_normal(u, of)),
}
"""Those that can give any number within their bounds."""
_ROUNDED = ("uniform", "log_uniform", "log_uniform_values", "normal", "log_normal")
NUMERIC: dict[str, Quantile] = {
    **CONTINUOUS,
    **{f"q_{name}": _quantised(CONTINUOUS[name]) for name in _ROUNDED},
    "int_uniform": _int_uniform,
}
"""Those that have arguments."""
BY_MOMENTS = frozenset(name for name in NUMERIC if name.endswith("normal"))
"""Those given by ``mu`` and ``sigma``; the others are given by ``min`` and ``max``."""
DISTRIBUTIONS = ("constant", "categorical", "categorical_w_probabilities", *NUMERIC)
"""All that a sweep file may name."""


def pick(u: float, values: Sequence[Any], weights: Sequence[float] | None) -> Any:
    """The value at ``u``, where each has its share; equal shares without weights."""
    if weights is None:
        return values[int(u * len(values))]
    edges = list(itertools.accumulate(weights))
    return values[min(bisect.bisect_right(edges, u * edges[-1]), len(values) - 1)]
