"""Lives of policies written by hand, many at once, each compiled one time."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from evolife.base import Array, Environment, TimeStep


class Lives(NamedTuple):
    """What was seen and done; ``(lives, steps, ...)`` but for the last two."""

    sensed: TimeStep
    """What the policy met at each step."""
    kept: Any
    """What ``keep`` took from the state that the policy met."""
    rewards: Array
    """Earned by the action of each step."""
    actions: Any
    state: Any
    """At the end of each life."""
    statistics: dict[str, Array]


def nothing(state: Any) -> tuple[()]:
    """Keep no states: those of many long lives may not fit into memory."""
    return ()


@functools.cache
def life(
    world: Environment, policy: Callable, steps: int, keep: Callable = nothing
) -> Callable[[Array], Lives]:
    """Compile ``keys -> Lives`` for ``policy(world, state, sensed, key) -> action``.

    A policy is handed the state, too, so that oracles can be written.
    """

    @jax.jit
    @jax.vmap
    def live(key):
        def step(carry, key):
            state, sensed = carry
            think, turn = jax.random.split(key)
            action = policy(world, state, sensed, think)
            after, then = world.step(state, action, turn)
            return (after, then), (sensed, keep(state), then.reward, action)

        born, days = jax.random.split(key)
        (state, _), rows = jax.lax.scan(
            step, world.reset(born), jax.random.split(days, steps)
        )
        return Lives(*rows, state, world.statistics(state))

    return live
