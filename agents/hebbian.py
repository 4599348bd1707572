"""Network born with random weights that grow by evolved local rules."""

import dataclasses
import itertools
from typing import Annotated, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from annotated_types import Ge, Gt, MinLen

from evolife.base import Action, Agent, Array, Key, TimeStep
from evolife.parts import act, features, no_action, output_size, sense, sense_size


class Rule(NamedTuple):
    """Five numbers for each synapse of one layer, ``(inputs, outputs)`` each."""

    a: Array
    """Of the correlation of both activities."""
    b: Array
    """Of the activity before the synapse."""
    c: Array
    """Of the activity after it."""
    d: Array
    """Of nothing: growth by itself."""
    eta: Array
    """Learning rate."""


def rule(key: Key, inputs: int, outputs: int, scale: float = 0.1) -> Rule:
    """Draw normal coefficients of standard deviation ``scale``, of either sign."""
    numbers = scale * jax.random.normal(key, (5, inputs, outputs))
    return Rule(*numbers)


def grow(
    weights: Array, rule: Rule, before: Array, after: Array, bound: float
) -> Array:
    """Change ``(inputs, outputs)`` weights by the activities on both of their sides.

    ``w_ij' = w_ij + eta_ij (A_ij o_i o_j + B_ij o_i + C_ij o_j + D_ij)`` (Najarro &
    Risi 2020), cut off at the bound. A synapse knows nothing but its own two ends.
    """
    o_i, o_j = before[:, None], after
    change = rule.eta * (o_i * (rule.a * o_j + rule.b) + rule.c * o_j + rule.d)
    return jnp.clip(weights + change, -bound, bound)


Genome = tuple[Rule, ...]


class State(NamedTuple):
    """What a life changes: all of its weights."""

    weights: tuple[Array, ...]
    """``(inputs, outputs)`` of each layer."""
    last_action: Array


@dataclasses.dataclass(frozen=True)
class Hebbian(Agent):
    """Generalised Hebbian ABCD plasticity (Najarro & Risi 2020), senses as in RL^2.

    Layers ``o = tanh(o_before w)``; after each step ``w_ij' = w_ij + eta_ij (A_ij o_i
    o_j + B_ij o_i + C_ij o_j + D_ij)``. Only the five coefficients of every synapse are
    evolved: each life begins with random weights and must learn all it can do. Weights
    are cut off at a bound where the paper rescales layers, so that rules stay local.
    """

    idea: ClassVar[str] = (
        "It is born with random weights, and every synapse grows by a rule of its own "
        "from the activities at its two ends."
    )
    reads_reward: ClassVar[bool] = True

    hidden: Annotated[tuple[Annotated[int, Ge(1)], ...], MinLen(1)] = (32,)
    """Units of each hidden layer."""
    newborn: Annotated[float, Gt(0)] = 0.1
    """A newborn's weights are uniform between minus this and this."""
    bound: Annotated[float, Gt(0)] = 1.0
    """Largest size of a weight."""
    sample: bool = False
    """Draw choices from a softmax instead of taking the largest."""

    @property
    def _shapes(self) -> list[tuple[int, int]]:
        outputs = output_size(self.spec.action_space)
        return [*itertools.pairwise((sense_size(self.spec), *self.hidden, outputs))]

    def init_genome(self, key: Key) -> Genome:
        """Draw the rules of each layer; none is about initial weights."""
        keys = jax.random.split(key, len(self._shapes))
        pairs = zip(keys, self._shapes, strict=True)
        return tuple(rule(key, *shape) for key, shape in pairs)

    def init_state(self, genome: Genome, key: Key) -> State:
        """Random weights, other ones in every life."""
        keys = jax.random.split(key, len(self._shapes))
        weights = [
            jax.random.uniform(key, shape, jnp.float32, -self.newborn, self.newborn)
            for key, shape in zip(keys, self._shapes, strict=True)
        ]
        return State(tuple(weights), no_action(self.spec))

    def step(
        self, genome: Genome, state: State, timestep: TimeStep, key: Key
    ) -> tuple[State, Action]:
        """Sense, act, and let every synapse grow."""
        activities = [sense(timestep, state.last_action)]
        sums = activities[0]
        for weights in state.weights:
            sums = activities[-1] @ weights
            activities.append(jnp.tanh(sums))
        space = self.spec.action_space
        action = act(space, sums, key, self.sample)
        ends = itertools.pairwise(activities)
        layers = zip(state.weights, genome, ends, strict=True)
        grown = [grow(w, law, *pair, self.bound) for w, law, pair in layers]
        return State(tuple(grown), features(space, action)), action
