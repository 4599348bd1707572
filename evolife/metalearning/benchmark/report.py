"""The verdict on a selection operator: who it was held against, and how it fared.

Gaps are log10 of the value at the centre over that at the start: lower is better, and
a difference (the operator's gap minus another's) below zero says that the operator
came closer.
"""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from evolife import keys
from evolife.base import Key
from evolife.errors import InvalidInput
from evolife.metalearning.benchmark import baselines, statistics
from evolife.metalearning.benchmark.baselines import (
    HAND_MADE,
    LEARNED,
    Contender,
    Recipe,
)
from evolife.metalearning.benchmark.bench import WITHIN, Bench, Setting, measure
from evolife.metalearning.benchmark.page import markdown
from evolife.metalearning.tasks.functions import families as families_of
from evolife.selection.shaping.learned import Learned

__all__ = ["judge", "markdown"]

BEST_OF_EACH = "best by hand on each family"
"""Name of a contender made of others: in each setting and family its lowest mean."""

Peers = Sequence[Contender]
"""One contender in as many versions as there are operators."""
Scores = dict[Setting, np.ndarray]
"""Of one contender, ``(operators or 1, families, seeds)`` each."""


def judge(
    operators: Sequence[Learned],
    strategy: str,
    seeds: int,
    settings: Sequence[Setting] = WITHIN,
    *,
    seed: int = 0,
    families: Sequence[str] | None = None,
    rows: Mapping[str, Sequence[Peers]] | None = None,
    tell: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Hold operators against all contenders; return plain data for JSON.

    ``operators`` are trained from different meta-seeds, and each is one run: its score
    on a family is its mean over ``seeds`` drawn tasks. ``strategy`` is the algorithm
    of evosax that they were trained in. ``families`` are the test families unless
    named. ``rows`` are those of :func:`standard` unless given. ``tell`` hears of every
    measurement.

    Raises:
        InvalidInput: no operators, or of different shapes; fewer than 2 seeds; sizes
            that a strategy refuses; an unknown strategy or family.
    """
    _check(operators, seeds)
    names = tuple(families_of("test") if families is None else families)
    bench = Bench(seeds, seed, names)
    rows = standard(operators, strategy, keys.root_key(seed)) if rows is None else rows
    found = _measure_all(rows, settings, bench, tell or (lambda line: None))
    return {
        "strategy": strategy,
        "operators": len(operators),
        "coverage": round(statistics.coverage(len(operators)), 2),
        "seeds": seeds,
        "seed": seed,
        "level": statistics.LEVEL,
        "families": list(names),
        "settings": [str(setting) for setting in settings],
        "rows": {
            row: _row(
                {peers[0].name: found[_who(peers[0])] for peers in listed},
                {peers[0].name: peers[0].recipe for peers in listed},
                settings,
                names,
            )
            for row, listed in rows.items()
        },
    }


def standard(
    operators: Sequence[Learned], strategy: str, key: Key
) -> dict[str, list[Peers]]:
    """The rows ``weights``, ``strategies`` and ``cma`` of all operators."""
    by_operator = [
        {
            "weights": baselines.weights(strategy, one, jax.random.fold_in(key, i)),
            "strategies": baselines.strategies(strategy, one),
            "cma": baselines.cma(one),
        }
        for i, one in enumerate(operators)
    ]
    return {
        row: list(zip(*(rows[row] for rows in by_operator), strict=True))
        for row in by_operator[0]
    }


def _check(operators: Sequence[Learned], seeds: int) -> None:
    if not operators:
        raise InvalidInput("operators: name at least one to judge")
    if seeds < 2:
        raise InvalidInput(
            f"seeds = {seeds}: at least 2 tasks of each family, for the intervals"
        )
    shapes = {operator.shape: operator.operator for operator in operators}
    if len(shapes) > 1:
        raise InvalidInput(
            f"operators: {' and '.join(shapes.values())} have different shapes, so "
            "they are not one operator from several meta-seeds; judge them apart"
        )


def _who(contender: Contender) -> tuple[Recipe, str]:
    """What it is measured once by, whatever rows it stands in."""
    return contender.recipe, contender.name


def _measure_all(
    rows: Mapping[str, Sequence[Peers]],
    settings: Sequence[Setting],
    bench: Bench,
    tell: Callable[[str], None],
) -> dict[tuple[Recipe, str], Scores]:
    everybody = {_who(peers[0]): peers for row in rows.values() for peers in row}
    found: dict[tuple[Recipe, str], Scores] = {who: {} for who in everybody}
    for setting in settings:
        for who, peers in everybody.items():
            if not peers[0].affordable(*dataclasses.astuple(setting)):
                continue
            start = time.perf_counter()
            versions = peers if peers[0].parameters is not None else peers[:1]
            measured = [measure(one, setting, bench) for one in versions]
            found[who][setting] = np.stack(measured)
            spent = time.perf_counter() - start
            tell(f"{who[1]} in {who[0].strategy}, {setting}: {spent:.1f} s")
    return found


def _row(
    scores: dict[str, Scores],
    recipes: dict[str, Recipe],
    settings: Sequence[Setting],
    families: Sequence[str],
) -> dict[str, Any]:
    by_hand = [name for name in scores if name in HAND_MADE]
    best = None
    if by_hand:
        best = min(by_hand, key=lambda name: _overall(scores[name]))
        each = _best_of_each([scores[name] for name in by_hand])
        scores = {**scores, BEST_OF_EACH: each}
    tables = [_table(scores, settings, families)]
    if len(settings) > 1:
        tables += [_table(scores, (setting,), families) for setting in settings]
    return {
        "learned in": recipes[LEARNED].strategy,
        "best by hand": best,
        "contenders": {
            name: {"strategy": recipe.strategy, "settings": recipe.settings()}
            for name, recipe in recipes.items()
        },
        "tables": tables,
    }


def _overall(scores: Scores) -> float:
    means = _stacked(scores, list(scores)).mean(axis=-1)
    return float(statistics.iqm(means))


def _best_of_each(scores: Sequence[Scores]) -> Scores:
    """In each setting and family, the one with the lowest mean over seeds."""
    best = {}
    for setting in scores[0]:
        stack = np.stack([one[setting][0] for one in scores])
        choice = stack.mean(axis=-1).argmin(axis=0)
        best[setting] = stack[choice, np.arange(stack.shape[1])][None]
    return best


def _stacked(scores: Scores, settings: Sequence[Setting]) -> np.ndarray:
    """``(operators or 1, settings, families, seeds)``."""
    return np.stack([scores[setting] for setting in settings], axis=1)


def _table(
    scores: dict[str, Scores], settings: Sequence[Setting], families: Sequence[str]
) -> dict[str, Any]:
    """One line for each contender that was measured, over all given settings."""
    entries = []
    for name, of_one in scores.items():
        shared = [setting for setting in settings if setting in of_one]
        if not shared:
            continue
        theirs = _stacked(of_one, shared)
        entry: dict[str, Any] = {"contender": name, "settings": len(shared)}
        entry["gap"] = statistics.aggregate(theirs)._asdict()
        if name != LEARNED:
            ours = _stacked(scores[LEARNED], shared)
            entry |= _comparison(ours, theirs, families)
        entries.append(entry)
    return {"settings": [str(setting) for setting in settings], "entries": entries}


def _comparison(
    ours: np.ndarray, theirs: np.ndarray, families: Sequence[str]
) -> dict[str, Any]:
    """The operator against one other, on the settings that both were measured at."""
    theirs = np.broadcast_to(theirs, ours.shape)
    each = dict(zip(families, statistics.by_family(ours, theirs), strict=True))
    return {
        "difference": statistics.paired(ours, theirs)._asdict(),
        "improvement": statistics.improvement(ours, theirs)._asdict(),
        "better": sum(one.high < 0 for one in each.values()),
        "worse": sum(one.low > 0 for one in each.values()),
        "ahead": sum(one.value < 0 for one in each.values()),
        "families": {family: one._asdict() for family, one in each.items()},
    }
