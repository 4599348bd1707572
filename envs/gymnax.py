"""Any gymnax environment: its episodes become trials within one life."""

import contextlib
import dataclasses
import functools
import importlib
import importlib.util
import math
import sys
import types
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from annotated_types import Ge

from evolife.base import (
    Action,
    ActionSpace,
    Array,
    Continuous,
    Discrete,
    Environment,
    Key,
    Spec,
    TimeStep,
)
from evolife.errors import nearest


class _PutOff(types.ModuleType):
    """A module that is imported when something of it is first used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


@contextlib.contextmanager
def _putting_off(*modules: str) -> Iterator[None]:
    """Let whoever imports these modules within the block load them when used."""
    installed = (m for m in modules if importlib.util.find_spec(m.partition(".")[0]))
    added = {name: _PutOff(name) for name in installed if name not in sys.modules}
    sys.modules.update(added)
    try:
        yield
    finally:
        for name, module in added.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]


# gymnax draws with them, which no life does, and all ranks of a run would load them.
with _putting_off("matplotlib.pyplot", "seaborn"):
    import gymnax

REFUSED = {"MNISTBandit-bsuite": "it downloads a data set when it is built"}
"""Environments that are not offered, and why."""


class State(NamedTuple):
    """The gymnax state and how many trials were finished."""

    inner: Any
    trials: Array


@functools.cache
def _make(name: str) -> tuple[Any, Any]:
    return gymnax.make(name)


@dataclasses.dataclass(frozen=True)
class Gymnax(Environment):
    """An environment of the gymnax library (Lange 2022), by its id.

    When an episode ends, the next one begins at once with ``first`` set, and the agent
    keeps its state. With ``trials`` set, a life earns only in its first so many trials:
    ``trials: 1`` is the usual episodic task.
    """

    senses: ClassVar[str] = "the observation of the gymnax environment, flattened"
    acts: ClassVar[str] = "the action of the gymnax environment"
    objective: ClassVar[str] = (
        "the rewards of the gymnax environment, summed over the trials of a life"
    )
    generalises: ClassVar[str] = "other lives of the same environment"
    probed: ClassVar[bool] = True

    id: str
    """Name of the environment, such as CartPole-v1."""
    trials: Annotated[int, Ge(1)] | None = None
    """Trials that earn; None: as many as fit into the life."""

    def __post_init__(self) -> None:
        """Refuse what gymnax does not have, naming what is closest."""
        if self.id in REFUSED:
            raise ValueError(f"id = {self.id!r} is not offered: {REFUSED[self.id]}")
        known = gymnax.registered_envs
        if self.id not in known:
            hint = nearest(self.id, known)
            raise ValueError(
                f"id = {self.id!r} is not a gymnax environment{hint} "
                f"Allowed: {', '.join(sorted(known))}"
            )

    @property
    def spec(self) -> Spec:
        """Sizes as gymnax states them; box actions must share their bounds."""
        environment, parameters = _make(self.id)
        observations = environment.observation_space(parameters)
        discrete = not hasattr(observations, "low")
        size = observations.n if discrete else math.prod(observations.shape)
        return Spec(int(size), _action_space(environment.action_space(parameters)))

    @property
    def reward_range(self) -> tuple[float, float]:
        """Gymnax does not state one."""
        return -math.inf, math.inf

    def reset(self, key: Key) -> tuple[State, TimeStep]:
        """Begin the first trial."""
        environment, parameters = _make(self.id)
        observation, inner = environment.reset_env(key, parameters)
        inner = jax.tree.map(lambda leaf: jnp.asarray(leaf, _dtype(leaf)), inner)
        state = State(inner, jnp.zeros((), jnp.int32))
        return state, self._sense(observation, jnp.float32(0), jnp.ones((), bool))

    def step(self, state: State, action: Action, key: Key) -> tuple[State, TimeStep]:
        """Advance the trial; where it ends, begin the next."""
        environment, parameters = _make(self.id)
        now, later = jax.random.split(key)
        shape = environment.action_space(parameters).shape
        observation, inner, reward, terminated, _ = environment.step_env(
            now, state.inner, jnp.reshape(action, shape), parameters
        )
        ends = terminated | environment.is_truncated(inner, parameters)
        fresh = environment.reset_env(later, parameters)
        observation, inner = jax.tree.map(
            lambda new, old, like: jnp.where(ends, new, old).astype(like.dtype),
            fresh,
            (observation, inner),
            (fresh[0], state.inner),
        )
        earns = ~self._over(state)
        reward = jnp.where(earns, jnp.asarray(reward, jnp.float32), 0.0)
        # A life that is over counts nothing, whether or not it is still lived.
        trials = state.trials + (ends & earns)
        return State(inner, trials), self._sense(observation, reward, ends)

    def over(self, state: State) -> Array | None:
        """Whether the trials that earn are all done."""
        return None if self.trials is None else self._over(state)

    def statistics(self, state: State) -> dict[str, Array]:
        """How many trials that earn were finished."""
        return {"trials": state.trials.astype(jnp.float32)}

    def _over(self, state: State) -> Array:
        limit = np.iinfo(np.int32).max if self.trials is None else self.trials
        return state.trials >= limit

    def _sense(self, observation: Any, reward: Array, first: Array) -> TimeStep:
        environment, parameters = _make(self.id)
        space = environment.observation_space(parameters)
        if hasattr(space, "low"):
            flat = jnp.ravel(jnp.asarray(observation, jnp.float32))
        else:
            flat = (jnp.arange(space.n) == observation).astype(jnp.float32)
        return TimeStep(flat, reward, jnp.asarray(first, bool))


def _dtype(leaf: Any) -> Any:
    """The strong dtype of a leaf that may be a Python number."""
    return jnp.result_type(leaf)


def _action_space(space: Any) -> ActionSpace:
    if not hasattr(space, "low"):
        return Discrete(int(space.n))
    low, high = np.unique(space.low), np.unique(space.high)
    if low.size != 1 or high.size != 1:
        raise ValueError(
            f"its actions have different bounds, {low} to {high}; wrap it in an "
            "environment of your own that scales them from one range"
        )
    return Continuous(math.prod(space.shape), float(low[0]), float(high[0]))
