"""The JSON Schema of a config, with every plug-in's hyperparameters."""

from collections.abc import Iterator, Sequence
from typing import Any

from evolife.config.model import RunConfig
from evolife.plugins.files import find, load, summary
from evolife.plugins.hyperparameters import settings_model
from evolife.plugins.kinds import KINDS
from evolife.plugins.wrappers import setting

Schema = dict[str, Any]


def json_schema(plugins: Sequence[str] = ()) -> Schema:
    """JSON Schema (2020-12) of a config, for editors and checks; imports JAX.

    ``plugins`` are folders of plug-ins beside those that come with evolife.

    Raises:
        InvalidInput: if a plug-in cannot be imported, as without gymnax.
    """
    schema = RunConfig.model_json_schema()
    variants = {
        "env": [*_files("envs", plugins)],
        "agent": [*_files("agents", plugins)],
        "strategy": [*_strategies(plugins)],
        "selection": [*_selections(plugins)],
    }
    definitions: Schema = schema["$defs"]
    for section, options in variants.items():
        for option in options:
            definitions |= option.pop("$defs", {})
        described = schema["properties"][section]
        kept = {k: described[k] for k in ("description", "default") if k in described}
        schema["properties"][section] = kept | {"anyOf": options}
    del definitions["Choice"]
    schema["properties"]["wrap"]["items"] = {"anyOf": [*_wrappers(plugins)]}
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return _untitled(head | schema | {"title": "evolife config"})


def _files(kind: str, plugins: Sequence[str]) -> Iterator[Schema]:
    """Those of a kind that are files."""
    for name, plugin in find(kind, plugins).items():
        if plugin.path is not None:
            settings = settings_model(load(kind, name, plugins)).model_json_schema()
            yield _closed(name, settings, summary(plugin))


def _strategies(plugins: Sequence[str]) -> Iterator[Schema]:
    yield from _files("strategies", plugins)
    # evosax itself checks the settings of its algorithms.
    yield {
        "type": "object",
        "description": "algorithm of evosax",
        "properties": {"name": {"enum": [*KINDS["strategies"].others()]}},
        "required": ["name"],
    }


def _selections(plugins: Sequence[str]) -> Iterator[Schema]:
    yield from _files("selections", plugins)
    for name, meaning in KINDS["selections"].others().items():
        yield _closed(name, {}, meaning)


def _wrappers(plugins: Sequence[str]) -> Iterator[Schema]:
    for name, plugin in find("wrappers", plugins).items():
        cls = load("wrappers", name, plugins)
        fields = settings_model(cls).model_json_schema()["properties"]
        yield {
            "type": "object",
            "description": summary(plugin),
            "properties": {name: fields[setting(cls)]},
            "required": [name],
            "additionalProperties": False,
        }


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
