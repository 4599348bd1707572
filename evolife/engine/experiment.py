"""An agent, an environment, a strategy and numbers, made ready to evolve."""

import dataclasses
import functools
from typing import Any

import jax

from evolife import keys, perturbations
from evolife.base import Agent, Environment, Genome, Selection, Strategy, StrategyState
from evolife.engine.ablation import ablatable
from evolife.engine.archive import Archive
from evolife.engine.evaluator import Evaluator
from evolife.engine.grid import Grid, lives_block
from evolife.engine.settings import Settings


@dataclasses.dataclass(frozen=True)
class Experiment:
    """An agent in an environment under a strategy; compiled when first lived."""

    agent: Agent
    environment: Environment
    strategy: Strategy
    settings: Settings
    judge: Selection | None = None
    """Says who goes on in the tournament; None: the mean of the lives."""

    @functools.cached_property
    def evaluator(self) -> Evaluator:
        """Lives the members that a proposal of the strategy stands for."""
        return self._evaluator(skip=True)

    @functools.cached_property
    def grid(self) -> Grid:
        """A generation, cut into units of work."""
        numbers = self.settings
        block = lives_block(numbers.lives, numbers.tile, numbers.steps)
        members = tuple(range(numbers.population))
        return Grid(members, range(numbers.lives), numbers.tile, block)

    @functools.cached_property
    def champions(self) -> Evaluator:
        """Lives stacked genomes that are ``switched``, all in the same lives."""
        return self._stacked(ablatable(self.agent), self.settings.steps)

    def stacked(self, steps: int) -> Evaluator:
        """Lives genomes stacked along a leading axis, for ``steps`` steps."""
        return self._stacked(self.agent, steps)

    def lasting(self) -> Evaluator:
        """The same members, but no life is cut short when nothing can be earned."""
        return self._evaluator(skip=False)

    def newborn(self) -> StrategyState:
        """The strategy's state before the first generation."""
        key = jax.random.fold_in(keys.root_key(self.settings.seed), 0)
        return jax.jit(self.strategy.init, static_argnums=1)(
            key, self.agent.init_genome
        )

    def template(self) -> Genome:
        """Shapes and dtypes of a genome."""
        return jax.eval_shape(self.agent.init_genome, keys.root_key(0))

    def empty_archive(self) -> Archive:
        """Places for as many candidates as the settings say."""
        return Archive.empty(self.template(), self.settings.archive)

    def materialised(self) -> Any:
        """Compile ``(proposal, index) -> genome`` with every matrix written out."""

        def member(proposal: Any, index: Any) -> Genome:
            return perturbations.materialise(self.strategy.member(proposal, index))

        return jax.jit(member)

    def _evaluator(self, skip: bool) -> Evaluator:
        numbers = self.settings
        return Evaluator(
            self.agent,
            self.environment,
            self.strategy.member,
            numbers.steps,
            numbers.bins,
            numbers.same_lives,
            skip,
        )

    def _stacked(self, agent: Agent, steps: int) -> Evaluator:
        def pick(stack: Any, index: Any) -> Genome:
            return jax.tree.map(lambda leaf: leaf[index], stack)

        bins = self.settings.bins
        return Evaluator(agent, self.environment, pick, steps, bins, same_lives=True)
