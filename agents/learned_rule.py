"""Network whose synapses are copies of one tiny network: it evolves how to learn."""

import dataclasses
import itertools
from typing import Annotated, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from annotated_types import Ge

from evolife import noise
from evolife.base import Action, Agent, Array, Key, TimeStep
from evolife.parts.actions import act, features, output_size
from evolife.parts.linear import Linear, linear
from evolife.parts.shared_rule import Rule, gathered, rule


class Genome(NamedTuple):
    """What all synapses share; no size depends on the layers that they connect."""

    encode: Linear
    """From one sensed number to a message forward."""
    decode: Linear
    """From a message to one output."""
    feedback: Linear
    """From what an output did and said to a message back."""
    rule: Rule
    mean: Array
    """``(units,)`` middle of the random states at birth, before tanh."""
    spread: Array
    """``(units,)`` how far they differ."""


class State(NamedTuple):
    """What a life changes."""

    synapses: tuple[Array, ...]
    """``(inputs, outputs, units)`` a layer."""
    messages: tuple[Array, ...]
    """``(inputs, channels)`` a layer: what was last sent forward into it."""
    said: Array
    """``(outputs, 2)``: the last action, and the outputs behind it."""


@dataclasses.dataclass(frozen=True)
class LearnedRule(Agent):
    """Variable shared meta-learning, online (VSML, Kirsch & Schmidhuber 2021).

    First what was done flows back: ``s_ab' = RNN(s_ab, m_a, r_b, m_a * r_b, reward,
    first)`` and ``r_a = tanh(sum_b g(s_ab') * r_b / sqrt(outputs))``; then what is
    sensed flows forward: ``m_b = tanh(sum_a f(s_ab') * m_a / sqrt(inputs))``. Messages
    have several channels and states weigh them, as in BLUR (Sandler et al. 2021).
    Neurons have no names: random states at birth tell them apart.
    """

    idea: ClassVar[str] = (
        "All synapses run one evolved rule, fed by messages from both sides and by "
        "reward: what sets them apart is learned in a life, in layers of any size."
    )
    reads_reward: ClassVar[bool] = True

    hidden: tuple[Annotated[int, Ge(1)], ...] = (8,)
    """Neurons of each hidden layer; may change after evolution."""
    units: Annotated[int, Ge(1)] = 8
    """Numbers in the state of a synapse."""
    channels: Annotated[int, Ge(1)] = 4
    """Numbers in a message."""
    sample: bool = False
    """Draw choices from a softmax instead of taking the largest."""

    def init_genome(self, key: Key) -> Genome:
        """Draw the rule, and the ways in and out."""
        a, b, c, d = jax.random.split(key, 4)
        n, m = self.units, self.channels
        mean, spread = jnp.zeros(n, jnp.float32), jnp.full(n, 0.5, jnp.float32)
        ways = linear(a, 1, m), linear(b, m, 1), linear(c, 2, m)
        return Genome(*ways, rule(d, n, m), mean, spread)

    def init_state(self, genome: Genome, key: Key) -> State:
        """Synapses in random states; nothing was said yet."""
        outputs = output_size(self.spec.action_space)
        sizes = (self.spec.observation_size, *self.hidden, outputs)

        def newborn(layer: int, inputs: int, outputs: int) -> Array:
            mine = jax.random.fold_in(key, layer)
            luck = jax.random.normal(mine, (inputs, outputs, self.units))
            return jnp.tanh(genome.mean + genome.spread * luck)

        pairs = enumerate(itertools.pairwise(sizes))
        silence = (jnp.zeros((n, self.channels), jnp.float32) for n in sizes[:-1])
        return State(
            tuple(newborn(layer, *pair) for layer, pair in pairs),
            tuple(silence),
            jnp.zeros((outputs, 2), jnp.float32),
        )

    def step(
        self, genome: Genome, state: State, timestep: TimeStep, key: Key
    ) -> tuple[State, Action]:
        """Learn from what was done, last layer first; then sense and act."""
        genome = noise.materialise(genome)
        told = jnp.stack([timestep.reward, timestep.first.astype(jnp.float32)])
        back = jnp.tanh(genome.feedback(state.said))
        synapses: list[Array] = []
        weights: list[Array] = []
        layers = list(zip(state.synapses, state.messages, strict=True))
        for states, before in reversed(layers):
            states = genome.rule.learn(states, before, back, told)
            forward, backward = genome.rule.weights(states)
            back = gathered(backward, back, axis=1)
            synapses, weights = [states, *synapses], [forward, *weights]
        message, messages = jnp.tanh(genome.encode(timestep.observation[:, None])), []
        for forward in weights:
            messages.append(message)
            message = gathered(forward, message[:, None], axis=0)
        outputs, space = genome.decode(message)[:, 0], self.spec.action_space
        action = act(space, outputs, key, self.sample)
        said = jnp.stack([features(space, action), jnp.tanh(outputs)], axis=-1)
        return State(tuple(synapses), tuple(messages), said), action
