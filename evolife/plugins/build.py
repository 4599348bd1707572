"""All that a config describes, built and checked once, before anything is lived."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax

from evolife import keys
from evolife.base import Agent, Environment, Genome, Selection, Strategy
from evolife.config.model import Choice, Evolution, RunConfig
from evolife.config.validation import locate
from evolife.engine.experiment import Experiment
from evolife.engine.settings import Settings
from evolife.engine.tiles import auto_tile
from evolife.envs.wrappers import innermost
from evolife.errors import InvalidInput
from evolife.plugins import registry
from evolife.plugins.fit import check_fit
from evolife.strict_json import plain


@dataclasses.dataclass(frozen=True)
class BuiltRun:
    """A config, and what it stands for."""

    config: RunConfig
    """Resolved: every default written out."""
    experiment: Experiment


def build_run(config: RunConfig) -> BuiltRun:
    """Build and check everything the config names.

    Raises:
        InvalidInput: for anything that does not exist or does not fit together.
    """
    environment = registry.build_environment(config)
    agent = registry.build_agent(config, environment)
    check_fit(agent, environment)
    selection = build_selection(config)
    judge = _judge(config)
    size, generations = config.population.size, config.generations
    strategy = build_strategy(config, agent, selection, size, generations)
    tile = tile_of(config, strategy, agent, environment)
    settings = settings_of(config, tile)
    resolved = _resolved(config, tile, agent, environment, strategy, selection)
    experiment = Experiment(agent, environment, strategy, settings, judge)
    return BuiltRun(resolved, experiment)


def settings_of(config: Evolution, tile: int) -> Settings:
    """The config's numbers, as the engine takes them."""
    lifetime, best, record = config.lifetime, config.best_of_k, config.record
    return Settings(
        seed=config.seed,
        generations=config.generations,
        steps=lifetime.steps,
        population=config.population.size,
        tile=tile,
        lives=lifetime.lives,
        same_lives=lifetime.same_lives,
        bins=lifetime.bins,
        keep=best.keep,
        held_out_lives=best.lives,
        archive=best.archive,
        details_every=record.every,
        validate_every=record.validate_every,
        validate_lives=record.validate_lives,
    )


def tile_of(
    config: Evolution, strategy: Strategy, agent: Agent, environment: Environment
) -> int:
    """Members that one program lives, as the config says or as suits them.

    Raises:
        InvalidInput: it is larger than the population.
    """
    size, tile = config.population.size, config.population.tile
    if tile == "auto":
        return auto_tile(size, strategy, agent, environment)
    if tile > size:
        raise InvalidInput(
            f"population.tile = {tile}: a tile holds at most the {size} members of "
            "population.size; use a smaller one, or auto"
        )
    return tile


def _resolved(
    config: RunConfig,
    tile: int,
    agent: Agent,
    environment: Environment,
    strategy: Strategy,
    selection: Selection | None,
) -> RunConfig:
    """Write out every default, those of plug-ins too."""
    chosen = {"env": innermost(environment), "agent": agent, "selection": selection}
    given = {section: plugin for section, plugin in chosen.items() if plugin}
    resolved = registry.resolved_config(config, **given)
    population = config.population.model_copy(update={"tile": tile})
    searched = {"name": config.strategy.name, **plain(strategy.described())}
    written = {"strategy": Choice.model_validate(searched), "population": population}
    return resolved.model_copy(update=written)


def build_selection(config: Evolution) -> Selection | None:
    """The selection that a config's section names; None for the strategy's own.

    Raises:
        InvalidInput: for an unknown name or settings that do not suit.
    """
    if registry.chosen("selections", config, config.plugins).path is None:
        registry.from_choice("selection", _Native, config)
        return None
    selection: Selection = registry.build("selections", config, config.plugins)
    return selection


@dataclasses.dataclass(frozen=True)
class _Native:
    """The strategy's own shaping takes no settings."""


def _judge(config: RunConfig) -> Selection | None:
    """The operator that says who goes on in the tournament, if the config names one."""
    from evolife.selection.shaping.learned import Learned

    file = config.best_of_k.operator
    try:
        return Learned(file) if file else None
    except ValueError as refusal:
        place = locate(config.origins, ("best_of_k", "operator"), file)
        raise InvalidInput(f"{place}: {refusal}") from refusal


def build_strategy(
    config: Evolution,
    agent: Agent,
    selection: Selection | None,
    size: int,
    generations: int,
) -> Strategy:
    """The strategy that a config's section names, over genomes of ``agent``.

    Raises:
        InvalidInput: for an unknown name, settings that do not suit, or a population of
            ``size`` or a genome that the strategy refuses.
    """
    name, plugins = config.strategy.name, config.plugins
    if registry.chosen("strategies", config, plugins).path is None:
        from evolife.strategies.evosax import strategy as evosax

        settings, template = config.strategy.settings, _template(agent)
        return evosax.build(name, size, settings, selection, template, generations)
    cls = registry.load("strategies", name, plugins)
    given = strategy_fields(cls, agent, selection, size, plugins)
    strategy: Strategy = registry.build("strategies", config, plugins, **given)
    return strategy


def strategy_fields(
    cls: type[Strategy],
    agent: Agent,
    selection: Selection | None,
    size: int,
    plugins: Sequence[str] = (),
) -> dict[str, Any]:
    """The fields of a strategy that no config sets, for genomes of ``agent``.

    Without a selection the strategy gets the one that it calls its native.
    """
    if selection is None and cls.native is not None:
        selection = registry.load("selections", cls.native, plugins)()
    return {
        "population_size": size,
        "template": _template(agent),
        "selection": selection,
    }


def _template(agent: Agent) -> Genome:
    return jax.eval_shape(agent.init_genome, keys.root_key(0))
