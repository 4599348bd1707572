"""Wrappers around an environment, as ``wrap`` lists them, innermost first."""

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evolife.config.model import RunConfig
from evolife.config.validation import locate, validated
from evolife.errors import InvalidInput
from evolife.plugins.files import load, names, plugin_errors, unknown
from evolife.plugins.hyperparameters import settings_model

if TYPE_CHECKING:
    from evolife.base import Environment


def setting(cls: type) -> str:
    """The one hyperparameter that a wrapper's value in a config sets.

    Raises:
        InvalidInput: it has none, or several.
    """
    fields = tuple(settings_model(cls).model_fields)
    if len(fields) != 1:
        raise InvalidInput(
            f"{inspect.getfile(cls)}: {cls.__name__} has the hyperparameters "
            f"{', '.join(fields) or 'none'}; a wrapper needs one, which its value in a "
            "config sets"
        )
    return fields[0]


def wrapped(environment: "Environment", config: RunConfig) -> "Environment":
    """Put the config's wrappers around ``environment``, the first one innermost.

    Raises:
        InvalidInput: for an unknown wrapper, or a value that does not suit it.
    """
    for place, entry in enumerate(config.wrap):
        environment = _wrapped(environment, config, place, entry)
    return environment


def _wrapped(
    environment: "Environment", config: RunConfig, place: int, entry: dict[str, Any]
) -> "Environment":
    known = names("wrappers", config.plugins)
    if len(entry) != 1:
        where = locate(config.origins, ("wrap", place), entry)
        raise InvalidInput(f"{where}: must be one wrapper and its value, {_EXAMPLE}")
    ((name, value),) = entry.items()
    if name not in known:
        where = locate(config.origins, ("wrap", place), entry)
        raise InvalidInput(f"{where}: {unknown(name, known)}")
    cls = load("wrappers", name, config.plugins)
    model, key, prefix = settings_model(cls), setting(cls), ("wrap", place)
    found = validated(model, {key: value}, config.origins, prefix=(*prefix, name))
    what = f"{config.origins.of(prefix)}: wrap '{name}'"
    with plugin_errors(what, Path(inspect.getfile(cls)), refusal=True):
        around: Environment = cls(environment, getattr(found, key))
    return around


_EXAMPLE = "as in [{delay_reward: 20}, {hide: [1, 3]}]"
