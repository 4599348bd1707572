"""One agent in one environment for one whole life, in constant memory.

A life of T steps is cut into B bins. Rewards are summed bin by bin, so nothing grows
with T, and the life can be carried out and back in between any two bins: the bits do
not depend on where it was cut.
"""

import dataclasses
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from evolife import factored
from evolife.base import (
    Agent,
    AgentState,
    Array,
    Environment,
    EnvState,
    Genome,
    Key,
    TimeStep,
)

_BIRTH, _RESET, _AGENT, _ENVIRONMENT = range(4)


class Life(NamedTuple):
    """A life that has been lived up to the end of some bin."""

    agent: AgentState
    environment: EnvState
    timestep: TimeStep
    rewards: Array
    """``(B,)`` reward summed over each bin lived so far."""


class Outcome(NamedTuple):
    """What a finished life is judged by."""

    score: Array
    """``()`` return: the sum of all rewards."""
    early: Array
    """``()`` mean reward per step over the first quarter of the bins."""
    late: Array
    """``()`` the same over the last quarter."""
    slope: Array
    """``()`` least-squares slope of the curve, in reward rate per whole life."""
    curve: Array
    """``(B,)`` mean reward per step within each bin."""
    statistics: dict[str, Array]
    """Named scalars the environment reports."""


def bin_edges(steps: int, bins: int) -> np.ndarray:
    """Return the ``(B + 1,)`` int32 steps at which bins begin, B at most ``steps``."""
    bins = min(bins, steps)
    return (np.arange(bins + 1, dtype=np.int64) * steps // bins).astype(np.int32)


@dataclasses.dataclass(frozen=True)
class Lifetime:
    """Lives of one agent in one environment: how long, and recorded in which bins."""

    agent: Agent
    environment: Environment
    steps: int
    requested_bins: int = 32
    """B, at most one a step."""
    axis: tuple[str, ...] | None = ()
    """Names of the ``vmap`` axes of a tile: once no life of the tile can earn anything
    more, the remaining bins cost nothing. With None they are lived all the same."""

    @functools.cached_property
    def edges(self) -> np.ndarray:
        """``(B + 1,)`` int32 steps at which bins begin."""
        return bin_edges(self.steps, self.requested_bins)

    @property
    def bins(self) -> int:
        """How many bins there are."""
        return len(self.edges) - 1

    def birth(self, genome: Genome, key: Key) -> Life:
        """Begin the life that ``key`` stands for."""
        return birth(self.agent, self.environment, genome, key, self.bins)

    def advance(
        self, genome: Genome, life: Life, key: Key, begin: Array | int, end: Array | int
    ) -> Life:
        """Live bins ``begin .. end - 1``."""
        return advance(
            self.agent,
            self.environment,
            genome,
            life,
            key,
            jnp.asarray(self.edges),
            begin,
            end,
            self.axis,
        )

    def judge(self, life: Life) -> Outcome:
        """Sum up a life lived to its end."""
        return judge(self.environment, life, jnp.asarray(self.edges))


def birth(
    agent: Agent, environment: Environment, genome: Genome, key: Key, bins: int
) -> Life:
    """Begin the life that ``key`` stands for."""
    state, timestep = environment.reset(jax.random.fold_in(key, _RESET))
    newborn = factored.call(agent.init_state, genome, jax.random.fold_in(key, _BIRTH))
    return Life(newborn, state, timestep, jnp.zeros(bins, jnp.float32))


def advance(
    agent: Agent,
    environment: Environment,
    genome: Genome,
    life: Life,
    key: Key,
    edges: Array,
    begin: Array | int,
    end: Array | int,
    axis: tuple[str, ...] | None = (),
) -> Life:
    """Live bins ``begin .. end - 1``, given the ``(B + 1,)`` steps in ``edges``.

    ``axis`` names the ``vmap`` axes of the tile: once no life of the tile can earn
    anything more, the remaining bins cost nothing. With None they are lived all the
    same.
    """
    newborn = factored.call(agent.init_state, genome, jax.random.fold_in(key, _BIRTH))
    agent_key = jax.random.fold_in(key, _AGENT)
    environment_key = jax.random.fold_in(key, _ENVIRONMENT)

    def step(t: Array, carry: tuple) -> tuple:
        agent_state, state, timestep, total = carry
        agent_state = agent_state if agent.learns else newborn
        drawn = jax.random.fold_in(agent_key, t)
        agent_state, action = factored.call(
            agent.step, genome, agent_state, timestep, drawn
        )
        drawn = jax.random.fold_in(environment_key, t)
        state, timestep = environment.step(state, action, drawn)
        return agent_state, state, timestep, total + timestep.reward

    def live_bin(b: Array, life: Life) -> Life:
        carry = (*life[:3], jnp.zeros((), jnp.float32))
        carry = jax.lax.fori_loop(edges[b], edges[b + 1], step, carry)
        agent_state, state, timestep, total = carry
        return Life(agent_state, state, timestep, life.rewards.at[b].set(total))

    def live_bin_if_alive(b: Array, life: Life) -> Life:
        over = environment.over(life.environment)
        if over is None or axis is None:
            return live_bin(b, life)
        alive = ~over
        if axis:
            alive = jax.lax.pmax(alive.astype(jnp.int32), axis) > 0
        return jax.lax.cond(alive, live_bin, lambda b, life: life, b, life)

    return jax.lax.fori_loop(begin, end, live_bin_if_alive, life)


def judge(environment: Environment, life: Life, edges: Array) -> Outcome:
    """Sum up a life lived to its end."""
    lengths = jnp.diff(edges).astype(jnp.float32)
    bins = lengths.shape[0]
    quarter = -(-bins // 4)
    curve = life.rewards / lengths
    time = (edges[:-1] + edges[1:]) / (2.0 * edges[-1])
    centred = time - time.mean()
    return Outcome(
        score=life.rewards.sum(),
        early=life.rewards[:quarter].sum() / lengths[:quarter].sum(),
        late=life.rewards[-quarter:].sum() / lengths[-quarter:].sum(),
        slope=(centred @ curve) / jnp.maximum(centred @ centred, 1e-12),
        curve=curve,
        statistics=environment.statistics(life.environment),
    )


def live(
    agent: Agent,
    environment: Environment,
    genome: Genome,
    key: Key,
    steps: int,
    bins: int = 32,
) -> Outcome:
    """Live one whole life of ``steps`` steps and judge it."""
    lifetime = Lifetime(agent, environment, steps, bins)
    life = lifetime.birth(genome, key)
    return lifetime.judge(lifetime.advance(genome, life, key, 0, lifetime.bins))
