"""What a config's names stand for."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evolife.config.located import Located
from evolife.config.model import RunConfig
from evolife.config.validation import locate
from evolife.errors import InvalidInput
from evolife.plugins.files import Plugin, find, load, plugin_errors, unknown
from evolife.plugins.files import names as names
from evolife.plugins.hyperparameters import from_choice, resolved_choice
from evolife.plugins.kinds import KINDS
from evolife.plugins.wrappers import wrapped

if TYPE_CHECKING:
    from evolife.base import Agent, Environment


def chosen(kind: str, config: Located, plugins: Sequence[str] = ()) -> Plugin:
    """What the name in the config's section for ``kind`` stands for.

    Raises:
        InvalidInput: names where it was written, what is allowed and what is closest.
    """
    section, known = KINDS[kind].section, find(kind, plugins)
    name: str = getattr(config, section).name
    if name not in known:
        place = locate(config.origins, (section, "name"), name)
        raise InvalidInput(f"{place}: {unknown(name, tuple(known))}")
    return known[name]


def build(kind: str, config: Located, plugins: Sequence[str] = (), **given: Any) -> Any:
    """The plug-in of a config's section for ``kind``; ``given`` are its other fields.

    Raises:
        InvalidInput: for an unknown name, a broken file, or hyperparameters that do
            not suit.
    """
    chosen(kind, config, plugins)
    section = KINDS[kind].section
    cls = load(kind, getattr(config, section).name, plugins)
    return from_choice(section, cls, config, **given)


def build_environment(config: RunConfig) -> "Environment":
    """The environment of a run, checked against the length of its lives.

    Raises:
        InvalidInput: for an unknown name, hyperparameters that do not suit, or lives
            that make no sense in it.
    """
    environment = wrapped(build("envs", config, config.plugins), config)
    with plugin_errors(*_environment(config), refusal=True):
        environment.check(config.lifetime.steps)
    return environment


def build_agent(config: RunConfig, environment: "Environment") -> "Agent":
    """The agent of a run, sized for ``environment``.

    Raises:
        InvalidInput: for an unknown name, hyperparameters that do not suit, or an
            agent that refuses the environment's spaces.
    """
    with plugin_errors(*_environment(config), refusal=True):
        spec = environment.spec
    agent: Agent = build("agents", config, config.plugins, spec=spec)
    return agent


def resolved_config(config: RunConfig, **instances: Any) -> RunConfig:
    """The config with the defaults of its plug-ins written out.

    ``instances`` are what was built, by section: ``env=environment, agent=agent``.
    """
    choices = {
        section: resolved_choice(getattr(config, section).name, instance)
        for section, instance in instances.items()
    }
    return config.model_copy(update=choices)


def _environment(config: RunConfig) -> tuple[str, Path]:
    """What messages call the config's environment, and its file."""
    name = config.env.name
    path = find("envs", config.plugins)[name].path or Path(name)
    return f"{config.origins.of(('env',))}: env '{name}'", path
