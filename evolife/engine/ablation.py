"""``learns: false`` as a switch: one program lives a champion with it and without."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from evolife import keys
from evolife.base import Action, Agent, AgentState, Genome, Key, TimeStep


class Switched(NamedTuple):
    """A genome, and whether it may learn."""

    genome: Genome
    learns: Any
    """``()`` bool."""


class _Mind(NamedTuple):
    now: AgentState
    newborn: AgentState


@dataclasses.dataclass(frozen=True)
class Switchable(Agent):
    """An agent whose genome says whether it learns.

    A program of its own for the ablation would take as long to compile as that of the
    champions; so both are one.
    """

    inner: Agent

    def init_genome(self, key: Key) -> Switched:
        """The inner agent's, which learns."""
        return Switched(self.inner.init_genome(key), jnp.bool_(True))

    def init_state(self, genome: Switched, key: Key) -> _Mind:
        """The inner agent's, twice."""
        newborn = self.inner.init_state(genome.genome, key)
        return _Mind(newborn, newborn)

    def step(
        self, genome: Switched, state: _Mind, timestep: TimeStep, key: Key
    ) -> tuple[_Mind, Action]:
        """Step from where the last step led to, or from birth."""
        now = jax.tree.map(
            lambda grown, born: jnp.where(genome.learns, grown, born), *state
        )
        now, action = self.inner.step(genome.genome, now, timestep, key)
        return _Mind(now, state.newborn), action


def ablatable(agent: Agent) -> Agent:
    """The agent that lives what ``switched`` makes of genomes."""
    return Switchable(agent.spec, inner=agent) if learns(agent) else agent


def switched(agent: Agent, genomes: Any, count: int, learning: bool = True) -> Any:
    """``count`` stacked genomes that are told whether to learn.

    Those of an agent which could not anyway stay as they are.
    """
    if not learns(agent):
        return genomes
    return Switched(genomes, np.full(count, learning))


def learns(agent: Agent) -> bool:
    """Whether an agent carries anything from one step of its life to the next."""

    def born(key: Key) -> Any:
        return agent.init_state(agent.init_genome(key), key)

    state = jax.eval_shape(born, keys.root_key(0))
    return agent.learns and bool(jax.tree.leaves(state))
