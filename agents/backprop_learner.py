"""Actor-critic that follows gradients within its life: the yardstick of learners."""

import dataclasses
import math
from typing import Annotated, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from annotated_types import Ge, Gt, Le

from evolife.base import Action, Agent, Array, Key, TimeStep
from evolife.parts.actions import features
from evolife.parts.actor_critic import ActorCritic, actor_critic, merit
from evolife.parts.policy import draw
from evolife.parts.senses import no_action, sense


class Genome(NamedTuple):
    """Weights at birth, and the logarithm of each one's step size."""

    weights: ActorCritic
    log_steps: ActorCritic
    """One ``()`` number for each array of weights."""


class State(NamedTuple):
    """What a life changes: all but the step sizes."""

    weights: ActorCritic
    traces: ActorCritic
    value: Array
    last_action: Array


@dataclasses.dataclass(frozen=True)
class BackpropLearner(Agent):
    """One-step actor-critic with eligibility traces (Sutton & Barto 2018, ch. 13.5-6).

    ``delta = r + g v(x') - v(x)``, ``theta' = theta + step delta z``, then ``z' = g
    trace z + grad (log pi(a' | x') + v(x'))``, with discount g, which is 0 where a new
    trial begins. Errors, traces and weights are clipped, so that no life diverges.
    """

    idea: ClassVar[str] = (
        "It follows the gradient of what it earns at every step, from weights and with "
        "step sizes that evolution chose."
    )
    reads_reward: ClassVar[bool] = True

    hidden: Annotated[int, Ge(1)] = 32
    """Hidden units."""
    discount: Annotated[float, Ge(0), Le(1)] = 0.95
    """Worth of the next step's value; 0 across trials."""
    trace: Annotated[float, Ge(0), Le(1)] = 0.8
    """Lambda: what a trace keeps from step to step, times the discount."""
    step_size: Annotated[float, Gt(0), Le(1)] = 0.02
    """Step size that evolution begins with; none is ever above 1."""
    bound: Annotated[float, Gt(0)] = 10.0
    """Largest size of an error, a trace and a weight."""

    def init_genome(self, key: Key) -> Genome:
        """Draw a network; all its step sizes start equal."""
        weights = actor_critic(key, self.spec, self.hidden)
        log_step = jnp.full((), math.log(self.step_size), jnp.float32)
        return Genome(weights, jax.tree.map(lambda _: log_step, weights))

    def init_state(self, genome: Genome, key: Key) -> State:
        """A copy of the weights, to be changed."""
        none = jax.tree.map(jnp.zeros_like, genome.weights)
        return State(
            genome.weights, none, jnp.zeros((), jnp.float32), no_action(self.spec)
        )

    def step(
        self, genome: Genome, state: State, timestep: TimeStep, key: Key
    ) -> tuple[State, Action]:
        """Sense, correct the weights, act, and mark what led to the action."""
        x, space = sense(timestep, state.last_action), self.spec.action_space
        discount = jnp.where(timestep.first, 0.0, self.discount)
        _, value = state.weights(x)
        error = self._clip(timestep.reward + discount * value - state.value)

        def correct(weight: Array, log_step: Array, trace: Array) -> Array:
            pace = jnp.exp(jnp.minimum(log_step, 0.0))
            return self._clip(weight + pace * error * trace)

        def mark(trace: Array, slope: Array) -> Array:
            return self._clip(discount * self.trace * trace + slope)

        weights = jax.tree.map(correct, state.weights, genome.log_steps, state.traces)
        outputs, value = weights(x)
        action, sample = draw(space, outputs, key)
        slopes = jax.grad(merit)(weights, space, x, sample)
        traces = jax.tree.map(mark, state.traces, slopes)
        return State(weights, traces, value, features(space, action)), action

    def _clip(self, x: Array) -> Array:
        return jnp.clip(x, -self.bound, self.bound)
