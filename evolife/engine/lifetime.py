"""One agent in one environment for one whole life, in constant memory.

A life of T steps is cut into B bins. Rewards are summed bin by bin, so nothing grows
with T, and the life can be carried out and back in between any two bins: the bits do
not depend on where it was cut.
"""

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

_BIRTH, _RESET, _AGENT, _WORLD = range(4)


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
    thoughts = jax.random.fold_in(key, _AGENT)
    events = jax.random.fold_in(key, _WORLD)

    def step(t: Array, carry: tuple) -> tuple:
        mind, world, timestep, total = carry
        mind = mind if agent.learns else newborn
        mind, action = factored.call(
            agent.step, genome, mind, timestep, jax.random.fold_in(thoughts, t)
        )
        world, timestep = environment.step(world, action, jax.random.fold_in(events, t))
        return mind, world, timestep, total + timestep.reward

    def live_bin(b: Array, life: Life) -> Life:
        carry = (*life[:3], jnp.zeros((), jnp.float32))
        carry = jax.lax.fori_loop(edges[b], edges[b + 1], step, carry)
        mind, world, timestep, total = carry
        return Life(mind, world, timestep, life.rewards.at[b].set(total))

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
    edges = jnp.asarray(bin_edges(steps, bins))
    count = edges.shape[0] - 1
    life = birth(agent, environment, genome, key, count)
    life = advance(agent, environment, genome, life, key, edges, 0, count)
    return judge(environment, life, edges)
