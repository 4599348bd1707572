"""Wrappers around an environment, as ``wrap`` lists them, innermost first."""

import dataclasses
import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evolife.config.model import RunConfig
from evolife.config.validation import locate, validated
from evolife.envs import wrappers
from evolife.errors import InvalidInput, nearest
from evolife.plugins.files import plugin_errors
from evolife.plugins.hyperparameters import settings_model

if TYPE_CHECKING:
    from evolife.base import Environment

_BASE = "wrapper"


def wrapper_names() -> tuple[str, ...]:
    """The wrappers there are, by their files."""
    folder = Path(wrappers.__file__).parent
    found = (path.stem for path in folder.glob("[a-z]*.py"))
    return tuple(sorted(name for name in found if name != _BASE))


def wrapper_class(name: str) -> type:
    """The class of a wrapper: ``DelayReward`` in ``delay_reward.py``."""
    module = importlib.import_module(f"evolife.envs.wrappers.{name}")
    found: type = getattr(module, name.title().replace("_", ""))
    return found


def setting(cls: type) -> str:
    """The one hyperparameter that a wrapper's value in a config sets."""
    names = [field.name for field in dataclasses.fields(cls) if field.name != "inner"]
    return names[0]


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
    names = wrapper_names()
    if len(entry) != 1:
        where = locate(config.origins, ("wrap", place), entry)
        raise InvalidInput(f"{where}: must be one wrapper and its value, {_EXAMPLE}")
    ((name, value),) = entry.items()
    if name not in names:
        where = locate(config.origins, ("wrap", place), entry)
        allowed = f"there are: {', '.join(names)}{nearest(name, names)}"
        raise InvalidInput(f"{where}: no such wrapper; {allowed}")
    cls = wrapper_class(name)
    model, key, prefix = settings_model(cls, ("inner",)), setting(cls), ("wrap", place)
    found = validated(model, {key: value}, config.origins, prefix=(*prefix, name))
    what = f"{config.origins.of(prefix)}: wrap '{name}'"
    with plugin_errors(what, Path(f"{name}.py"), refusal=True):
        around: Environment = cls(environment, getattr(found, key))
    return around


_EXAMPLE = "as in [{delay_reward: 20}, {hide: [1, 3]}]"
