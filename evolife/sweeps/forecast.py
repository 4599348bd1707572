"""How long runs will take, by how long runs like them took on machines like this one.

What a generation takes is told apart from what a run takes besides: to start, to
compile, to choose and measure its champions.
"""

import contextlib
import hashlib
import json
import os
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from evolife.config.model import RunConfig, control_config
from evolife.storage.files import write_atomically
from evolife.storage.log import tail
from evolife.storage.manifest import machine
from evolife.storage.metrics import parsed
from evolife.storage.pace import living
from evolife.storage.run_folder import CONTROL, RunFolder
from evolife.storage.status import session_ends
from evolife.strict_json import dumps

_GUESS, _GUESS_FACTOR = 2_000_000.0, 10.0
"""Steps a second of one core where nothing like it has run, and how wrong that may be
in either direction."""
_BESIDES = (5.0, 15.0, 90.0)
"""Seconds besides living, where nothing like it has run: few, usual, many."""
_DRIFT = 1.25
"""How much slower or faster the same may be the next time."""
_MOST, _KEPT = 2_000, 5
_BESIDE = {"name", "seed", "claim", "plugins", "generations", "checkpoint", "record"}


class Took(NamedTuple):
    """What a run took, or may take: seconds on ``ranks`` ranks."""

    generation: float
    besides: float
    ranks: int


class Forecast(NamedTuple):
    """Predicted time of many runs, in seconds until the last ends."""

    low: float
    seconds: float
    high: float
    known: int
    """How many runs have their like in what was measured; others are guessed."""


def env_steps(config: RunConfig) -> int:
    """Environment steps of a whole evolution and its control, without tournaments."""
    control = control_config(config)
    lifetime = config.lifetime
    lived = lifetime.steps * lifetime.lives * config.population.size
    return lived * config.generations + (env_steps(control) if control else 0)


def predict(configs: Sequence[RunConfig], parallel: int, cores: int) -> Forecast:
    """Predict runs that go ``parallel`` at a time on ``cores`` cores."""
    found, ranks = _read(), max(1, cores // max(1, parallel))
    known, spans = 0, []
    for config in configs:
        took = found.get(shape(config), [])
        known += bool(took)
        spans.append(_measured(config, took, ranks) if took else _guess(config, ranks))
    ends = [_last_end(spent, parallel) for spent in zip(*spans, strict=True)]
    low, usual, high = ends if ends else (0.0, 0.0, 0.0)
    return Forecast(low, usual, high, known)


def told(found: Forecast, runs: int) -> dict[str, Any]:
    """A forecast of ``runs`` runs as plain data, for documents of commands."""
    return {
        "seconds": found.seconds,
        "range": [found.low, found.high],
        "measured_runs": found.known,
        "basis": basis(found, runs),
    }


def basis(found: Forecast, runs: int) -> str:
    """In words, what a forecast of ``runs`` runs rests on."""
    if found.known == 0:
        return "a guess by size alone: nothing like it has run on this kind of machine"
    if found.known < runs:
        return (
            f"{found.known:,} of them as runs like them took on this kind of machine, "
            "the others guessed by size alone"
        )
    return "as runs like these took on this kind of machine"


def note(config: RunConfig, run: RunFolder, seconds: float, ranks: int) -> None:
    """Remember what a whole run took; a cache that cannot be written is left alone.

    ``seconds`` are those of its process, from its start to its end.
    """
    pace = _pace(run)
    if config.control is not None:
        pace += _pace(RunFolder(run.path / CONTROL))
    if not pace or len(session_ends(run)) != 1:
        # Too short to tell, or its seconds are those of its last session alone.
        return
    besides = max(0.0, seconds - pace * config.generations)
    known = _read()
    before = known.pop(shape(config), [])
    known[shape(config)] = [*before, Took(pace, besides, ranks)][-_KEPT:]
    content = dumps(dict(list(known.items())[-_MOST:]))
    path = _path()
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(path, content.encode())


def shape(config: RunConfig) -> str:
    """Equal for runs that take equally long a generation on equal machines.

    What determines a run decides, but for its seed and the strategy's real numbers.
    """
    data = config.model_dump(mode="json", exclude=_BESIDE)
    chosen = data["strategy"].items()
    data["strategy"] = {k: v for k, v in chosen if not isinstance(v, float)}
    here = machine()
    data["machine"] = here["cpu"], here["cores"]
    text = json.dumps(data, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _pace(run: RunFolder) -> float:
    """Seconds a generation without compiling; 0 where the last lines do not tell."""
    lines = parsed(tail(run.metrics_path))
    paces = [found for line in lines[1:] if (found := living(line)) is not None]
    return statistics.median(paces) if paces else 0.0


def _measured(
    config: RunConfig, took: Sequence[Took], ranks: int
) -> tuple[float, float, float]:
    """Seconds of a run whose like is known: few, usual, many."""
    spent = [
        one.besides + one.generation * config.generations * one.ranks / ranks
        for one in took
    ]
    drift = _DRIFT if all(one.ranks == ranks for one in took) else 2 * _DRIFT
    return min(spent) / drift, statistics.median(spent), max(spent) * drift


def _guess(config: RunConfig, ranks: int) -> tuple[float, float, float]:
    """Seconds of a run of which only the size is known."""
    living = env_steps(config) / (_GUESS * ranks)
    few, usual, many = _BESIDES
    return few + living / _GUESS_FACTOR, usual + living, many + living * _GUESS_FACTOR


def _last_end(spent: Sequence[float], parallel: int) -> float:
    """As a pool does it: each run goes to whoever is free first."""
    free = [0.0] * max(1, parallel)
    for seconds in spent:
        first = free.index(min(free))
        free[first] += seconds
    return max(free)


def _path() -> Path:
    root = os.environ.get("EVOLIFE_CACHE") or os.path.join("~", ".cache", "evolife")
    return Path(root).expanduser() / "speeds.json"


def _read() -> dict[str, list[Took]]:
    """What is known; nothing where the file is damaged or of an older kind."""
    try:
        found = json.loads(_path().read_bytes())
        return {str(key): [*map(_took, kept)] for key, kept in found.items()}
    except (OSError, ValueError, AttributeError, TypeError, KeyError):
        return {}


def _took(kept: Any) -> Took:
    generation, besides, ranks = kept
    return Took(float(generation), float(besides), int(ranks))
