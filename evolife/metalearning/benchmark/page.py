"""A verdict as Markdown."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from evolife.console.progress import many

_TITLES = {
    "weights": "Other weights in {}",
    "strategies": "Other strategies, against the operator in {}",
    "cma": "CMA-ES, with the operator's weights and with its own",
}


def markdown(verdict: Mapping[str, Any]) -> list[str]:
    """Lines of a page on what ``benchmark.report.judge`` found."""
    lines = _preamble(verdict)
    for name, row in verdict["rows"].items():
        title = _TITLES.get(name, name).format(row["learned in"])
        lines += ["", f"## {title}", "", _settings(row["contenders"])]
        for table in row["tables"]:
            lines += ["", f"### {_where(table['settings'])}", "", *_table(table)]
        if row["best by hand"]:
            lines += ["", *_against_the_best(row)]
        elif len(row["contenders"]) == 2:
            lines += ["", *_against_the_only(row)]
    return lines


def _preamble(verdict: Mapping[str, Any]) -> list[str]:
    operators, families = verdict["operators"], verdict["families"]
    lines = [
        f"{many(operators, 'operator')} trained in {verdict['strategy']}, on "
        f"{verdict['seeds']} drawn tasks of each of {len(families)} families that "
        f"training never saw ({', '.join(families)}). A gap is log10 of the value at "
        "the centre over that at the start, without noise: lower is better. Every "
        "contender starts at the origin with a standard deviation of 1, has as many "
        "evaluations, and meets the same tasks and random numbers. Gaps and "
        "differences are interquartile means over operators, settings and families "
        "of means over tasks, with "
        f"{verdict['level']:.0%} bootstrap intervals over operators and tasks "
        "(Agarwal et al. 2021); differences are paired by task. *Better* and *worse* "
        "count the families whose own interval is clear of zero; these intervals are "
        "not corrected for there being many.",
    ]
    if operators == 1:
        lines += ["", "With one operator, nothing is known of other meta-seeds."]
    else:
        lines += [
            "",
            f"If only meta-seeds mattered and tasks did not, intervals from "
            f"{operators} of them would hold in {verdict['coverage']:.0%} of cases.",
        ]
    return lines


def _settings(contenders: Mapping[str, Any]) -> str:
    """What is set for each strategy; everything else is its default."""
    given = {one["strategy"]: one["settings"] for one in contenders.values()}
    listed = (
        f"{name} ({', '.join(f'{k} = {v:g}' for k, v in settings.items()) or 'none'})"
        for name, settings in given.items()
    )
    return f"Settings that are given: {', '.join(listed)}."


def _where(settings: Sequence[str]) -> str:
    return settings[0] if len(settings) == 1 else f"All {len(settings)} settings"


def _table(table: Mapping[str, Any]) -> list[str]:
    lines = [
        "| contender | gap | learned minus it | chance that learned is better "
        "| better | worse |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for entry in table["entries"]:
        name, partly = entry["contender"], entry["settings"] < len(table["settings"])
        if partly:
            name += f" ({many(entry['settings'], 'setting')})"
        cells = [name, _number(entry["gap"])]
        if "difference" in entry:
            count = len(entry["families"])
            cells += [
                _number(entry["difference"]),
                _number(entry["improvement"]),
                f"{entry['better']} of {count}",
                f"{entry['worse']} of {count}",
            ]
        else:
            cells += [""] * 4
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _number(estimate: Mapping[str, float]) -> str:
    value, low, high = (estimate[k] for k in ("value", "low", "high"))
    return f"{value:.2f} ({low:.2f} .. {high:.2f})"


def _against_the_best(row: Mapping[str, Any]) -> list[str]:
    """Both readings of "the best by hand", and every family against the first."""
    entries = {e["contender"]: e for e in row["tables"][0]["entries"]}
    one, each = entries[row["best by hand"]], entries["best by hand on each family"]
    count = len(one["families"])
    lines = [
        f"The best weights by hand in aggregate are those of {row['best by hand']}: "
        f"learned is clearly better on {one['better']} of {count} families, clearly "
        f"worse on {one['worse']}, and ahead on {one['ahead']}. Against the best by "
        "hand of each setting and family, which is picked on these very tasks and so "
        f"favoured: {each['better']}, {each['worse']} and {each['ahead']}.",
    ]
    return [*lines, "", *_by_family(one)]


def _against_the_only(row: Mapping[str, Any]) -> list[str]:
    """How much every family loses or gains by the operator, in one strategy."""
    (one,) = (e for e in row["tables"][0]["entries"] if "families" in e)
    values = {name: found["value"] for name, found in one["families"].items()}
    least = max(values, key=values.__getitem__)
    line = (
        f"By family; a loss of 10% in the final value is a difference of "
        f"{math.log10(1.1):.3f}. Where the operator does least well, on {least}, "
        f"the final value is {10 ** values[least]:.2f} of that without it."
    )
    return [line, "", *_by_family(one)]


def _by_family(entry: Mapping[str, Any]) -> list[str]:
    lines = [
        f"| family | learned minus {entry['contender']} | as a share of its value |",
        "| --- | ---: | ---: |",
    ]
    for name, found in entry["families"].items():
        lines.append(f"| {name} | {_number(found)} | {10 ** found['value']:.2f} |")
    return lines
