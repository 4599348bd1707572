"""An agent led by hand: its own lifetime code, in an environment that only listens."""

import dataclasses

import jax
import jax.numpy as jnp

from evolife.base import (
    Action,
    Agent,
    AgentState,
    Array,
    Environment,
    Genome,
    Key,
    Spec,
    TimeStep,
)
from evolife.engine import lifetime
from evolife.plugins.fit import action_shapes


@dataclasses.dataclass(frozen=True)
class _Listener(Environment):
    """Keeps the last action as its state, and answers nothing."""

    given: Spec

    @property
    def spec(self) -> Spec:
        """As given."""
        return self.given

    @property
    def reward_range(self) -> tuple[float, float]:
        """Nothing is earned."""
        return 0.0, 0.0

    def reset(self, key: Key) -> tuple[Action, TimeStep]:
        """Nothing was done yet."""
        shapes = action_shapes(self.given.action_space)
        nothing = jax.tree.map(lambda like: jnp.zeros(like.shape, like.dtype), shapes)
        return nothing, self._silence()

    def step(self, state: Action, action: Action, key: Key) -> tuple[Action, TimeStep]:
        """Remember what was done."""
        return action, self._silence()

    def _silence(self) -> TimeStep:
        observation = jnp.zeros(self.given.observation_size, jnp.float32)
        return TimeStep(observation, jnp.float32(0), jnp.bool_(False))


class AgentProgram:
    """One agent's birth and step, compiled once for all its lives."""

    def __init__(self, agent: Agent) -> None:
        self.agent, self._environment = agent, _Listener(agent.spec)
        self.birth = jax.jit(self._birth)
        self.step = jax.jit(self._step)

    def _birth(self, genome: Genome, key: Key) -> AgentState:
        """The newborn state in the life that ``key`` stands for."""
        return lifetime.birth(self.agent, self._environment, genome, key, 1).agent

    def _step(
        self,
        genome: Genome,
        agent_state: AgentState,
        timestep: TimeStep,
        key: Key,
        t: Array,
    ) -> tuple[AgentState, Action]:
        """Step ``t`` of that life: the state after it, and the action."""
        nothing, _ = self._environment.reset(key)
        life = lifetime.Life(agent_state, nothing, timestep, jnp.zeros(1, jnp.float32))
        edges = jnp.stack([t, t + 1])
        after = lifetime.advance(
            self.agent, self._environment, genome, life, key, edges, 0, 1, axis=None
        )
        return after.agent, after.environment
