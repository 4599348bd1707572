"""The verdict on operators that choose: agents by short lives, and the best of K."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evolife.base import Key
from evolife.metalearning.benchmark.partial_lives import (
    compare_partial,
    mean_of,
    null_gain,
)
from evolife.metalearning.tasks.candidates import NULL, Ranges
from evolife.metalearning.tasks.survivors import Setting, compare
from evolife.selection.shaping.learned import Learned

_SPREADS = (0.5, 1.0, 1.5)
_TITLES = {
    "unequal": "Candidates of unequal noise, as the operator was trained on",
    **{f"spread {s}": f"Log noise of standard deviation {s} alone" for s in _SPREADS},
    "null": "Null test: equal noise, a normal prior",
}


def judge_lives(
    operator: Learned,
    route: Mapping[str, Any],
    populations: int,
    generations: int,
    key: Key,
) -> dict[str, Any]:
    """Agents chosen by lives cut short, measured in whole ones; and the null test.

    ``route`` holds ``config``, ``overrides`` and ``shorter``, as the route ``lives``
    does. Returns what :func:`compare_partial` found, and the null test's gain.
    """
    found = compare_partial(
        *(operator, route["config"], tuple(route["overrides"]), route["shorter"]),
        *(populations, key),
        generations=generations,
    )
    return {**found, "null": null_gain(operator)}


def lives_rows(verdict: Mapping[str, Any]) -> list[str]:
    """Lines of a table: what is chosen, over whose choice, the gain."""
    lines = []
    for name, gain in verdict["gains"].items():
        who, over = name.split(" over ")
        lines.append(f"| {who} | {over} | {_shown(gain)} |")
    return [*lines, f"| best | fitness, null test | {_shown(verdict['null'])} |"]


def lives_page(verdict: Mapping[str, Any]) -> list[str]:
    """The whole table, and what its words mean."""
    return [
        "| chosen | over the choice by | gain in the return of a whole life |",
        "| --- | --- | ---: |",
        *lives_rows(verdict),
        "",
        "*best*: the one member put first; *tenth*: the tenth put first; *late*: by "
        "the reward rate in the last quarter of the short life; *null test*: drawn "
        "lives of equal noise without curves, where nothing chooses better than "
        "fitness, in standard deviations of worth. With 95% intervals over "
        f"{verdict['populations']} populations.",
    ]


def judge_survivors(operator: Learned, tasks: int, key: Key) -> dict[str, Any]:
    """True value of the best of 32, by how it was chosen, in standard deviations.

    ``unequal`` noise, single spreads of it, and the ``null`` test; for each way of
    choosing its ``value`` and the paired differences ``learned`` and ``learned_half``
    minus it.
    """
    settings = {
        "unequal": Setting(),
        **{f"spread {s}": Setting(ranges=Ranges(spread=(s, s))) for s in _SPREADS},
        "null": Setting(ranges=NULL),
    }
    verdict: dict[str, Any] = {}
    for name, setting in settings.items():
        found = compare(operator, setting, tasks, key)
        values = {way: np.asarray(value) for way, value in found.items()}
        verdict[name] = {
            way: {
                "value": mean_of(value),
                "learned": mean_of(values["learned"] - value),
                "learned_half": mean_of(values["learned_half"] - value),
            }
            for way, value in values.items()
        }
    return {"tasks": tasks, **verdict}


def survivors_page(verdict: Mapping[str, Any]) -> list[str]:
    """Both tables."""
    lines: list[str] = [
        f"True value of the chosen of 32 candidates in standard deviations, over "
        f"{verdict['tasks']:,} tasks; differences are paired, with 95% intervals.",
    ]
    for name, title in _TITLES.items():
        lines += [
            *("", f"## {title}", ""),
            "| chooser | value | learned minus it "
            "| learned with half the lives minus it |",
            "| --- | ---: | ---: | ---: |",
            *_survivor_rows(verdict[name]),
        ]
    return lines


def _survivor_rows(ways: Mapping[str, Any]) -> Sequence[str]:
    rows = []
    for way, found in ways.items():
        told = way.replace("_half", ", half the lives")
        cells = [_shown(found[key]) for key in ("learned", "learned_half")]
        rows.append(f"| {told} | {found['value']['mean']:.3f} | {' | '.join(cells)} |")
    return rows


def _shown(found: Mapping[str, Any]) -> str:
    low, high = found["interval"]
    return f"{found['mean']:.3f} ({low:.3f} .. {high:.3f})"
