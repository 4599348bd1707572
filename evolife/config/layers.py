"""Layers of settings: a file and the overrides over it, each value with its origin."""

import dataclasses
import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from evolife.config.yaml_file import Document, dotted, parse_value
from evolife.errors import InvalidInput

KeyPath = tuple[str | int, ...]

CHOICES = ("env", "agent", "strategy", "selection", "route")
"""Sections that name a plug-in and give its hyperparameters."""

_OVERRIDE = "override "
_KEY = re.compile(r"[A-Za-z_][\w-]*(\.[A-Za-z_0-9][\w-]*)*\Z")


@dataclasses.dataclass(frozen=True)
class Origins:
    """Where each value was written; any two are equal, for they are no setting."""

    written: Mapping[str, str] = dataclasses.field(default_factory=dict, compare=False)
    """Origin by dotted key, such as ``run.yaml:12`` or ``override seed=3``."""

    def of(self, path: KeyPath) -> str:
        """Origin of the value at ``path``, of a part of it, or of what encloses it."""
        for length in range(len(path), 0, -1):
            key = dotted(path[:length])
            parts = [self.written[name] for name in self.written if _below(name, key)]
            # What was changed last is what most likely does not suit.
            changed = [origin for origin in parts if origin.startswith(_OVERRIDE)]
            if changed and not self.written.get(key, "").startswith(_OVERRIDE):
                return changed[-1]
            if key in self.written:
                return self.written[key]
            if parts:
                return parts[-1]
        return self.written.get("", "config")

    def within(self, key: str) -> "Origins":
        """Origins as seen from inside the top-level mapping ``key``."""
        inside = {
            name.removeprefix(f"{key}."): origin
            for name, origin in self.written.items()
            if name.startswith(f"{key}.")
        }
        return Origins({"": self.of((key,)), **inside})


@dataclasses.dataclass(frozen=True)
class Layer:
    """Plain data and the origin of its values."""

    data: dict[str, Any]
    origins: Origins = Origins()


def file_layer(document: Document) -> Layer:
    """The layer a YAML file makes."""
    path = str(document.path)
    lines = {key: f"{path}:{line}" for key, line in document.lines.items()}
    return Layer(document.data, Origins({"": path, **lines}))


def override_layer(overrides: Sequence[str]) -> Layer:
    """The layer that dotted ``key=value`` overrides make; the last of equals wins.

    Raises:
        InvalidInput: for one that is not ``key=value`` with a value in YAML.
    """
    return functools.reduce(_merge, map(_override, overrides), Layer({}))


def flat(data: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested mappings by dotted key; lists are values."""
    found: dict[str, Any] = {}
    for key, item in data.items():
        inner = isinstance(item, Mapping)
        found |= flat(item, f"{before}{key}.") if inner else {f"{before}{key}": item}
    return found


def value_at(data: Mapping[str, Any], key: str, absent: Any = None) -> Any:
    """The setting under a dotted key, or ``absent``."""
    found: Any = data
    for part in key.split("."):
        found = found.get(part, absent) if isinstance(found, Mapping) else absent
    return found


def _override(text: str) -> Layer:
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not _KEY.match(key):
        raise InvalidInput(
            f"override '{text}': must be key=value with a dotted key, as in seed=3 or "
            "agent.hidden=64"
        )
    try:
        data = parse_value(value)
    except InvalidInput as error:
        raise InvalidInput(f"override '{text}': {error}") from error
    for name in reversed(key.split(".")):
        data = {name: data}
    return Layer(data, Origins({key: f"{_OVERRIDE}{text}"}))


def merge(lower: Layer, upper: Layer) -> Layer:
    """Lay ``upper`` over ``lower``.

    Mappings are merged key by key; anything else is replaced. Where a section names
    another plug-in, the old plug-in's hyperparameters go with it. What ``upper`` does
    not set and a setting of it leaves no room for follows that setting.
    """
    merged = _merge(lower, upper)
    data, written = merged.data, dict(merged.origins.written)
    for (section, key), (leader, follow) in _FOLLOW.items():
        given, found = upper.data.get(section), data.get(section)
        if not isinstance(given, dict) or not isinstance(found, dict):
            continue
        if key in given or leader not in given or key not in found:
            continue
        value = follow(found[key], found[leader])
        if value != found[key]:
            data = {**data, section: {**found, key: value}}
            place = (section, leader)
            written[f"{section}.{key}"] = Origins(written).of(place)
    return Layer(data, Origins(written))


def _merge(lower: Layer, upper: Layer) -> Layer:
    written = dict(lower.origins.written)
    data = _merged((), lower.data, upper.data, written, upper.origins.written)
    return Layer(data, Origins(written))


def _at_most(value: Any, size: Any) -> Any:
    return min(value, size) if _counts(value, size) else value


def _at_least(value: Any, size: Any) -> Any:
    return max(value, size) if _counts(value, size) else value


def _counts(*values: Any) -> bool:
    return all(type(value) is int and value > 0 for value in values)


_FOLLOW: Mapping[tuple[str, str], tuple[str, Callable[[Any, Any], Any]]] = {
    ("population", "tile"): ("size", _at_most),
    ("best_of_k", "archive"): ("keep", _at_least),
    ("record", "film_every"): (
        "tensorboard",
        lambda every, shown: None if shown is False else every,
    ),
}
"""Settings that follow another one of their section, unless they are set with it."""


def _merged(
    path: KeyPath,
    low: Any,
    high: Any,
    written: dict[str, str],
    above: Mapping[str, str],
) -> Any:
    if _joins(path, low, high):
        merged = dict(low)
        for key, value in high.items():
            merged[key] = _merged((*path, key), low.get(key), value, written, above)
        return merged
    here = dotted(path)
    for key in [key for key in written if _below(key, here)]:
        del written[key]
    written |= {key: origin for key, origin in above.items() if _below(key, here)}
    return high


def _joins(path: KeyPath, low: Any, high: Any) -> bool:
    if not (isinstance(low, dict) and isinstance(high, dict)):
        return False
    section = path[1:] if path[:1] == ("control",) else path
    other = "name" in low and "name" in high and low["name"] != high["name"]
    return not (other and len(section) == 1 and section[0] in CHOICES)


def _below(key: str, path: str) -> bool:
    return key == path or key.startswith(f"{path}.")
