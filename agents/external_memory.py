"""Small recurrent controller with a memory of slots beside it."""

import dataclasses
from typing import Annotated, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from annotated_types import Ge, Lt

from evolife.base import Action, Agent, Array, Key, TimeStep
from evolife.parts.actions import act, features, output_size
from evolife.parts.heads import note, orders, orders_size, recall
from evolife.parts.linear import Linear, linear
from evolife.parts.senses import no_action, sense, sense_size


class Genome(NamedTuple):
    """Weights, fixed within a life; none depends on the number of slots."""

    controller: Linear
    heads: Linear
    """To keys, contents, sharpnesses and gates."""
    readout: Linear


class State(NamedTuple):
    """What a life changes."""

    memory: Array
    """``(slots, width)``, within [-1, 1]."""
    usage: Array
    """``(slots,)``: how much and how recently each slot was read or written."""
    found: Array
    """``(width,)``: what was last read."""
    hidden: Array
    last_action: Array


@dataclasses.dataclass(frozen=True)
class ExternalMemory(Agent):
    """Neural Turing machine (Graves et al. 2014) that writes to least-used slots.

    A controller ``h' = tanh(W [x, r, h] + b)`` of RL^2 inputs x (Duan et al. 2016) and
    what it last read writes by content or, as its gate says, to the least-used slot
    (Santoro et al. 2016), which is wiped first. Then it reads by content and acts. As
    no weight belongs to a slot, a life may have more slots than evolution had.
    """

    idea: ClassVar[str] = (
        "It notes what it meets in slots and finds it again by content; when none is "
        "free it overwrites the slot it used least."
    )
    reads_reward: ClassVar[bool] = True

    slots: Annotated[int, Ge(1)] = 16
    """Slots of the memory; may be changed after evolution."""
    width: Annotated[int, Ge(1)] = 8
    """Numbers in a slot."""
    hidden: Annotated[int, Ge(1)] = 16
    """Units of the controller."""
    decay: Annotated[float, Ge(0), Lt(1)] = 0.99
    """What is left of a slot's usage one step later."""
    sharpness: float = 5.0
    """Where the bias of the sharpness of addressing starts."""
    sample: bool = False
    """Draw choices from a softmax instead of taking the largest."""

    def init_genome(self, key: Key) -> Genome:
        """Draw the three layers; addressing starts as sharp as its bias says."""
        a, b, c = jax.random.split(key, 3)
        n, width = self.hidden, self.width
        heads = linear(b, n, orders_size(width))
        sharp = jnp.arange(orders_size(width)) // 2 == 2 * width
        bias = jnp.where(sharp, jnp.float32(self.sharpness), heads.bias)
        return Genome(
            linear(a, sense_size(self.spec) + width + n, n),
            heads._replace(bias=bias),
            linear(c, n + width, output_size(self.spec.action_space)),
        )

    def init_state(self, genome: Genome, key: Key) -> State:
        """Empty slots."""
        return State(
            jnp.zeros((self.slots, self.width), jnp.float32),
            jnp.zeros(self.slots, jnp.float32),
            jnp.zeros(self.width, jnp.float32),
            jnp.zeros(self.hidden, jnp.float32),
            no_action(self.spec),
        )

    def step(
        self, genome: Genome, state: State, timestep: TimeStep, key: Key
    ) -> tuple[State, Action]:
        """Sense, think, write, read, act."""
        sensed = sense(timestep, state.last_action)
        inputs = jnp.concatenate([sensed, state.found, state.hidden])
        hidden = jnp.tanh(genome.controller(inputs))
        told = orders(genome.heads(hidden), self.width)
        memory, written = note(state.memory, state.usage, told)
        found, looked = recall(memory, told)
        usage = self.decay * state.usage + written + looked
        space = self.spec.action_space
        outputs = genome.readout(jnp.concatenate([hidden, found]))
        action = act(space, outputs, key, self.sample)
        return State(memory, usage, found, hidden, features(space, action)), action
