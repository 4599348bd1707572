"""Configs and settings as Python gives them: names, paths, mappings and keywords."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evolife.config.layers import Layer
from evolife.config.located import Config, Located, load, overlaid
from evolife.config.model import RunConfig
from evolife.config.plugin_folders import Folder, folders
from evolife.config.yaml_file import read_yaml
from evolife.errors import InvalidInput

Source = str | os.PathLike[str] | Mapping[str, Any]
"""A bundled config's name, the path of a YAML file, or the config as plain data."""
Override = str | Mapping[str, Any]
"""``"agent.hidden=64"`` as on the command line, or ``{"agent.hidden": 64}``."""


def override_texts(
    overrides: Sequence[Override], settings: Mapping[str, Any]
) -> list[str]:
    """Write all changes as ``key=value``, in their order, keywords last.

    A keyword's ``__`` stands for a dot: ``agent__hidden=64`` is ``agent.hidden=64``.

    Raises:
        InvalidInput: a value is nothing that a YAML file could say.
    """
    texts = []
    for override in overrides:
        if isinstance(override, Mapping):
            texts += [_text(key, value) for key, value in override.items()]
        elif isinstance(override, str):
            texts.append(override)
        else:
            raise InvalidInput(
                f"override {override!r}: must be text such as 'seed=3', or a mapping "
                "such as {'agent.hidden': 64}"
            )
    return texts + [_text(k.replace("__", "."), v) for k, v in settings.items()]


def config_of(
    model: type[Config],
    source: Source | Config,
    overrides: Sequence[str],
    plugins: Folder | Sequence[Folder] = (),
) -> Config:
    """The config from wherever it is, with ``overrides`` laid over it.

    Raises:
        InvalidInput: one line for each thing that is wrong.
    """
    named = folders(plugins)
    if isinstance(source, str | os.PathLike):
        return load(model, os.fspath(source), overrides, named)
    return overlaid(model, Layer(plain_data(source, model)), overrides, named)


def run_config(
    source: Source | RunConfig,
    overrides: Sequence[str],
    plugins: Folder | Sequence[Folder] = (),
) -> RunConfig:
    """The config of a run, see :func:`config_of`."""
    return config_of(RunConfig, source, overrides, plugins)


def environment_override(env: Source) -> str:
    """``env={...}``, from a name, a mapping, such a mapping in YAML, or a YAML file.

    Raises:
        InvalidInput: the file cannot be read, or a number in it is not finite.
    """
    if isinstance(env, Mapping):
        return _text("env", env)
    text = os.fspath(env)
    if text.lstrip().startswith("{"):
        return f"env={text}"
    path = Path(text)
    if not (path.suffix or path.is_file()):
        return f"env={{name: {text}}}"
    data = read_yaml(path).data
    try:
        return f"env={json.dumps(data.get('env', data), allow_nan=False)}"
    except ValueError as error:
        raise InvalidInput(f"{path}: every number must be finite") from error


def plain_data(source: Any, model: type[Located]) -> dict[str, Any]:
    """The config as a YAML file would hold it.

    Raises:
        InvalidInput: it holds what no YAML file could.
    """
    if isinstance(source, model):
        return source.model_dump(mode="json", by_alias=True)
    if not isinstance(source, Mapping):
        raise InvalidInput(
            f"config {source!r}: must be a bundled config's name, the path of a YAML "
            f"file, a mapping, or a {model.__name__}"
        )
    try:
        found: dict[str, Any] = json.loads(json.dumps(dict(source), default=_plain))
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"the config is not plain data: {_unplain(source)}; name agents and "
            "environments by their files, env={'name': 'coin', 'bias': 0.4} with "
            "plugins=[FOLDER] for FOLDER/envs/coin.py, and give numbers, text, truth "
            "values, None, and lists and mappings of them"
        ) from error
    return found


def _unplain(value: Any, place: str = "") -> str:
    """What of a config no YAML file could say, and where it stands."""
    if isinstance(value, Mapping):
        parts = [(f"{place}.{key}".lstrip("."), part) for key, part in value.items()]
        if odd := [key for key in value if not isinstance(key, str)]:
            return f"the key {odd[0]!r} of {place or 'the config'} is not text"
    elif isinstance(value, list | tuple):
        parts = [(f"{place}[{i}]", part) for i, part in enumerate(value)]
    else:
        return f"{place} is a {type(value).__name__}"
    for where, part in parts:
        try:
            json.dumps(part, default=_plain)
        except (TypeError, ValueError):
            return _unplain(part, where)
    return f"{place or 'it'} holds itself"


def _text(key: Any, value: Any) -> str:
    try:
        said = json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"{key} = {value!r}: must be finite numbers, text, truth values, None, or "
            f"lists and mappings of them ({error})"
        ) from error
    return f"{key}={said}"


def _plain(value: Any) -> Any:
    """What JSON does not know: NumPy's numbers and arrays, and paths."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"a {type(value).__name__} is not a plain value")
