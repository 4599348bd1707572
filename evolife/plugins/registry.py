"""What there is by name, and what a config's names stand for."""

import ast
import functools
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evolife import selection
from evolife.config.model import Located, RunConfig
from evolife.config.validation import locate
from evolife.errors import InvalidInput
from evolife.plugins.files import KINDS, load, names, plugin_errors, summary, unknown
from evolife.plugins.hyperparameters import from_choice, resolved_choice
from evolife.plugins.wrap import wrapped

if TYPE_CHECKING:
    from evolife.base import Agent, Environment

__all__ = [
    "KINDS",
    "build_agent",
    "build_environment",
    "check_fit",
    "check_name",
    "from_choice",
    "load",
    "names",
    "resolved_choice",
    "resolved_config",
    "selection_names",
    "selection_summaries",
    "strategy_names",
    "summary",
]

_GIVEN = {"agent": ("spec",), "selection": ("shape", "parameters")}


@functools.cache
def strategy_names() -> tuple[str, ...]:
    """Our ``low_rank`` and every algorithm of evosax, by evosax's names."""
    return ("low_rank", *(_evosax_names() or _imported_evosax_names()))


def selection_names() -> tuple[str, ...]:
    """``native``, the strategy's own, ``learned``, and every shaping."""
    return tuple(selection_summaries())


@functools.cache
def selection_summaries() -> dict[str, str]:
    """What each selection is, in a line."""
    special = {
        "native": "the strategy's own shaping",
        "learned": "An operator that evolife meta trained: operator: FILE or name",
    }
    source = Path(selection.__file__).parent / "shaping.py"
    tree = ast.parse(source.read_bytes())
    meanings = {
        statement.name: (ast.get_docstring(statement) or "").split("\n")[0]
        for statement in tree.body
        if isinstance(statement, ast.ClassDef)
    }
    return special | {key: meanings[cls] for key, cls in _table(tree, "SHAPINGS")}


def check_name(section: str, config: Located, allowed: Sequence[str]) -> str:
    """The name that a section gives, if it is one of ``allowed``.

    Raises:
        InvalidInput: names where it was written, what is allowed and what is closest.
    """
    name: str = getattr(config, section).name
    if name not in allowed:
        place = locate(config.origins, (section, "name"), name)
        raise InvalidInput(f"{place}: {unknown(name, allowed)}")
    return name


def build_environment(config: RunConfig) -> "Environment":
    """The environment of a run, checked against the length of its lives.

    Raises:
        InvalidInput: for an unknown name, hyperparameters that do not suit, or lives
            that make no sense in it.
    """
    cls = _plugin_class("envs", "env", config)
    environment = wrapped(from_choice("env", cls, config), config)
    what = f"{config.origins.of(('env',))}: env '{config.env.name}'"
    with plugin_errors(what, _file("envs", config.env.name, config), refusal=True):
        environment.check(config.lifetime.steps)
    return environment


def build_agent(config: RunConfig, environment: "Environment") -> "Agent":
    """The agent of a run, sized for ``environment``.

    Raises:
        InvalidInput: for an unknown name, hyperparameters that do not suit, or an
            agent that refuses the environment's spaces.
    """
    what = f"{config.origins.of(('env',))}: env '{config.env.name}'"
    with plugin_errors(what, _file("envs", config.env.name, config), refusal=True):
        spec = environment.spec
    cls = _plugin_class("agents", "agent", config)
    agent: Agent = from_choice("agent", cls, config, spec=spec)
    return agent


def check_fit(agent: "Agent", environment: "Environment") -> None:
    """Check abstractly, without running either, that both keep their contracts.

    Raises:
        InvalidInput: names both, the method and the leaf that is wrong.
    """
    from evolife.plugins import fit

    fit.check_fit(agent, environment)


def resolved_config(config: RunConfig, **instances: Any) -> RunConfig:
    """The config with the defaults of its plug-ins written out.

    ``instances`` are what was built, by section: ``env=environment, agent=agent``.
    """
    choices = {
        section: resolved_choice(
            getattr(config, section).name, instance, _GIVEN.get(section, ())
        )
        for section, instance in instances.items()
    }
    return config.model_copy(update=choices)


def _plugin_class(kind: str, section: str, config: RunConfig) -> type:
    name = check_name(section, config, tuple(names(kind, config.plugins)))
    return load(kind, name, config.plugins)


def _file(kind: str, name: str, config: RunConfig) -> Path:
    return names(kind, config.plugins).get(name, Path(name))


def _evosax_names() -> tuple[str, ...]:
    """Keys of evosax's two tables, read from its files; nothing where they moved."""
    spec = importlib.util.find_spec("evosax")
    folders = (spec.submodule_search_locations if spec else None) or ()
    found: list[str] = []
    for kind in ("distribution_based", "population_based"):
        for folder in folders:
            file = Path(folder) / "algorithms" / kind / "__init__.py"
            if not file.is_file():
                return ()
            pairs = _table(ast.parse(file.read_bytes()), f"{kind}_algorithms")
            found += [key for key, _ in pairs]
    return tuple(found)


def _table(tree: ast.Module, name: str) -> list[tuple[str, str]]:
    """Keys and values, as written, of the dict that a module assigns to ``name``."""
    for statement in tree.body:
        targets = getattr(statement, "targets", [getattr(statement, "target", None)])
        value = getattr(statement, "value", None)
        named = any(isinstance(t, ast.Name) and t.id == name for t in targets)
        if named and isinstance(value, ast.Dict):
            pairs = zip(value.keys, value.values, strict=True)
            return [
                (str(k.value), ast.unparse(v))
                for k, v in pairs
                if isinstance(k, ast.Constant)
            ]
    return []


def _imported_evosax_names() -> tuple[str, ...]:
    from evosax.algorithms import algorithms

    return tuple(algorithms)
