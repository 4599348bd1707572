"""All that a config describes, built and checked once, before anything is lived."""

import dataclasses

import jax

from evolife import keys
from evolife.base import Agent, Environment, Selection, Strategy
from evolife.config.model import Choice, Located, RunConfig, Search
from evolife.config.validation import locate
from evolife.engine.experiment import Experiment
from evolife.engine.settings import Settings
from evolife.engine.tiles import auto_tile
from evolife.envs.wrappers.wrapper import innermost
from evolife.errors import InvalidInput
from evolife.plugins import registry


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
    registry.check_fit(agent, environment)
    selection = build_selection(config)
    best = config.best_of_k.operator
    judge = _operator(config, ("best_of_k", "operator"), best) if best else None
    size, generations = config.population.size, config.generations
    strategy = build_strategy(config, agent, selection, size, generations)
    tile = _tile(config, strategy, agent, environment)
    settings = _settings(config, tile)
    resolved = _resolved(config, tile, agent, environment, strategy, selection)
    experiment = Experiment(agent, environment, strategy, settings, judge)
    return BuiltRun(resolved, experiment)


def _settings(config: RunConfig, tile: int) -> Settings:
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


def _tile(
    config: RunConfig, strategy: Strategy, agent: Agent, environment: Environment
) -> int:
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
    name = config.strategy.name
    settings = Choice.model_validate({"name": name, **strategy.described()})
    population = config.population.model_copy(update={"tile": tile})
    return resolved.model_copy(update={"strategy": settings, "population": population})


def build_selection(config: RunConfig | Search) -> Selection | None:
    """The selection that a config's section names; None for the strategy's own.

    Raises:
        InvalidInput: for an unknown name or settings that do not suit.
    """
    from evolife.selection.shaping import SHAPINGS

    name = registry.check_name("selection", config, registry.selection_names())
    if name == "native":
        registry.from_choice("selection", _Native, config)
        return None
    if name == "learned":
        file = registry.from_choice("selection", _Learned, config).operator
        return _operator(config, ("selection", "operator"), file)
    selection: Selection = registry.from_choice("selection", SHAPINGS[name], config)
    return selection


def _operator(config: Located, path: tuple[str, ...], file: str) -> Selection:
    """A trained operator, or a refusal that says where it was asked for."""
    from evolife.selection.operator_file import load

    try:
        return load(file)[0]
    except InvalidInput as refusal:
        place = locate(config.origins, path, file)
        raise InvalidInput(f"{place}: {refusal}") from refusal


@dataclasses.dataclass(frozen=True)
class _Learned:
    """What a config says of a trained operator."""

    operator: str
    """Name of a bundled operator, or the file that evolife meta wrote."""


@dataclasses.dataclass(frozen=True)
class _Native:
    """The strategy's own shaping takes no settings."""


def build_strategy(
    config: RunConfig | Search,
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
    from evolife.selection.shaping import CenteredRank
    from evolife.strategies.low_rank import LowRank, LowRankStrategy

    template = jax.eval_shape(agent.init_genome, keys.root_key(0))
    name = registry.check_name("strategy", config, registry.strategy_names())
    if name == LowRankStrategy.name:
        settings = registry.from_choice("strategy", LowRank, config)
        return LowRankStrategy(settings, size, selection or CenteredRank(), template)
    from evolife.strategies.evosax import strategy as evosax

    return evosax.build(
        name, size, config.strategy.settings, selection, template, generations
    )
