"""Numbers, values and names as the page writes them."""

import json
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from evolife.config.layers import flat

MISSING = "–"  # noqa: RUF001, an en dash stands for what is not there


def number(value: float | None, sign: bool = False) -> str:
    """Four digits; a dash for None."""
    if value is None:
        return MISSING
    return f"{value:+.4g}" if sign else f"{value:.4g}"


def duration(seconds: float) -> str:
    """``12.3 s``, ``4 min 05 s``, ``2 h 03 min``."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def value(given: Any, digits: int = 6) -> str:
    """A parameter's value in one line: a plug-in by its name, then its settings."""
    if isinstance(given, Mapping):
        named = [str(given["name"])] if "name" in given else []
        rest = [f"{k} {value(v, digits)}" for k, v in given.items() if k != "name"]
        return ", ".join([*named, *rest])
    if isinstance(given, float):
        return f"{given:.{digits}g}"
    return given if isinstance(given, str) else json.dumps(given)


def is_number(given: Any) -> bool:
    """Whether a value has a place on an axis."""
    return isinstance(given, int | float) and not isinstance(given, bool)


def level_name(given: Any) -> str:
    """Equal for equal values: 1 and 1.0 are, 1 and true are not."""
    return json.dumps(float(given) if is_number(given) else given, sort_keys=True)


def varying(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """The keys, in order of appearance, that not all of ``settings`` have alike."""
    keys = dict.fromkeys(key for one in settings for key in one)
    return [key for key in keys if len({exact(one, key) for one in settings}) > 1]


def exact(settings: Mapping[str, Any], key: str) -> str:
    """The level that a setting is at; empty where it is absent."""
    return level_name(settings[key]) if key in settings else ""


def apart(values: Sequence[Any]) -> list[str]:
    """Each value in words; of mappings only the parts in which they differ."""
    if not all(isinstance(given, Mapping) for given in values):
        return [MISSING if given is None else value(given) for given in values]
    parts = [flat(given) for given in values]
    differ = varying(parts)
    shown = [{key: part[key] for key in differ if key in part} for part in parts]
    return [value(part) for part in shown]


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """The last part of each dotted key, or more of it where two would be alike.

    ``agent.name`` is called ``agent``.
    """
    found = {}
    for key in keys:
        parts = key.split(".")
        tails = [".".join(parts[at:]) for at in reversed(range(len(parts)))]
        others = [f".{other}" for other in keys if other != key]
        found[key] = next(
            (
                tail
                for tail in tails
                # A name alone says nothing: selection.name.
                if tail != "name" and not any(o.endswith(f".{tail}") for o in others)
            ),
            key,
        )
    taken = {*keys, *found.values()}
    bare = {key: short.removesuffix(".name") for key, short in found.items()}
    return {key: found[key] if bare[key] in taken else bare[key] for key in keys}


def clipped(text: str, most: int) -> str:
    """At most so many characters, the last of them three dots where some are lost."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def folded(text: str, width: int, most: int) -> str:
    """At most ``most`` lines of at most ``width`` characters."""
    return "\n".join(
        textwrap.wrap(text, width, max_lines=most, placeholder="…", tabsize=1)
    )
