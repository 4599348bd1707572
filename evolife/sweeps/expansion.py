"""From a sweep to its runs: pure functions, the same runs for the same file."""

import hashlib
import itertools
import json
import math
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from evolife.errors import InvalidInput
from evolife.storage.sweep_folder import Entry
from evolife.sweeps.parameters import Parameter
from evolife.sweeps.spec import MOST_RUNS, Sweep

_LONGEST, _DIGITS = 60, 10
"""Of the two parts of a run's name."""
Assignment = dict[str, Any]
"""A value for each dotted key."""
_TRIES = 100
"""Draws in a row that were there before, after which there are no others left."""


def entry(assignment: Assignment, base_digest: str, shown: Sequence[str]) -> Entry:
    """One line of the manifest."""
    content = f"{base_digest} {canonical(assignment)}".encode()
    digest = hashlib.sha256(content).hexdigest()[:_DIGITS]
    parts = [_part(key, assignment[key]) for key in shown if key in assignment]
    slug = "-".join(parts)[:_LONGEST].strip("-._") or "run"
    return Entry(f"{slug}-{digest}", dict(assignment), overrides(assignment))


def overrides(assignment: Mapping[str, Any]) -> tuple[str, ...]:
    """As ``evolife train`` takes them; sections before the keys within them."""
    ordered = sorted(assignment, key=lambda key: key.count("."))
    return tuple(f"{key}={json.dumps(assignment[key])}" for key in ordered)


def _part(key: str, value: Any) -> str:
    name = key.removesuffix(".name").rpartition(".")[2]
    if isinstance(value, dict) and isinstance(value.get("name"), str):
        return _safe(value["name"])
    if key.endswith(".name") and isinstance(value, str):
        return _safe(value)
    text = f"{value:.4g}" if isinstance(value, float) else json.dumps(value)
    return f"{_safe(name)}_{_safe(text)}"


def _safe(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text.strip('"')).strip("_") or "x"


def count(sweep: Sweep) -> int:
    """The most runs that a sweep can have, without making them."""
    spec, cap = sweep.spec, sweep.spec.run_cap
    sizes = [len(one.listed or ()) for one in sweep.parameters.values()]
    if spec.method == "zip":
        found = max(sizes)
    elif spec.method == "grid" or all(sizes):
        found = math.prod(sizes)
    else:
        found = cap or 0
    return found if cap is None else min(found, cap)


def expand(sweep: Sweep, *, yes: bool = False) -> list[Assignment]:
    """All runs of a grid, zip or random sweep, in order, each once.

    Raises:
        InvalidInput: more than 100,000 runs, unless ``yes``.
    """
    runs = count(sweep)
    if runs > MOST_RUNS and not yes:
        raise InvalidInput(
            f"{sweep.spec.name}: {runs:,} runs; up to {MOST_RUNS:,} go without "
            "asking: set run_cap, or give --yes if you mean it"
        )
    assignments = _MAKERS[sweep.spec.method](sweep)
    return list(itertools.islice(distinct(assignments), sweep.spec.run_cap))


def _grid(sweep: Sweep) -> Iterator[Assignment]:
    keys = list(sweep.parameters)
    lists = [one.listed or [] for one in sweep.parameters.values()]
    for values in itertools.product(*lists):
        yield dict(zip(keys, values, strict=True))


def _zip(sweep: Sweep) -> Iterator[Assignment]:
    length = max(len(one.listed or ()) for one in sweep.parameters.values())
    columns = {
        key: (one.listed or []) * (length if one.kind == "constant" else 1)
        for key, one in sweep.parameters.items()
    }
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(columns, values, strict=True))


def _random(sweep: Sweep) -> Iterator[Assignment]:
    """Independent draws; a parameter's own do not depend on which others there are."""
    draws = {
        key: _draws(one, f"{sweep.spec.seed}/{key}")
        for key, one in sweep.parameters.items()
    }
    while True:
        yield {key: next(values) for key, values in draws.items()}


def draws(sweep: Sweep) -> Iterator[Assignment]:
    """Draws of any sweep as ``random`` makes them, each once."""
    return distinct(_random(sweep))


def _draws(parameter: Parameter, seed: str) -> Iterator[Any]:
    generator = random.Random(seed)
    while True:
        yield parameter.quantile(generator.random())


_MAKERS = {"grid": _grid, "zip": _zip, "random": _random}


def distinct(assignments: Iterable[Assignment]) -> Iterator[Assignment]:
    """Each assignment at its first appearance; ends where no new ones appear."""
    seen: set[str] = set()
    again = 0
    for assignment in assignments:
        text = canonical(assignment)
        if text in seen:
            again += 1
            if again >= _TRIES * (1 + len(seen)):
                return
            continue
        again = 0
        seen.add(text)
        yield assignment


def canonical(assignment: Mapping[str, Any]) -> str:
    """Equal for equal contents, whatever the order of keys."""
    return json.dumps(assignment, sort_keys=True, separators=(",", ":"))
