"""All that a config describes, built and checked once, before anything is lived."""

import dataclasses
from typing import Any

import jax

from evolife import keys, noise
from evolife.base import Agent, Environment, Genome, Selection, Strategy, StrategyState
from evolife.config.model import Choice, RunConfig
from evolife.engine.ablation import ablatable
from evolife.engine.archive import Archive
from evolife.engine.evaluator import Population
from evolife.engine.grid import Grid, lives_block
from evolife.engine.tiles import auto_tile
from evolife.envs.wrappers.wrapper import innermost
from evolife.errors import InvalidInput
from evolife.plugins import registry


@dataclasses.dataclass(frozen=True)
class Experiment:
    """An agent in an environment under a strategy, ready to evolve."""

    config: RunConfig
    """Resolved: every default written out."""
    agent: Agent
    environment: Environment
    strategy: Strategy
    population: Population
    grid: Grid
    champions: Population
    """Lives stacked genomes that are ``switched``, all of them in the same lives."""
    judge: Selection | None = None
    """Says who goes on in the tournament; None: the mean of the lives."""

    def newborn(self) -> StrategyState:
        """The strategy's state before the first generation."""
        key = jax.random.fold_in(keys.root_key(self.config.seed), 0)
        return jax.jit(self.strategy.init, static_argnums=1)(
            key, self.agent.init_genome
        )

    def template(self) -> Genome:
        """Shapes and dtypes of a genome."""
        return jax.eval_shape(self.agent.init_genome, keys.root_key(0))

    def empty_archive(self) -> Archive:
        """Places for as many candidates as the config says."""
        return Archive.empty(self.template(), self.config.best_of_k.archive)

    @property
    def steps_per_generation(self) -> int:
        """Environment steps lived in one generation."""
        config = self.config
        lives = config.population.size * config.lifetime.lives
        return lives * config.lifetime.steps


def build(config: RunConfig) -> Experiment:
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
    strategy = build_strategy(config, agent, selection)
    tile = _tile(config, strategy, agent, environment)
    resolved = _resolved(config, tile, agent, environment, strategy, selection)
    population = _population(config, agent, environment, strategy)
    able, steps = ablatable(agent), config.lifetime.steps
    champions = _champions(config, able, environment, steps)
    lifetime = config.lifetime
    block = lives_block(lifetime.lives, tile, lifetime.steps)
    members = tuple(range(config.population.size))
    grid = Grid(members, range(lifetime.lives), tile, block)
    return Experiment(
        resolved, agent, environment, strategy, population, grid, champions, judge
    )


def _population(
    config: RunConfig,
    agent: Agent,
    environment: Environment,
    strategy: Strategy,
    skip: bool = True,
) -> Population:
    lifetime = config.lifetime
    return Population(
        agent,
        environment,
        strategy.member,
        lifetime.steps,
        lifetime.bins,
        lifetime.same_lives,
        skip,
    )


def lasting_population(experiment: Experiment) -> Population:
    """The same population, but no life is cut short when nothing can be earned."""
    return _population(
        experiment.config,
        experiment.agent,
        experiment.environment,
        experiment.strategy,
        skip=False,
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


def build_selection(config: RunConfig) -> Selection | None:
    """The config's selection; None for the strategy's own.

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


def _operator(config: RunConfig, path: tuple[str, ...], file: str) -> Selection:
    """A trained operator, or a refusal that says where it was asked for."""
    from evolife.config.validation import locate
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
    config: RunConfig, agent: Agent, selection: Selection | None
) -> Strategy:
    """The config's strategy over genomes of ``agent``.

    Raises:
        InvalidInput: for an unknown name, settings that do not suit, or a population or
            genome that the strategy refuses.
    """
    from evolife.selection.shaping import CenteredRank
    from evolife.strategies.low_rank import LowRank, LowRankStrategy

    template = jax.eval_shape(agent.init_genome, keys.root_key(0))
    size = config.population.size
    name = registry.check_name("strategy", config, registry.strategy_names())
    if name == LowRankStrategy.name:
        settings = registry.from_choice("strategy", LowRank, config)
        return LowRankStrategy(settings, size, selection or CenteredRank(), template)
    from evolife.strategies import evosax

    given = config.strategy.settings
    return evosax.build(name, size, given, selection, template, config.generations)


def champion_population(experiment: Experiment, steps: int) -> Population:
    """Lives genomes stacked along a leading axis for ``steps`` steps."""
    config = experiment.config
    return _champions(config, experiment.agent, experiment.environment, steps)


def _champions(
    config: RunConfig, agent: Agent, environment: Environment, steps: int
) -> Population:
    def pick(stack: Any, index: Any) -> Genome:
        return jax.tree.map(lambda leaf: leaf[index], stack)

    bins = config.lifetime.bins
    return Population(agent, environment, pick, steps, bins, same_lives=True)


def materialised(experiment: Experiment) -> Any:
    """Compile ``(proposal, index) -> genome`` with every matrix written out."""

    def member(proposal: Any, index: Any) -> Genome:
        return noise.materialise(experiment.strategy.member(proposal, index))

    return jax.jit(member)
