"""How a whole sweep stands: counts, failures, the best so far."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from evolife.storage.sweep_folder import SweepFolder, read_entries
from evolife.storage.sweep_status import finite, standings


def summary(folder: SweepFolder) -> dict[str, Any]:
    """How everything stands: counts by state, failures, and the best so far."""
    metric = folder.spec()["metric"]
    found = standings(folder, read_entries(folder))
    rows = [
        {
            "run": one.entry.run,
            "state": one.state,
            "generation": one.generation,
            metric["name"]: finite(one.metrics.get(metric["name"])),
            "parameters": one.entry.parameters,
            **({"message": one.message} if one.message else {}),
        }
        for one in found
    ]
    return {
        "sweep": str(folder.path),
        "metric": metric,
        "states": dict(Counter(one.state for one in found)),
        "best": _best(rows, metric),
        "runs": rows,
    }


def _best(
    rows: Sequence[dict[str, Any]], metric: dict[str, str]
) -> dict[str, Any] | None:
    """The best of the runs that are done."""
    known = [r for r in rows if r["state"] == "done" and r[metric["name"]] is not None]
    choose = max if metric["goal"] == "maximize" else min
    return choose(known, key=lambda row: row[metric["name"]], default=None)


def counts(found: dict[str, Any]) -> str:
    """The states in words, such as ``3 done, 1 failed``."""
    return ", ".join(f"{count} {state}" for state, count in found["states"].items())
