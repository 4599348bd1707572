"""How long runs will take, by how long runs like them took on this machine."""

import contextlib
import hashlib
import json
import os
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from evolife.config.model import RunConfig
from evolife.storage.files import write_atomically
from evolife.storage.strict_json import dumps

_GUESS = 2_000_000.0
"""Steps a second of one core, where nothing has run yet."""
_START = 8.0
"""Seconds before a process lives its first generation, and after its last."""
_MOST = 2_000
_ALIKE = ("env", "wrap", "agent", "strategy", "selection", "lifetime", "population")


class Forecast(NamedTuple):
    """Predicted time of many runs."""

    seconds: float
    """Until the last ends."""
    known: int
    """How many runs have their like in what was measured; others are guessed."""


def env_steps(config: RunConfig) -> int:
    """Environment steps of a whole evolution, without its tournament."""
    lifetime = config.lifetime
    lived = lifetime.steps * lifetime.lives * config.population.size
    return lived * config.generations


def predict(configs: Sequence[RunConfig], parallel: int, cores: int) -> Forecast:
    """Predict runs that go ``parallel`` at a time on ``cores`` cores."""
    speeds = _read()
    usual = statistics.median(speeds.values()) if speeds else _GUESS
    found = [speeds.get(shape(config)) for config in configs]
    spent = [
        _START + env_steps(config) / (speed or usual)
        for config, speed in zip(configs, found, strict=True)
    ]
    # As a pool does: each run goes to whoever is free first.
    free = [0.0] * max(1, parallel)
    for seconds in spent:
        first = free.index(min(free))
        free[first] += seconds * len(free) / max(1, cores)
    return Forecast(max(free), sum(speed is not None for speed in found))


def note(config: RunConfig, seconds: float, cores: int) -> None:
    """Remember what a whole run took; a cache that cannot be written is left alone.

    Of a run that was hardly longer than its start nothing can be learned.
    """
    lived = seconds - _START
    if lived < _START:
        return
    speeds = _read()
    speeds.pop(shape(config), None)
    speeds[shape(config)] = env_steps(config) / (lived * cores)
    kept = dict(list(speeds.items())[-_MOST:])
    path = _path()
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(path, dumps(kept).encode())


def shape(config: RunConfig) -> str:
    """Equal for runs that take equally long a generation."""
    data = config.model_dump(mode="json", include=set(_ALIKE))
    data["strategy"] = data["strategy"]["name"]
    text = json.dumps(data, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _path() -> Path:
    root = os.environ.get("EVOLIFE_CACHE") or os.path.join("~", ".cache", "evolife")
    return Path(root).expanduser() / "speeds.json"


def _read() -> dict[str, float]:
    try:
        found = json.loads(_path().read_bytes())
        return {str(key): float(value) for key, value in found.items() if value > 0}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}
