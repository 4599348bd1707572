"""The table that is committed."""

from collections.abc import Mapping, Sequence

from speed.results import Result

_METHOD = (
    "Contenders take turns, round after round, each in a process of its own that is "
    "compiled and warm; a value is the median over rounds of the ratio within one "
    "round, the spread its smallest and largest. Steps are K x T x generations. Peers "
    "use all cores as they do by themselves; evolife one rank a core."
)


def markdown(results: Sequence[Result], about: Mapping[str, str]) -> str:
    """The whole page."""
    lines = [
        "# Speed against the peers",
        "",
        f"Last command: `{about['command']}`; rows that it left out keep what an "
        f"earlier one found, each note says when. {about['machine']}.",
        "",
        _METHOD,
        "",
        "![ratios against what was to be reached](speed.png)",
        "",
        "| row | what | reach | reached | spread | 95% of the median | |",
        "| --- | --- | ---: | ---: | --- | --- | --- |",
        *map(_row, results),
        "",
        "## What each contender showed",
        "",
        "Absolute figures are information only: they drift with the machine.",
        "",
        "| row | contender | figures |",
        "| --- | --- | --- |",
        *(line for result in results for line in _contenders(result)),
        "",
        "## Notes",
        "",
        *(f"- `{result.name}`: {_note(result)}" for result in results),
    ]
    return "\n".join(lines) + "\n"


def number(value: float | None, unit: str = "") -> str:
    """Three figures, or a dash."""
    if value is None:
        return "-"
    text = f"{value:.0f}" if value >= 100 else f"{value:.3g}"
    return f"{text} {unit}".rstrip()


def _row(result: Result) -> str:
    reach = "" if result.reach is None else number(result.reach, result.unit)
    limit = "at most " if result.most else ""
    within = f"{number(result.low)} .. {number(result.high)}"
    sure = " .. ".join(map(number, result.interval)) if result.interval else ""
    cells = (
        result.name,
        result.work,
        f"{limit}{reach}" if reach else "information",
        number(result.value, result.unit),
        within if result.rounds else "",
        sure,
        result.verdict,
    )
    return f"| {' | '.join(cells)} |"


def _contenders(result: Result) -> list[str]:
    return [
        f"| {result.name} | {name} | {_figures(shown)} |"
        for name, shown in result.rates.items()
    ]


def _figures(shown: Mapping[str, object]) -> str:
    parts = []
    for key, value in shown.items():
        if key == "steps_per_second" and isinstance(value, float):
            parts.append(f"{value / 1e6:.4g} M steps/s")
        elif key != "ready" and key != "count":
            text = f"{value:.4g}" if isinstance(value, float) else str(value)
            parts.append(f"{key.replace('_', ' ')} {text}")
    return ", ".join(parts)


def _note(result: Result) -> str:
    parts = [
        result.note,
        f"not measured to the end: {result.failure}" if result.failure else "",
        f"{result.rounds} rounds" if result.rounds else "",
        f"measured {result.when} UTC, load average {result.load}",
    ]
    return "; ".join(part for part in parts if part) + "."
