"""One generation summed up: the numbers that every record of a run is made of."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from evolife.engine.evolution import Step
from evolife.engine.settings import Settings

_QUANTILES = {"p10": 0.1, "p25": 0.25, "median": 0.5, "p75": 0.75, "p90": 0.9}


def summary(step: Step, settings: Settings) -> dict[str, Any]:
    """Named numbers of a finished generation, as a line of ``metrics.jsonl`` has them.

    What is not known in every generation is there where it is: ``validation/...``, and
    curves and statistics of the best and the median member.
    """
    steps, evaluation = settings.steps_per_generation, step.evaluation
    metrics: dict[str, Any] = {
        "generation": step.generation,
        "env_steps": steps * step.generation,
        "env_steps_per_s": steps / step.seconds["generation"],
        **fitness_summary(evaluation.fitness),
        "fitness/nonfinite": evaluation.nonfinite,
        "fitness/nonfinite_lives": int(np.sum(~evaluation.counted)),
        "life/early": float(np.mean(evaluation.statistics.early)),
        "life/late": float(np.mean(evaluation.statistics.late)),
        "digest": step.digest.hex(),
        **{f"time/{name}": value for name, value in step.seconds.items()},
        **_by_rank(evaluation.gathered.rank_seconds),
    }
    if step.validation:
        found = step.validation._asdict()
        metrics |= {f"validation/{name}": value for name, value in found.items()}
    if step.details:
        best, median = step.details
        metrics["life/best"] = best.curve.tolist()
        metrics["life/median"] = median.curve.tolist()
        metrics["life/best_slope"] = float(best.slope)
        for who, outcome in (("best", best), ("median", median)):
            for name, value in outcome.statistics.items():
                metrics[f"{who}/{name}"] = float(value)
    return metrics


def fitness_summary(values: Any) -> dict[str, float]:
    """Summarise ``(K,)`` fitness values as ``fitness/best`` ... ``fitness/p90``."""
    # One sort for all of it: NumPy's own percentiles would take most of the time that
    # the record of a generation may take.
    fitness = np.sort(np.asarray(values, dtype=np.float64), axis=None)
    mean = float(fitness.sum()) / fitness.size
    centred = fitness - mean
    return {
        "fitness/best": float(fitness[-1]),
        "fitness/mean": mean,
        "fitness/std": math.sqrt(float(centred @ centred) / fitness.size),
        **{f"fitness/{k}": _quantile(fitness, part) for k, part in _QUANTILES.items()},
    }


def _quantile(ordered: np.ndarray, part: float) -> float:
    """Between the two values next to the place, as NumPy does by default."""
    place = part * (len(ordered) - 1)
    below = int(place)
    low, high = float(ordered[below]), float(ordered[min(below + 1, len(ordered) - 1)])
    return low + (high - low) * (place - below)


def _by_rank(seconds: Sequence[float]) -> dict[str, float]:
    """How evenly the ranks lived; the slowest by its number."""
    longest = max(seconds)
    return {
        "ranks/live_min": min(seconds),
        "ranks/live_median": statistics.median(seconds),
        "ranks/live_max": longest,
        "ranks/slowest": seconds.index(longest),
    }
