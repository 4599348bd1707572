"""Whether an agent and an environment keep their contracts and suit each other."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from evolife import keys
from evolife.base import ActionSpace, Agent, Both, Discrete, Environment, Spec, TimeStep
from evolife.errors import InvalidInput
from evolife.plugins.files import file_of, plugin_errors
from evolife.plugins.trees import difference, in_words

_Shape = jax.ShapeDtypeStruct


def check_fit(agent: Agent, environment: Environment) -> None:
    """Trace one birth and one step of both abstractly; nothing is computed.

    Checked are the shapes and dtypes of time steps, actions and genomes, that states
    keep their structure from one step to the next, and that statistics are scalars.

    Raises:
        InvalidInput: names both, the method and the leaf that is wrong.
    """
    pair = _Pair(agent, environment)
    spec = pair.spec()
    key = jax.eval_shape(lambda: keys.root_key(0))
    timestep = pair.check_environment(spec, key)
    pair.check_agent(spec, timestep, key)


def action_shapes(space: ActionSpace) -> Any:
    """What an action in ``space`` looks like: int32 ``()``, float32 ``(size,)``."""
    if isinstance(space, Both):
        return action_shapes(space.discrete), action_shapes(space.continuous)
    if isinstance(space, Discrete):
        return _Shape((), jnp.int32)
    return _Shape((space.size,), jnp.float32)


def _time_step_shapes(spec: Spec) -> Any:
    observation = _Shape((spec.observation_size,), jnp.float32)
    shapes: Any = (observation, _Shape((), jnp.float32), _Shape((), jnp.bool_))
    return TimeStep(*shapes)


class _Pair:
    def __init__(self, agent: Agent, environment: Environment) -> None:
        self.agent, self.environment = agent, environment
        self.name = (
            f"agent {type(agent).__name__} in environment {type(environment).__name__}"
        )

    def spec(self) -> Spec:
        with plugin_errors(self.name, file_of(self.environment), refusal=True):
            spec = self.environment.spec
        if self.agent.spec != spec:
            raise self._refusal(
                f"the agent was built for {self.agent.spec}, the environment has {spec}"
            )
        return spec

    def check_environment(self, spec: Spec, key: Any) -> Any:
        state, timestep = self._pair_of(self.environment.reset, key)
        wanted = _time_step_shapes(spec)
        self._same("the time step of environment.reset", timestep, wanted)
        action = action_shapes(spec.action_space)
        after, timestep = self._pair_of(self.environment.step, state, action, key)
        self._same("the time step of environment.step", timestep, wanted)
        self._same("the state after environment.step", after, state)
        self._check_statistics(state)
        over = self._trace(self.environment.over, state)
        if over is not None:
            self._same("environment.over", over, _Shape((), jnp.bool_))
        return wanted

    def _check_statistics(self, state: Any) -> None:
        found = self._trace(self.environment.statistics, state)
        what = "environment.statistics"
        if not isinstance(found, dict) or not all(isinstance(n, str) for n in found):
            raise self._refusal(
                f"{what} is {_words(found)}, must be numbers by name, such as "
                '{"caught": state.caught}'
            )
        for name, number in found.items():
            if getattr(number, "shape", None) != ():
                raise self._refusal(
                    f"{what}: '{name}' is {_words(number)}, must be one number a life; "
                    "give its mean, or one name to each of its entries"
                )

    def check_agent(self, spec: Spec, timestep: Any, key: Any) -> None:
        self._check_leaves(key)
        genome = self._trace(self.agent.init_genome, key)
        if not jax.tree.leaves(genome):
            raise self._refusal("agent.init_genome: the genome is empty")
        floats = jax.tree.map(lambda leaf: _Shape(leaf.shape, jnp.float32), genome)
        self._same("the genome of agent.init_genome", genome, floats)
        state = self._trace(self.agent.init_state, genome, key)
        step = self.agent.step
        after, action = self._pair_of(step, genome, state, timestep, key)
        wanted = action_shapes(spec.action_space)
        self._same("the action of agent.step", action, wanted)
        self._same("the state after agent.step", after, state)

    def _check_leaves(self, key: Any) -> None:
        """Refuse a genome that holds anything but arrays, such as a whole module."""
        strange: list[tuple[str, Any]] = []

        def born(key: Any) -> None:
            with plugin_errors(what, file_of(self.agent), refusal=False):
                genome = self.agent.init_genome(key)
            for path, leaf in jax.tree_util.tree_flatten_with_path(genome)[0]:
                if not hasattr(leaf, "dtype") and not isinstance(leaf, float | int):
                    strange.append((jax.tree_util.keystr(path), leaf))

        what = f"{self.name}: agent.init_genome"
        jax.eval_shape(born, key)
        if strange:
            place, leaf = strange[0]
            raise self._refusal(
                f"the genome of agent.init_genome{f' at {place}' if place else ''} is "
                f"a {type(leaf).__name__}, must be an array; of a module that holds "
                "more than arrays keep those alone, as by equinox.filter(module, "
                "equinox.is_array)"
            )

    def _trace(self, method: Callable[..., Any], *inputs: Any) -> Any:
        owner = method.__self__  # type: ignore[attr-defined]
        side = "agent" if owner is self.agent else "environment"
        what = f"{self.name}: {side}.{method.__name__}"
        with plugin_errors(what, file_of(owner), refusal=False):
            return jax.eval_shape(method, *inputs)

    def _pair_of(self, method: Callable[..., Any], *inputs: Any) -> Any:
        outputs = self._trace(method, *inputs)
        if not (isinstance(outputs, tuple) and len(outputs) == 2):
            raise self._refusal(
                f"{method.__qualname__} returns {type(outputs).__name__}, must return "
                "a pair"
            )
        return outputs

    def _same(self, what: str, found: Any, wanted: Any) -> None:
        structure, like = map(str, map(jax.tree.structure, (found, wanted)))
        if structure != like:
            raise self._refusal(_structure_words(what, found, wanted))
        leaves, _ = jax.tree_util.tree_flatten_with_path(found)
        for (path, leaf), right in zip(leaves, jax.tree.leaves(wanted), strict=True):
            if (leaf.shape, leaf.dtype) != (right.shape, right.dtype):
                where = jax.tree_util.keystr(path)
                raise self._refusal(
                    f"{what}{f' at {where}' if where else ''} is {in_words(leaf)}, "
                    f"must be {in_words(right)}"
                )

    def _refusal(self, message: str) -> InvalidInput:
        return InvalidInput(f"{self.name}: {message}")


def _structure_words(what: str, found: Any, wanted: Any) -> str:
    """Say where two trees are not built alike, and what an observation must be."""
    place = difference(found, wanted)
    if place is None:
        # Nodes of other libraries, which only JAX can tell apart.
        is_, be = map(str, map(jax.tree.structure, (found, wanted)))
        return f"{what} is {is_}, must be {be}"
    remedy = ""
    if place.place == ".observation":
        remedy = "; an observation is one array: join its parts by jnp.concatenate"
    at = f" at {place.place}" if place.place else ""
    return f"{what}{at} is {place.found}, must be {place.wanted}{remedy}"


def _words(found: Any) -> str:
    """An array by its type and shape, anything else by its type."""
    return in_words(found) if hasattr(found, "shape") else f"a {type(found).__name__}"
