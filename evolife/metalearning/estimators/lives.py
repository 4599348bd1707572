"""One-step selection regret in evolutions of real agents that go on meanwhile."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from annotated_types import Ge, Len

from evolife.base import Array, Key, LifeStatistics, StrategyState
from evolife.config.located import config_digest
from evolife.config.model import load_config
from evolife.engine import lifetime
from evolife.engine.experiment import Experiment
from evolife.engine.fitness import worst_for_nonfinite
from evolife.errors import InvalidInput
from evolife.keys import life_key, root_key
from evolife.metalearning.estimators.regret import (
    Witness,
    regret,
    weights_seen,
    worth_of_best,
)
from evolife.metalearning.gradient_estimator import GradientEstimator
from evolife.metalearning.tasks.episodes import choose, with_operator
from evolife.plugins.build import BuiltRun, build_run, build_strategy
from evolife.selection import features
from evolife.selection import operator as operators
from evolife.selection.operator import Architecture, Operator
from evolife.selection.shaping.learned import Learned


def watched(
    config: str, overrides: Sequence[str], shape: Architecture, obeyed: bool = True
) -> BuiltRun:
    """A config, built with a witness for its selection, whatever the config says.

    Raises:
        InvalidInput: for anything that does not exist or does not fit together.
    """
    # Also where the caller is being traced: evosax computes constants when it is built.
    with jax.ensure_compile_time_eval():
        built = build_run(load_config(config, tuple(overrides)))
        experiment, settings = built.experiment, built.experiment.settings
        size, generations = settings.population, settings.generations
        fresh = operators.init(root_key(0), shape)
        learned = Learned("", shape, fresh)
        of = built.config, experiment.agent
        newborn = experiment.agent.init_genome
        plain = build_strategy(*of, learned, size, generations)
        state = jax.eval_shape(lambda key: plain.init(key, newborn), root_key(0))
        # A strategy of several distributions weighs the members of each apart.
        members = plain.population_size // state.selection.trail.generation.size
        witness = Witness(learned, members, obeyed)
        strategy = build_strategy(*of, witness, size, generations)
    witnessed = dataclasses.replace(experiment, strategy=strategy)
    return BuiltRun(built.config, witnessed)


def cut_steps(experiment: Experiment, shorter: int) -> int:
    """Steps of a life that is so many times shorter than the config's.

    Raises:
        InvalidInput: nothing would be left of it.
    """
    steps = experiment.settings.steps
    if not 1 <= shorter <= steps:
        raise InvalidInput(
            f"shorter = {shorter}: a life of lifetime.steps = {steps} cannot be cut by "
            f"that factor; choose one of 1 to {steps}"
        )
    return steps // shorter


def measure(
    experiment: Experiment, proposal: Any, pool: Key, steps: int, lives: int
) -> tuple[Array, LifeStatistics]:
    """Live all members of a proposal within one program; traceable by ``jit``.

    Returns what a strategy is told: ``(K,)`` finite fitness over so many lives of
    ``steps`` steps, and statistics. Members share what they share in a run, and meet
    the same lives if they do so in a run. ``pool`` is a key of these lives alone.
    """
    settings = experiment.settings
    meet = experiment.agent, experiment.environment

    def of_member(index: Array) -> lifetime.Outcome:
        genome = experiment.strategy.member(proposal, index)
        who = jnp.int32(0) if settings.same_lives else index

        def of_life(number: Array) -> lifetime.Outcome:
            key = life_key(pool, 0, who, number)
            return lifetime.live(*meet, genome, key, steps, settings.bins)

        return jax.vmap(of_life)(jnp.arange(lives))

    members = jnp.arange(settings.population)
    outcome = jax.lax.map(of_member, members, batch_size=settings.tile)
    return _told(outcome.score, outcome.early, outcome.late)


def _told(scores: Array, early: Array, late: Array) -> tuple[Array, LifeStatistics]:
    """Fitness and statistics of ``(K, L)`` lives; what is not finite is the worst."""
    lives = scores.shape[1]
    mean = jnp.mean(scores, axis=1)
    error = jnp.zeros_like(mean)
    if lives > 1:
        error = jnp.std(scores, axis=1, ddof=1) / jnp.sqrt(lives)
    statistics = LifeStatistics(
        jnp.nan_to_num(jnp.mean(early, axis=1), posinf=0, neginf=0),
        jnp.nan_to_num(jnp.mean(late, axis=1), posinf=0, neginf=0),
        jnp.nan_to_num(error, posinf=0, neginf=0),
        lives=jnp.full(mean.shape, lives, jnp.float32),
    )
    return worst_for_nonfinite(mean, 0.0, jnp), statistics


class Carried(NamedTuple):
    """An evolution that is under way."""

    state: StrategyState
    generation: Array
    """``()`` int32, how many are done."""
    until: Array
    """``()`` int32, the generation at which another evolution begins."""


@dataclasses.dataclass(frozen=True)
class Lives(GradientEstimator):
    """Agents learn in their lives, evolve over generations, and train the operator.

    A meta-step is one generation: members live short lives, the operator weighs them,
    whole lives of their own tell what each was worth, and evolution goes on under the
    operator's present weights. Only the weights are differentiated.
    """

    idea: ClassVar[str] = "what is lost by each choice, in evolutions that go on"

    config: Annotated[str, Len(1)] = dataclasses.field(kw_only=True)
    """A bundled config, or the file of one: who lives where, and how they evolve."""
    overrides: tuple[str, ...] = ()
    """What is laid over the config, such as ``lifetime.steps=100``."""
    shorter: Annotated[int, Ge(1)] = 8
    """Lives that members are weighed by are cut by this factor; 1: whole."""
    lives: Annotated[int, Ge(1)] = 8
    """Short lives of each member."""
    judging_lives: Annotated[int, Ge(1)] = 8
    """Whole lives that tell what each member was worth."""
    generations: Annotated[int, Ge(1)] = 50
    """Generations after which an evolution starts over."""
    evolutions: Annotated[int, Ge(1)] = 4
    """Evolutions side by side, one a shard, begun at different times."""

    @property
    def shards(self) -> int:
        """One for each evolution."""
        return self.evolutions

    @property
    def experiment(self) -> Experiment:
        """Who lives where, and how they evolve."""
        return self.built.experiment

    @functools.cached_property
    def built(self) -> BuiltRun:
        """What the config stands for; built once.

        Raises:
            InvalidInput: for a config that does not fit together, or lives cut to
                nothing.
        """
        built = watched(self.config, self.overrides, self.architecture)
        cut_steps(built.experiment, self.shorter)
        return built

    def begin(self, shard: int, key: Key) -> Carried:
        """An evolution of newborns, the first of which ends the sooner by shard."""
        missed = shard * self.generations // self.evolutions
        return Carried(
            self._newborn(key), jnp.int32(0), jnp.int32(self.generations - missed)
        )

    def gradient(
        self, shard: int, operator: Operator, carry: Carried, key: Key
    ) -> tuple[Operator, Carried, dict[str, Array]]:
        """One generation, and the gradient of its regret.

        ``chosen`` and ``fittest`` are the worth of the member of largest weight and of
        largest fitness, in standard deviations of worth; ``score`` is the mean return
        of whole lives.
        """
        signed = self.architecture.signed
        after, worth, fitness = self._generation(operator, carry, key)
        seen = after.selection.seen

        def loss(operator: Operator) -> tuple[Array, Array]:
            weights = weights_seen(operator, seen, signed)
            worths = worth.reshape(weights.shape)
            return jnp.mean(jax.vmap(regret)(weights, worths)), weights

        (value, weights), slope = jax.value_and_grad(loss, has_aux=True)(operator)
        standard = jax.vmap(features.standardised)(worth.reshape(weights.shape))
        told = {
            "loss": value,
            "chosen": jnp.mean(worth_of_best(weights, standard)),
            "fittest": jnp.mean(
                worth_of_best(fitness.reshape(weights.shape), standard)
            ),
            "score": jnp.mean(worth),
        }
        return slope, self._carried_on(carry, after, jax.random.fold_in(key, 2)), told

    def _generation(
        self, operator: Operator, carry: Carried, key: Key
    ) -> tuple[StrategyState, Array, Array]:
        """The strategy's state after it, ``(K,)`` worth, and ``(K,)`` fitness."""
        experiment = self.experiment
        strategy, number = experiment.strategy, carry.generation
        state = with_operator(carry.state, operator)
        proposal = strategy.ask(state, number)
        chance, other = (jax.random.fold_in(key, i) for i in range(2))
        cut = cut_steps(experiment, self.shorter)
        fitness, told = measure(experiment, proposal, chance, cut, self.lives)
        steps = experiment.settings.steps
        worth, _ = measure(experiment, proposal, other, steps, self.judging_lives)
        after = strategy.tell(state, proposal, number, fitness, told)
        return after, worth, fitness

    def _carried_on(self, carry: Carried, after: StrategyState, key: Key) -> Carried:
        """The next generation, or the first of another evolution."""
        number = carry.generation + 1
        going = Carried(after, number, carry.until)
        anew = Carried(self._newborn(key), jnp.int32(0), jnp.int32(self.generations))
        return choose(number >= carry.until, anew, going)

    def _newborn(self, key: Key) -> StrategyState:
        experiment = self.experiment
        state = experiment.strategy.init(key, experiment.agent.init_genome)
        # Strongly typed, so that what is carried has one type from the first on.
        return jax.tree.map(
            lambda x: jax.lax.convert_element_type(x, jnp.result_type(x)), state
        )

    def described(self) -> dict[str, Any]:
        """Who lived where, how long, and how they evolved."""
        config = self.built.config
        return {
            "environment": config.env.name,
            "agent": config.agent.name,
            "strategy": config.strategy.name,
            "members": config.population.size,
            "steps": config.lifetime.steps,
            "steps weighed by": cut_steps(self.experiment, self.shorter),
            "lived config digest": config_digest(config),
        }
