"""The JSON Schema of a config, with every built-in plug-in's hyperparameters."""

from collections.abc import Iterable
from typing import Any

from evolife.config.model import RunConfig
from evolife.plugins.files import load, names, summary
from evolife.plugins.hyperparameters import settings_model
from evolife.plugins.registry import selection_names, strategy_names
from evolife.plugins.wrap import setting, wrapper_class, wrapper_names

Schema = dict[str, Any]


def json_schema() -> Schema:
    """JSON Schema (2020-12) of a config, for editors and checks; imports JAX.

    Raises:
        InvalidInput: if a built-in plug-in cannot be imported, as without gymnax.
    """
    schema = RunConfig.model_json_schema()
    variants = {
        "env": _plugins("envs", ()),
        "agent": _plugins("agents", ("spec",)),
        "strategy": _strategies(),
        "selection": _selections(),
    }
    definitions: Schema = schema["$defs"]
    for section, options in variants.items():
        for option in options:
            definitions |= option.pop("$defs", {})
        described = schema["properties"][section]
        kept = {k: described[k] for k in ("description", "default") if k in described}
        schema["properties"][section] = kept | {"anyOf": options}
    del definitions["Choice"]
    schema["properties"]["wrap"]["items"] = {"anyOf": list(_wrappers())}
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return _untitled(head | schema | {"title": "evolife config"})


def _plugins(kind: str, given: tuple[str, ...]) -> list[Schema]:
    return [
        _variant(name, load(kind, name), given, summary(path))
        for name, path in names(kind).items()
    ]


def _strategies() -> list[Schema]:
    from evolife.strategies.low_rank import LowRank

    ours, *theirs = strategy_names()
    algorithm = _free(theirs, "algorithm of evosax")
    return [_variant(ours, LowRank, (), _first_line(LowRank)), algorithm]


def _selections() -> list[Schema]:
    from evolife.selection.shaping import SHAPINGS

    native, *_ = selection_names()
    shapings = [
        _variant(name, cls, (), _first_line(cls)) for name, cls in SHAPINGS.items()
    ]
    operator = {"type": "string", "description": "a bundled operator, or a file"}
    settings = {"properties": {"operator": operator}, "required": ["operator"]}
    return [
        _closed(native, {}, "the strategy's own weights"),
        _closed("learned", settings, "an operator that evolife meta trained"),
        *shapings,
    ]


def _wrappers() -> Iterable[Schema]:
    for name in wrapper_names():
        cls = wrapper_class(name)
        fields = settings_model(cls, ("inner",)).model_json_schema()["properties"]
        yield {
            "type": "object",
            "description": _first_line(cls),
            "properties": {name: fields[setting(cls)]},
            "required": [name],
            "additionalProperties": False,
        }


def _variant(name: str, cls: type, given: tuple[str, ...], meaning: str) -> Schema:
    return _closed(name, settings_model(cls, given).model_json_schema(), meaning)


def _closed(name: str, settings: Schema, meaning: str) -> Schema:
    """One plug-in: its name, and its hyperparameters but no other key."""
    properties = {"name": {"const": name}} | settings.get("properties", {})
    return {
        "type": "object",
        "description": meaning,
        "properties": properties,
        "required": ["name", *settings.get("required", ())],
        "additionalProperties": False,
        "$defs": settings.get("$defs", {}),
    }


def _free(allowed: Iterable[str], meaning: str) -> Schema:
    """Plug-ins whose settings others check."""
    return {
        "type": "object",
        "description": meaning,
        "properties": {"name": {"enum": list(allowed)}},
        "required": ["name"],
    }


def _first_line(cls: type) -> str:
    lines = (cls.__doc__ or "").strip().splitlines()
    return lines[0] if lines else cls.__name__


def _untitled(part: Any, top: bool = True) -> Any:
    """Drop the titles pydantic derives from names; they say nothing more."""
    if isinstance(part, list):
        return [_untitled(item, False) for item in part]
    if not isinstance(part, dict):
        return part
    return {
        key: _untitled(value, False)
        for key, value in part.items()
        if top or not (key == "title" and isinstance(value, str))
    }
