"""The numbers that a run records, by name: known before the first generation."""

from collections.abc import Iterable

HELD_OUT = "held_out"
"""The best champion's score on held-out lives."""
OF_CHAMPIONS = (HELD_OUT, "selected", "validated", "gap")
"""Of the best champion; known when the run is done."""
_FITNESS = (
    *("best", "mean", "std", "median", "p10", "p25", "p75", "p90"),
    *("nonfinite", "nonfinite_lives", "nonfinite_generations"),
)
OF_GENERATIONS = (
    *("generation", "env_steps", "ranks", "wall_s", "env_steps_per_s"),
    *(f"fitness/{name}" for name in _FITNESS),
    *("life/early", "life/late"),
    *("time/live", "time/gather", "time/update", "time/generation", "time/compile"),
    *(f"ranks/{name}" for name in ("live_min", "live_median", "live_max", "slowest")),
)
"""In every line of ``metrics.jsonl``."""
OF_VALIDATION = (
    *(f"validation/{name}" for name in ("mean", "low", "high")),
    "time/validate",
)
"""In the lines of generations whose centre is validated, the last one among them."""
_DETAIL = ("life/best_slope",)


def of_details(statistics: Iterable[str]) -> tuple[str, ...]:
    """In the lines of every ``record.every``-th generation.

    ``statistics`` are the names that the environment gives.
    """
    told = [f"{who}/{name}" for who in ("best", "median") for name in statistics]
    return (*_DETAIL, *told)
