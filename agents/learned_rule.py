"""Network whose synapses are copies of one tiny network: it evolves how to learn."""

import dataclasses
import itertools
from typing import Annotated, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from annotated_types import Ge

from evolife.base import Action, Agent, Array, Key, TimeStep
from evolife.parts import Linear, act, features, linear, output_size


class Rule(NamedTuple):
    """How a synapse changes, and what it passes on: one tiny recurrent network.

    States are ``(units, synapses)``, messages ``(channels, neurons)``, or ``(channels,
    synapses)`` as each synapse hears them: what there is much of comes last, because a
    processor's vectors are filled by many synapses and not by the few numbers of one.
    """

    update: Linear
    """From its state and the product of its messages to gates and candidates."""
    before: Array
    """``(channels, 2 units)``: the same from the message of the neuron before it."""
    after: Array
    """``(channels, 2 units)``: the same from the message of the neuron after it."""
    broadcast: Array
    """``(2, 2 units)``: the same from reward and ``first``, told to all."""
    emit: Linear
    """From its state to ``2 channels`` weights: of messages forward, then back."""

    def learn(self, states: Array, before: Array, after: Array, told: Array) -> Array:
        """New states ``s + z (n - s)``, candidates ``n = tanh(sums)`` and hard gates z.

        Gates are ``clip((sums + 2) / 4, 0, 1)``: closed ones keep a state for ever.
        """
        heard = [states, before * after, before, after]
        weights = [self.update.weight, self.before, self.after]
        news = self.update.bias + told @ self.broadcast
        sums = mixed(jnp.concatenate(weights), jnp.concatenate(heard)) + news[:, None]
        gates, candidates = jnp.split(sums, 2)
        opened = jnp.clip(0.5 + gates / 4.0, 0.0, 1.0)
        return states + opened * (jnp.tanh(candidates) - states)

    def weights(self, states: Array) -> tuple[Array, Array]:
        """What states make of messages forward and back: ``(channels, synapses)``."""
        sums = mixed(self.emit.weight, states) + self.emit.bias[:, None]
        forward, back = jnp.split(sums, 2)
        return forward, back


def rule(key: Key, units: int, channels: int) -> Rule:
    """Draw a rule; gates start a tenth open, so that states last."""
    keys = jax.random.split(key, 5)
    update = linear(keys[0], units + channels, 2 * units)
    slow = jnp.repeat(jnp.array([-1.6, 0.0], jnp.float32), units)
    return Rule(
        update._replace(bias=slow),
        linear(keys[1], channels, 2 * units).weight,
        linear(keys[2], channels, 2 * units).weight,
        linear(keys[3], 2, 2 * units).weight,
        linear(keys[4], units, 2 * channels),
    )


def mixed(weight: Array, x: Array) -> Array:
    """``sum_k weight[k, n] x[k]``: ``(m, n)`` and ``(m, size)`` to ``(n, size)``.

    Written out, because a product of tiny matrices for each member takes several times
    as long on CPUs.
    """
    total = weight[0][:, None] * x[0]
    for k in range(1, x.shape[0]):
        total = total + weight[k][:, None] * x[k]
    return total


def messages_by(way: Linear, x: Array) -> Array:
    """``(m, neurons)`` numbers as messages ``(channels, neurons)``."""
    return jnp.tanh(mixed(way.weight, x) + way.bias[:, None])


def spread(messages: Array, inputs: int, outputs: int, axis: int) -> Array:
    """``(channels, neurons)`` to ``(channels, synapses)``: what each synapse hears.

    ``axis`` is 1 where neurons are the layer's inputs and 2 where its outputs.
    """
    shape = (messages.shape[0], inputs, outputs)
    along = jnp.expand_dims(messages, 3 - axis)
    return jnp.broadcast_to(along, shape).reshape(shape[0], -1)


def gathered(passed: Array, inputs: int, outputs: int, axis: int) -> Array:
    """``tanh(sum / sqrt(neurons))`` of ``(channels, synapses)``, as in ``spread``.

    ``axis`` is 1 to sum over a layer's inputs and 2 over its outputs.
    """
    total = passed.reshape(-1, inputs, outputs).sum(axis=axis)
    return jnp.tanh(total / (inputs, outputs)[axis - 1] ** 0.5)


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
    """``(units, inputs * outputs)`` a layer."""
    messages: tuple[Array, ...]
    """``(channels, inputs)`` a layer: what was last sent forward into it."""
    said: Array
    """``(2, outputs)``: the last action, and the outputs behind it."""


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

    @property
    def _sizes(self) -> list[tuple[int, int]]:
        """Inputs and outputs of each layer."""
        outputs = output_size(self.spec.action_space)
        sizes = (self.spec.observation_size, *self.hidden, outputs)
        return [*itertools.pairwise(sizes)]

    def init_genome(self, key: Key) -> Genome:
        """Draw the rule, and the ways in and out."""
        a, b, c, d = jax.random.split(key, 4)
        n, m = self.units, self.channels
        mean, spread = jnp.zeros(n, jnp.float32), jnp.full(n, 0.5, jnp.float32)
        ways = linear(a, 1, m), linear(b, m, 1), linear(c, 2, m)
        return Genome(*ways, rule(d, n, m), mean, spread)

    def init_state(self, genome: Genome, key: Key) -> State:
        """Synapses in random states; nothing was said yet."""
        mean, width = genome.mean[:, None], genome.spread[:, None]

        def newborn(layer: int, inputs: int, outputs: int) -> Array:
            mine = jax.random.fold_in(key, layer)
            luck = jax.random.normal(mine, (self.units, inputs * outputs))
            return jnp.tanh(mean + width * luck)

        silence = (
            jnp.zeros((self.channels, inputs), jnp.float32) for inputs, _ in self._sizes
        )
        return State(
            tuple(newborn(layer, *sizes) for layer, sizes in enumerate(self._sizes)),
            tuple(silence),
            jnp.zeros((2, self._sizes[-1][1]), jnp.float32),
        )

    def step(
        self, genome: Genome, state: State, timestep: TimeStep, key: Key
    ) -> tuple[State, Action]:
        """Learn from what was done, last layer first; then sense and act."""
        told = jnp.stack([timestep.reward, timestep.first.astype(jnp.float32)])
        back = messages_by(genome.feedback, state.said)
        synapses: list[Array] = []
        weights: list[Array] = []
        layers = list(zip(state.synapses, state.messages, self._sizes, strict=True))
        for states, message, sizes in reversed(layers):
            before, after = spread(message, *sizes, 1), spread(back, *sizes, 2)
            states = genome.rule.learn(states, before, after, told)
            forward, backward = genome.rule.weights(states)
            back = gathered(backward * after, *sizes, 2)
            synapses, weights = [states, *synapses], [forward, *weights]
        message, messages = messages_by(genome.encode, timestep.observation[None]), []
        for forward, sizes in zip(weights, self._sizes, strict=True):
            messages.append(message)
            message = gathered(forward * spread(message, *sizes, 1), *sizes, 1)
        outputs = (mixed(genome.decode.weight, message) + genome.decode.bias)[0]
        space = self.spec.action_space
        action = act(space, outputs, key, self.sample)
        said = jnp.stack([features(space, action), jnp.tanh(outputs)])
        return State(tuple(synapses), tuple(messages), said), action
