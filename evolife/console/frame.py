"""A snapshot as lines of text, for a screen of some width."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from evolife.console.progress import count, duration, many

_SILENCE_SECONDS = 60.0
_PATIENCE = 5.0
"""Generations without news that are worth a word."""
_NARROWEST, _WIDEST = 5, 60
_RUN_ROWS = 8


@dataclasses.dataclass(frozen=True)
class Strokes:
    """The characters to draw with."""

    levels: str
    """From the lowest to the highest value."""
    full: str
    """What is done."""
    empty: str
    """What is left."""

    def sparkline(self, values: Sequence[float | None], columns: int) -> str:
        """A curve in at most ``columns`` characters, from its lowest to its highest.

        What is None is a blank; a level curve runs along the bottom.
        """
        shown = _means(values, columns)
        known = [value for value in shown if value is not None]
        if not known:
            return " " * len(shown)
        low, high = min(known), max(known)
        top = len(self.levels) - 1
        scale = top / (high - low) if high > low else 0.0
        return "".join(
            " " if value is None else self.levels[round((value - low) * scale)]
            for value in shown
        )

    def bar(self, share: float, columns: int) -> str:
        """``columns`` characters, of which ``share`` (0 to 1) are full."""
        done = int(min(max(share, 0.0), 1.0) * columns)
        return self.full * done + self.empty * (columns - done)


BLOCKS = Strokes("▁▂▃▄▅▆▇█", "━", "╌")
ASCII = Strokes("_.-~=+*#", "#", "-")


def strokes_for(encoding: str | None) -> Strokes:
    """Blocks where ``encoding`` has them, else what every terminal can show."""
    try:
        (BLOCKS.levels + BLOCKS.full + BLOCKS.empty).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return BLOCKS


def frame(
    snapshot: dict[str, Any], width: int, strokes: Strokes, rows: int = _RUN_ROWS
) -> list[str]:
    """The lines that show a snapshot; ``rows`` of a sweep's runs at most."""
    if snapshot["kind"] == "sweep":
        return _sweep(snapshot, width, strokes, rows)
    lines = _run(snapshot, width, strokes)
    control = snapshot["control"]
    if control is not None and control["state"] != "done":
        lines += ["", *_run(control, width, strokes)]
    return lines


def _run(look: dict[str, Any], width: int, strokes: Strokes) -> list[str]:
    lines = [f"{look['name']}  {look['state']}  {look['path']}"]
    lines.append(_progress(look, width, strokes))
    if look["state"] == "running" and look["generation"] == look["generations"]:
        lines.append("now choosing the best of K")
    if not look["generation"]:
        lines.append("no metrics yet")
    else:
        lines += _curves(look, width, strokes)
        lines += [line for line in (_speed(look), _shares(look)) if line]
    if look["message"]:
        lines += _indented(f"failed: {look['message']}")
    if words := _silence(look):
        lines.append(words)
    for warning in look["warnings"]:
        lines.append(f"warning, generation {warning['generation']}: {warning['text']}")
    return lines


def _progress(look: dict[str, Any], width: int, strokes: Strokes) -> str:
    done, goal = look["generation"], look["generations"]
    if not isinstance(goal, int) or goal < 1:
        return f"generation {done}"
    before, after = f"generation {done}/{goal} ", f" {done / goal:.0%}"
    if look["eta_s"] is not None and done < goal:
        after += f"  ETA {duration(look['eta_s'])}"
    bar = strokes.bar(done / goal, _room(width, before + after))
    return f"{before}{bar}{after}"


def _room(width: int, words: str) -> int:
    """Columns that are left for a drawing beside ``words``."""
    return max(_NARROWEST, min(_WIDEST, width - len(words)))


def _curves(look: dict[str, Any], width: int, strokes: Strokes) -> list[str]:
    """One line a curve; all begin in the same column."""
    history, metrics = look["history"], look["metrics"]
    curves = [
        (name, history[f"fitness/{name}"], metrics.get(f"fitness/{name}"))
        for name in ("best", "mean")
    ]
    if (validation := look["validation"]) is not None:
        values = _newest(history["validation/mean"])
        curves.append(("validation", values, validation["mean"]))
    longest = max(len(name) for name, *_ in curves)
    return [
        _curve(name.ljust(longest), values, last, width, strokes)
        for name, values, last in curves
    ]


def _newest(values: Sequence[float | None]) -> list[float | None]:
    """The newest validation at each place: one stands until the next."""
    newest: list[float | None] = []
    for value in values:
        newest.append(newest[-1] if value is None and newest else value)
    return newest


def _curve(
    name: str,
    values: Sequence[float | None],
    last: float | None,
    width: int,
    strokes: Strokes,
) -> str:
    known = [value for value in values if value is not None]
    ends = f"  ({min(known):.4g} .. {max(known):.4g})" if known else ""
    after = f" not finite{ends}" if last is None else f" {last:.4g}{ends}"
    drawn = strokes.sparkline(values, _room(width, f"{name} {after}"))
    return f"{name} {drawn}{after}"


def _speed(look: dict[str, Any]) -> str:
    metrics, words = look["metrics"], []
    if (speed := metrics.get("env_steps_per_s")) is not None:
        words.append(f"{count(speed)} steps/s")
    if (ranks := metrics.get("ranks")) is not None:
        words.append(many(ranks, "rank"))
    live = [metrics.get(f"ranks/live_{end}") for end in ("min", "median", "max")]
    if ranks != 1 and None not in live:
        slow = metrics.get("ranks/slowest")
        words.append("live {:.3g} / {:.3g} / {:.3g} s".format(*live))
        words.append(f"slowest: rank {slow}")
    return "  ".join(words)


def _shares(look: dict[str, Any]) -> str:
    parts = [f"{name} {share:.0%}" for name, share in look["shares"].items()]
    return f"time: {'  '.join(parts)}" if parts else ""


def _silence(look: dict[str, Any]) -> str:
    age, pace = look["age_s"], look["seconds_per_generation"] or 0.0
    if age is None or look["state"] in ("done", "failed", "pruned"):
        return ""
    usual = max(_SILENCE_SECONDS, _PATIENCE * pace)
    if look["state"] == "stopped":
        return f"no news for {duration(age)}: not running; go on with --resume"
    return f"no news for {duration(age)}: still running" if age > usual else ""


def _sweep(look: dict[str, Any], width: int, strokes: Strokes, rows: int) -> list[str]:
    counts = [f"{n} {state}" for state, n in look["counts"].items() if n]
    left = look["eta_s"]
    lines = [
        f"{look['name']}  sweep of {look['runs']} runs  {look['path']}",
        "  ".join(counts) + ("" if left is None else f"  ETA {duration(left)}"),
    ]
    lines += [_row(one, width, strokes) for one in look["running"][:rows]]
    if (more := len(look["running"]) - rows) > 0:
        lines.append(f"and {more} more running")
    metric, best = look["metric"], look["best"]
    if best is None:
        lines.append(f"no run has {metric['name']} yet")
    else:
        lines.append(f"best {metric['name']} {best['value']:.4g}: {best['run']}")
        lines.append(f"  {_changes(best['parameters'])}")
    for failure in look["failures"]:
        lines += _indented(f"failed: {failure['run']}: {failure['message']}")
    return lines


def _indented(text: str) -> list[str]:
    """Lines of a text of which all but the first stand back."""
    first, *rest = text.splitlines()
    return [first, *(f"  {line}" for line in rest)]


def _row(look: dict[str, Any], width: int, strokes: Strokes) -> str:
    """One run of a sweep in one line."""
    done, goal, fitness = look["generation"], look["generations"], look["metrics"]
    part = max(5, min(20, width // 6))
    bar = strokes.bar(done / goal if goal else 0.0, part)
    drawn = strokes.sparkline(look["history"]["fitness/mean"], part)
    mean = fitness.get("fitness/mean")
    shown = "" if mean is None else f" {mean:.4g}"
    left = "" if look["eta_s"] is None else f" ETA {duration(look['eta_s'])}"
    return f"{bar} {done}/{goal} {drawn}{shown}{left} {look['run']}"


def _changes(parameters: dict[str, Any]) -> str:
    words: Sequence[str] = [f"{key}={value}" for key, value in parameters.items()]
    return "  ".join(words)


def _means(values: Sequence[float | None], columns: int) -> list[float | None]:
    """Means over ``columns`` equal stretches, or the values if they are fewer."""
    if len(values) <= columns:
        return list(values)
    means: list[float | None] = []
    for column in range(columns):
        begin = column * len(values) // columns
        end = (column + 1) * len(values) // columns
        part = [value for value in values[begin:end] if value is not None]
        means.append(sum(part) / len(part) if part else None)
    return means
