"""Whether lives in an environment differ at all, found by living some of them.

Some environments begin every life alike and draw nothing in its course, whatever their
keys. There, many lives are copies of one, and nothing can be held out.
"""

import functools
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from evolife.base import (
    Action,
    ActionSpace,
    Array,
    Both,
    Continuous,
    Discrete,
    Environment,
    Key,
    TimeStep,
)

_KEYS, _COURSES = 8, 4

Variety = Literal["start", "course", "none"]
"""What differs between lives: how they begin; only what happens later; nothing."""


@functools.lru_cache(maxsize=64)
def variety(environment: Environment, steps: int) -> Variety:
    """What differs between lives of ``steps`` steps, compared over a few keys.

    The course is compared under random actions, the same for every key.
    """
    # Some libraries make arrays when they are first asked, which must not be traced.
    _ = environment.spec
    starts = jax.random.split(jax.random.key(0), _KEYS)
    if _differ(jax.jit(jax.vmap(environment.reset))(starts)):
        return "start"
    compare = jax.jit(_compare_courses, static_argnums=(0, 1))
    return "course" if compare(environment, steps) else "none"


def copied(environment: Environment, steps: int, scores: np.ndarray) -> np.ndarray:
    """``(members,)`` bool: whether a member's ``(members, lives)`` are copies of one.

    Equal scores alone are none: the best agent may reach the same in every life.
    """
    equal: np.ndarray = (scores == scores[:, :1]).all(axis=1) & (scores.shape[1] > 1)
    if not equal.any() or variety(environment, steps) != "none":
        return np.zeros(len(scores), bool)
    return equal


def one_life(who: str) -> str:
    """What is said of scores from copies of one life."""
    return (
        f"all lives in {who} are equal: they begin alike, and nothing in their course "
        "is drawn. Scores are those of the one life there is, in evolution too: none "
        "is held out, and none has an interval"
    )


def _compare_courses(environment: Environment, steps: int) -> Array:
    """``()`` bool: whether anything that is sensed ever differs between keys."""

    def of_course(course: Array) -> Array:
        starts = jax.random.split(jax.random.key(1), _KEYS)
        state, _ = jax.vmap(environment.reset)(starts)

        def step(carry: Any, number: Array) -> tuple[Any, None]:
            state, found = carry
            key = jax.random.fold_in(
                jax.random.fold_in(jax.random.key(2), course), number
            )
            action = _any_action(environment.spec.action_space, key)
            fresh = jax.random.split(jax.random.fold_in(key, 1), _KEYS)
            state, told = jax.vmap(environment.step, (0, None, 0))(state, action, fresh)
            return (state, found | _sensed_apart(told)), None

        start = state, jnp.zeros((), bool)
        return jax.lax.scan(step, start, jnp.arange(steps))[0][1]

    return jnp.any(jax.vmap(of_course)(jnp.arange(_COURSES)))


def _sensed_apart(told: TimeStep) -> Array:
    parts = [jnp.any(leaf != leaf[:1]) for leaf in told]
    return jnp.any(jnp.stack(parts))


def _differ(tree: Any) -> bool:
    return any(bool((leaf != leaf[:1]).any()) for leaf in jax.tree.leaves(tree))


def _any_action(space: ActionSpace, key: Key) -> Action:
    if isinstance(space, Both):
        choice, numbers = jax.random.split(key)
        return (
            _any_action(space.discrete, choice),
            _any_numbers(space.continuous, numbers),
        )
    if isinstance(space, Discrete):
        return jax.random.randint(key, (), 0, space.size)
    return _any_numbers(space, key)


def _any_numbers(space: Continuous, key: Key) -> Array:
    return jax.random.uniform(key, (space.size,), minval=space.low, maxval=space.high)
