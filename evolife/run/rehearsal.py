"""``python -m evolife.run.rehearsal``: builds the runs of a sweep and starts none.

Reads one JSON document on stdin and writes one on stdout; see
:mod:`evolife.sweeps.rehearsal`, which asks.
"""

import json
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

from evolife.config.model import RunConfig
from evolife.errors import EvolifeError, InvalidInput
from evolife.processes.numerics import check_device
from evolife.processes.prepare import prepare_process
from evolife.run.readiness import check_metric, ready
from evolife.strict_json import dumps
from evolife.sweeps.checks import resolved
from evolife.sweeps.expansion import canonical

_BESIDE = ("name", "seed", "claim", "checkpoint")
"""What no run was ever refused for once its values are of the right kind."""


def answer(task: dict[str, Any]) -> dict[str, Any]:
    """Why runs would be refused, by their names, and how many were looked at."""
    base = RunConfig.model_validate_json(dumps(task["base"]))
    ends = time.time() + task["seconds"]
    known: dict[str, str] = {}
    refused: dict[str, str] = {}
    checked = 0
    for run, overrides in task["runs"]:
        if known and time.time() > ends:
            break
        why = _why(base, overrides, known, task)
        checked += 1
        if why:
            refused[run] = why
    return {"refused": refused, "checked": checked}


def _why(
    base: RunConfig, overrides: Sequence[str], known: dict[str, str], task: Any
) -> str:
    """Why a run would be refused; ``known`` are those that were asked for before."""
    try:
        config = resolved(base, overrides)
    except InvalidInput as error:
        return str(error)
    text = canonical(config.model_dump(mode="json", exclude=set(_BESIDE)))
    if text not in known:
        known[text] = _refusal(config, task["metric"], task["on_the_way"])
    return known[text]


def _refusal(config: RunConfig, metric: str, on_the_way: int | None) -> str:
    """Why a run would be refused; empty where it would not."""
    try:
        check_metric(ready(config)[0].experiment, metric, on_the_way)
    except InvalidInput as error:
        return str(error)
    return ""


def _main() -> None:
    prepare_process()
    said = os.dup(1)
    # Whatever a plug-in prints is no part of the answer.
    os.dup2(2, 1)
    try:
        check_device()
        found = answer(json.load(sys.stdin))
    except EvolifeError as error:
        sys.stderr.write(f"evolife: {error}\n")
        sys.exit(error.exit_code)
    with os.fdopen(said, "w") as out:
        out.write(dumps(found))


if __name__ == "__main__":
    _main()
