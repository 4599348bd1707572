"""Actor-critic that follows gradients within its life: the yardstick of learners."""

import dataclasses
import math
from typing import Annotated, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from annotated_types import Ge, Gt, Le

from evolife.base import (
    Action,
    ActionSpace,
    Agent,
    Array,
    Both,
    Continuous,
    Key,
    Spec,
    TimeStep,
)
from evolife.parts import Linear, act, features, linear, no_action, sense, sense_size


def policy_size(space: ActionSpace) -> int:
    """How many outputs a policy has: a score a choice, mean and spread a number."""
    if isinstance(space, Both):
        return policy_size(space.discrete) + policy_size(space.continuous)
    return 2 * space.size if isinstance(space, Continuous) else space.size


def draw(space: ActionSpace, outputs: Array, key: Key) -> tuple[Action, Array]:
    """Draw an action, and its ``(output_size,)`` sample before any squashing.

    Choices follow a softmax. Numbers follow a Gaussian before they are squashed into
    their range; mean and spread are both outputs (Sutton & Barto 2018, ch. 13.7).
    """
    if isinstance(space, Both):
        cut = policy_size(space.discrete)
        one, other = jax.random.split(key)
        choice, chosen = draw(space.discrete, outputs[:cut], one)
        numbers, moved = draw(space.continuous, outputs[cut:], other)
        return (choice, numbers), jnp.concatenate([chosen, moved])
    if isinstance(space, Continuous):
        mean, log_spread = _gaussian(outputs)
        luck = jax.random.normal(key, mean.shape)
        sample = mean + jnp.exp(log_spread) * luck
        return act(space, sample, key), sample
    action = act(space, outputs, key, sample=True)
    return action, features(space, action)


def log_chance(space: ActionSpace, outputs: Array, sample: Array) -> Array:
    """Logarithm of the chance, or density, of a sample; constants left out.

    Squashing would only add what does not depend on the outputs.
    """
    if isinstance(space, Both):
        cut, at = policy_size(space.discrete), space.discrete.size
        chosen = log_chance(space.discrete, outputs[:cut], sample[:at])
        return chosen + log_chance(space.continuous, outputs[cut:], sample[at:])
    if isinstance(space, Continuous):
        mean, log_spread = _gaussian(outputs)
        off = (sample - mean) * jnp.exp(-log_spread)
        return -jnp.sum(off**2 / 2 + log_spread)
    return jnp.sum(sample * jax.nn.log_softmax(outputs))


def _gaussian(outputs: Array) -> tuple[Array, Array]:
    """Means, and logarithms of spreads within -3 and 1: neither certain nor lost."""
    mean, raw = jnp.split(outputs, 2)
    return mean, 2.0 * jnp.tanh(raw / 2.0) - 1.0


class ActorCritic(NamedTuple):
    """Acts and tells how much it expects to earn, from one hidden layer for both."""

    senses: Linear
    policy: Linear
    value: Linear

    def __call__(self, x: Array) -> tuple[Array, Array]:
        """Outputs of the policy ``(policy_size,)``, and the ``()`` value of ``x``."""
        hidden = jnp.tanh(self.senses(x))
        return self.policy(hidden), self.value(hidden)[0]


def actor_critic(key: Key, spec: Spec, hidden: int) -> ActorCritic:
    """Draw the layers; both readouts start small."""
    a, b, c = jax.random.split(key, 3)
    return ActorCritic(
        linear(a, sense_size(spec), hidden),
        linear(b, hidden, policy_size(spec.action_space), 0.1),
        linear(c, hidden, 1, 0.1),
    )


def merit(weights: ActorCritic, space: ActionSpace, x: Array, sample: Array) -> Array:
    """``log pi(sample | x) + v(x)``: what eligibility traces sum the gradient of.

    Each part reaches its own readout, and both the layer that they share.
    """
    outputs, value = weights(x)
    return log_chance(space, outputs, sample) + value


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
