"""One life of the best champion as a film: an animated GIF, and a strip of stills.

It is the very life that ``evaluate`` measures first: the same key, in a unit of work of
the same shape, because XLA's last digits depend on the shape and a last digit can turn
a life. It is lived bin by bin and looked at in between, so a film has the same number
of pictures and costs the same memory however long the life is.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from evolife import keys
from evolife.base import (
    Action,
    Agent,
    Array,
    Environment,
    EnvState,
    Genome,
    Key,
    TimeStep,
)
from evolife.config.model import RunConfig
from evolife.errors import InvalidInput
from evolife.experiment import Experiment, champion_population
from evolife.lifetime import Life, Outcome, advance
from evolife.plugins import registry
from evolife.plugins.fit import action_shapes
from evolife.population import Population
from evolife.ranks import Ranks
from evolife.record.filmstrip import Film, Scene
from evolife.tournament import champion_grid
from evolife.units import Task
from evolife.wrappers.wrapper import Wrapper, innermost

PICTURES = 120
"""Scenes of a film at most: one at birth, and one at the end of every bin."""


def refuse_unfilmable(environment: Environment, config: RunConfig) -> None:
    """Refuse an environment that draws nothing.

    Raises:
        InvalidInput: names it, and those that can be filmed.
    """
    if _draws(type(innermost(environment))):
        return
    able = []
    for name in registry.names("envs", config.plugins):
        try:
            able += [name] * _draws(registry.load("envs", name, config.plugins))
        except InvalidInput:
            continue
    raise InvalidInput(
        f"--film: the environment '{config.env.name}' has no method draw; those that "
        f"can be filmed: {', '.join(able)}"
    )


def _draws(environment: type) -> bool:
    return getattr(environment, "draw", None) is not Environment.draw


def first_life(
    experiment: Experiment, genomes: Genome, lives: int, ranks: Ranks
) -> Film | None:
    """Live the first life that ``evaluate`` measures; None if a stop was asked for.

    ``genomes`` are those of all champions, best first.
    """
    config = experiment.config
    usual = champion_population(experiment, config.lifetime.steps)
    population = _Watched(
        usual.agent, usual.environment, usual.member, usual.steps, PICTURES - 1, True
    )
    pool = keys.pool_key(config.seed, keys.Pool.EVALUATE)
    task = Task(jax.device_put(genomes), pool, np.int32(0))
    moments = []
    for moment in population.watch(task, lives):
        if ranks.stop_requested():
            return None
        moments.append(moment)
    rewards, outcome = moments[-1][1]
    returns = np.concatenate([[0.0], np.cumsum(rewards, dtype=np.float64)])
    return Film([scene for scene, _ in moments], returns, outcome)


class _Watched(Population):
    """Lives the first unit of ``evaluate`` bin by bin, and is looked at in between."""

    def watch(
        self, task: Task, lives: int
    ) -> Iterator[tuple[Scene, tuple[Array, Outcome]]]:
        """Yield the first life at birth and after each bin, with what it earned."""
        lanes, look = champion_grid([0], range(lives)).lanes(0), jax.jit(self._look)
        life, outcome = self._begin(task, *lanes, np.int32(0))
        for b, step in enumerate(self.edges.tolist()):
            if b:
                begin, end = np.int32(b - 1), np.int32(b)
                life, outcome = self._resume(task, *lanes, life, begin, end)
            seen, earned = jax.device_get(look(task, life, outcome, np.int32(step)))
            yield Scene(step, *seen), earned

    def _look(self, task: Task, life: Life, outcome: Outcome, step: Array) -> Any:
        life, outcome = jax.tree.map(lambda leaf: leaf[0, 0], (life, outcome))
        genome = self.member(task.proposal, jnp.int32(0))
        key = keys.life_key(task.pool, task.generation, 0, 0)
        action = _next_action(self.agent, self.environment, genome, life, key, step)
        return (life.environment, action), (life.rewards, outcome)


class _Seen(NamedTuple):
    inner: EnvState
    action: Action


@dataclasses.dataclass(frozen=True)
class _Witness(Wrapper):
    """Remembers the last action."""

    def reset(self, key: Key) -> tuple[_Seen, TimeStep]:
        """Nothing was done yet."""
        inner, timestep = self.inner.reset(key)
        shapes = action_shapes(self.spec.action_space)
        nothing = jax.tree.map(lambda like: jnp.zeros(like.shape, like.dtype), shapes)
        return _Seen(inner, nothing), timestep

    def step(self, state: _Seen, action: Action, key: Key) -> tuple[_Seen, TimeStep]:
        """Step inside."""
        inner, timestep = self.inner.step(state.inner, action, key)
        return _Seen(inner, action), timestep


def _next_action(
    agent: Agent, world: Environment, genome: Genome, life: Life, key: Key, t: Array
) -> Action:
    """Live one more step under a witness, and tell what was done in it."""
    witness = _Witness(world)
    blank, _ = witness.reset(key)
    seen = blank._replace(inner=life.environment)
    life = life._replace(environment=seen, rewards=jnp.zeros(1, jnp.float32))
    edges = jnp.stack([t, t + 1])
    after = advance(agent, witness, genome, life, key, edges, 0, 1, axis=None)
    return after.environment.action
