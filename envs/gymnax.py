"""Any gymnax environment: its episodes become trials within one life."""

import dataclasses
import functools
import importlib
import importlib.machinery
import importlib.util
import math
import sys
import types
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
    """Stands in for a module until something of it is used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__path__":
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            _withdraw()
        return getattr(importlib.import_module(self.__name__), name)


_DRAWN_WITH = ("matplotlib", "matplotlib.pyplot", "seaborn")
"""What gymnax imports in order to draw, which no life does: it takes half of the time
to import all, and a thousand ranks would spend it."""


def _stand_in() -> None:
    there = (importlib.util.find_spec(name) for name in ("matplotlib", "seaborn"))
    if not sys.modules.keys().isdisjoint(_DRAWN_WITH) or not all(there):
        return
    for name in _DRAWN_WITH:
        module = sys.modules[name] = _PutOff(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        package, _, part = name.rpartition(".")
        if package:
            setattr(sys.modules[package], part, module)


def _withdraw() -> None:
    for name in _DRAWN_WITH:
        if isinstance(sys.modules.get(name), _PutOff):
            del sys.modules[name]


_stand_in()
import gymnax  # noqa: E402

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
