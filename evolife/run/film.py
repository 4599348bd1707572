"""One life as a film: of the best champion, or of a generation's best member.

It is the very life that ``evaluate`` measures, or the generation first: the same key,
in a unit of work of the same shape, because XLA's last digits depend on the shape and a
last digit can turn a life. It is lived bin by bin and looked at in between, so a film
has the same number of pictures and costs the same memory however long the life is.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator
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
from evolife.engine.evaluation import Evaluation
from evolife.engine.evaluator import Evaluator
from evolife.engine.experiment import Experiment
from evolife.engine.grid import Grid
from evolife.engine.lifetime import Life, Outcome, advance
from evolife.engine.tournament import champion_grid
from evolife.engine.work import Task
from evolife.envs.wrappers import Wrapper, innermost
from evolife.errors import InvalidInput
from evolife.plugins import registry
from evolife.plugins.build import BuiltRun
from evolife.plugins.fit import action_shapes
from evolife.ranks.mpi import Ranks
from evolife.run.filmstrip import Film, Scene

PICTURES = 120
"""Scenes of a film at most: one at birth, and one at the end of every bin."""


def refuse_unfilmable(
    environment: Environment, config: RunConfig, asked: str = "--film"
) -> None:
    """Refuse an environment that draws nothing.

    Raises:
        InvalidInput: names it, and those that can be filmed; begins with ``asked``.
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
        f"{asked}: the environment '{config.env.name}' has no method draw; those that "
        f"can be filmed: {', '.join(able)}"
    )


def _draws(environment: type) -> bool:
    return getattr(environment, "draw", None) is not Environment.draw


def check_record(built: BuiltRun) -> None:
    """Refuse films in the record of a run that cannot be drawn.

    Raises:
        InvalidInput: the environment draws nothing.
    """
    if built.config.record.film_every:
        given = built.experiment.environment, built.config
        refuse_unfilmable(*given, "record.film_every")


def best_life(
    experiment: Experiment, genomes: Genome, lives: int, ranks: Ranks, life: int = 0
) -> Film | None:
    """Live one of the best champion's lives that ``evaluate`` measures.

    ``genomes`` are those of all champions, best first; ``life`` is its number, 0 to
    ``lives - 1``. None if a stop was asked for.
    """
    settings = experiment.settings
    watched = _watched(experiment.stacked(settings.steps))
    pool = keys.pool_key(settings.seed, keys.Pool.EVALUATE)
    task = Task(jax.device_put(genomes), pool, np.int32(0))
    grid = champion_grid([0], range(lives))
    return watched.film(task, grid, 0, ranks.stop_requested, life)


class Camera:
    """Films the best member of a generation; the programs are compiled once."""

    def __init__(self, experiment: Experiment) -> None:
        self._watched = _watched(experiment.evaluator)

    def best_life(self, evaluation: Evaluation) -> Film | None:
        """Live the first life of the best member again, on this rank alone.

        None if a stop was asked for.
        """
        best, stop = evaluation.best, evaluation.ranks.stop_requested
        return self._watched.film(evaluation.task, evaluation.grid, best, stop)


@dataclasses.dataclass(frozen=True, eq=False)
class _Watched(Evaluator):
    """Lives one unit of work bin by bin, and looks at one of its lives in between."""

    def film(
        self,
        task: Task,
        grid: Grid,
        row: int,
        stop: Callable[[], bool],
        column: int = 0,
    ) -> Film | None:
        """Film a life of member number ``row``: that at ``column`` of the grid's lives.

        None if ``stop()`` is true.
        """
        moments = []
        for moment in self._watch(task, grid, row, column):
            if stop():
                return None
            moments.append(moment)
        rewards, outcome = moments[-1][1]
        returns = np.concatenate([[0.0], np.cumsum(rewards, dtype=np.float64)])
        return Film([scene for scene, _ in moments], returns, outcome)

    def _watch(
        self, task: Task, grid: Grid, row: int, column: int
    ) -> Iterator[tuple[Scene, tuple[Array, Outcome]]]:
        """Yield the life at birth and after each bin, with what it earned."""
        unit, *place = grid.places(row, column)
        members, lives = grid.lanes(unit)
        where = np.array([*place, members[place[0]], lives[place[1]]], np.int32)
        life, outcome = self._begin(task, members, lives, np.int32(0))
        for b, step in enumerate(self.edges.tolist()):
            if b:
                begin, end = np.int32(b - 1), np.int32(b)
                life, outcome = self._resume(task, members, lives, life, begin, end)
            seen = self._looking(task, life, outcome, np.int32(step), where)
            seen, earned = jax.device_get(seen)
            yield Scene(step, *seen), earned

    @functools.cached_property
    def _looking(self) -> Callable[..., Any]:
        return jax.jit(self._look)

    def _look(
        self, task: Task, life: Life, outcome: Outcome, step: Array, where: Array
    ) -> Any:
        lane, slot, index, number = where
        life, outcome = jax.tree.map(lambda leaf: leaf[lane, slot], (life, outcome))
        genome = self.member(task.proposal, index)
        who = jnp.int32(0) if self.same_lives else index
        key = keys.life_key(task.pool, task.generation, who, number)
        action = _next_action(self.agent, self.environment, genome, life, key, step)
        return (life.environment, action), (life.rewards, outcome)


def _watched(usual: Evaluator) -> _Watched:
    """The same lives, cut into bins between which they are looked at."""
    return _Watched(
        usual.agent,
        usual.environment,
        usual.member,
        usual.steps,
        PICTURES - 1,
        usual.same_lives,
    )


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
    agent: Agent,
    environment: Environment,
    genome: Genome,
    life: Life,
    key: Key,
    t: Array,
) -> Action:
    """Live one more step under a witness, and tell what was done in it."""
    witness = _Witness(environment)
    blank, _ = witness.reset(key)
    seen = blank._replace(inner=life.environment)
    life = life._replace(environment=seen, rewards=jnp.zeros(1, jnp.float32))
    edges = jnp.stack([t, t + 1])
    after = advance(agent, witness, genome, life, key, edges, 0, 1, axis=None)
    return after.environment.action
