"""Checks plain data against a model; every problem is one line that names its place."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

import pydantic

from evolife.config.layers import KeyPath, Origins
from evolife.config.wording import display, expected, shown
from evolife.errors import InvalidInput, nearest

Model = TypeVar("Model", bound=pydantic.BaseModel)


class Problem(NamedTuple):
    """One thing that is wrong with a config."""

    path: KeyPath
    message: str


def validated(
    model: type[Model],
    data: Mapping[str, Any],
    origins: Origins,
    prefix: KeyPath = (),
    within: KeyPath = (),
) -> Model:
    """Check plain data, as from YAML, strictly: no text is a number, no number a truth.

    ``prefix`` is where ``data`` stands in the whole config, for ``origins``; ``within``
    is written before it in messages.

    Raises:
        InvalidInput: one line a problem: origin, key, value, what is allowed.
    """
    problems = [Problem(path, "must be a finite number") for path in _infinite(data)]
    found: Model | None = None
    try:
        # Validated as JSON, where a list may become a tuple and nothing else changes.
        found = model.model_validate_json(json.dumps(data))
    except pydantic.ValidationError as error:
        known = {problem.path for problem in problems}
        problems += [p for p in _explained(error, model, data) if p.path not in known]
    if found is not None and not problems:
        return found
    lines = (_line(problem, data, origins, prefix, within) for problem in problems)
    raise InvalidInput("\n".join(dict.fromkeys(lines)))


def locate(origins: Origins, path: KeyPath, value: Any) -> str:
    """``run.yaml:12: population.size = -5``, the beginning of a message."""
    return f"{origins.of(path)}: {display(path)} = {shown(value)}"


def _infinite(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    if isinstance(value, float) and not math.isfinite(value):
        yield path
    elif isinstance(value, list | dict):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from _infinite(item, (*path, key))


def _explained(
    error: pydantic.ValidationError, model: type[pydantic.BaseModel], data: Any
) -> Iterator[Problem]:
    schema = model.model_json_schema()
    for item in error.errors():
        path = _real(item["loc"], data)
        if item["type"] == "extra_forbidden":
            allowed = _schema_at(schema, path[:-1]).get("properties", {})
            rule = f"allowed: {', '.join(allowed)}" if allowed else "it has no settings"
            close = nearest(str(path[-1]), allowed)
            yield Problem(path, f"unknown key; {rule}{close}")
        elif item["type"] == "missing":
            path = item["loc"]
            meaning = " ".join(_schema_at(schema, path).get("description", "").split())
            yield Problem(path, f"missing; set it to: {meaning}".removesuffix(": "))
        elif item["type"] in ("value_error", "assertion_error"):
            yield Problem(path, str(item["ctx"]["error"]))
        else:
            rule = expected(_schema_at(schema, path), schema.get("$defs", {}))
            yield Problem(path, f"must be {rule}")


def _real(location: KeyPath, data: Any) -> KeyPath:
    """Cut a location where it leaves the data, as branches of a union do."""
    for length, key in enumerate(location):
        if not _holds(data, key):
            return location[:length]
        data = data[key]
    return location


def _holds(data: Any, key: str | int) -> bool:
    if isinstance(data, dict):
        return key in data
    return isinstance(data, list) and isinstance(key, int) and key < len(data)


def _schema_at(schema: dict[str, Any], path: KeyPath) -> dict[str, Any]:
    """The part of a JSON Schema that speaks of ``path``; empty where none does."""
    here = schema
    for key in path:
        here = _resolved(here, schema)
        if isinstance(key, int):
            prefix = here.get("prefixItems", [])
            here = prefix[key] if key < len(prefix) else here.get("items", {})
        else:
            extra = here.get("additionalProperties")
            free = extra if isinstance(extra, dict) else {}
            here = here.get("properties", {}).get(key, free)
    described = here.get("description")
    here = _resolved(here, schema)
    return here | {"description": described} if described else here


def _resolved(part: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """What a part refers to; of a mapping or something else, the mapping."""
    name = part.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = schema["$defs"][name] if name else part
    if "properties" in found:
        return found
    options = [_resolved(option, schema) for option in found.get("anyOf", ())]
    mappings = [option for option in options if "properties" in option]
    # The alternatives stay, for the words that say what is allowed here.
    return found | {"properties": mappings[0]["properties"]} if mappings else found


def _line(
    problem: Problem, data: Any, origins: Origins, prefix: KeyPath, within: KeyPath
) -> str:
    path = (*prefix, *problem.path)
    label = display((*within, *path)) or "config"
    value: Any = data
    for key in problem.path:
        if not _holds(value, key):
            break
        value = value[key]
    else:
        if problem.path and not problem.message.startswith("unknown key"):
            label = f"{label} = {shown(value)}"
    return f"{origins.of(path)}: {label}: {problem.message}"
