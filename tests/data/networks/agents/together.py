"""All networks of this folder, and many uses of a matrix, in one agent."""

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from equinox_gru import EquinoxGru
from linen_mlp import LinenMlp
from nnx_gru import NnxGru
from uses import CHEAP, FULL

from evolife.base import Action, Agent, Key, TimeStep

_PARTS = (EquinoxGru, LinenMlp, NnxGru)
_USES = [use for i, use in enumerate((CHEAP | FULL).values()) if i % 2]


@dataclasses.dataclass(frozen=True)
class Together(Agent):
    """The mean of what they do; one more matrix is used in many ways."""

    idea: ClassVar[str] = "Its parts remember."
    reads_reward: ClassVar[bool] = True

    @property
    def _parts(self) -> list[Agent]:
        return [part(self.spec) for part in _PARTS]

    def init_genome(self, key: Key) -> Any:
        """The parts' genomes, and a matrix."""
        keys = jax.random.split(key, len(_PARTS))
        genomes = [p.init_genome(k) for p, k in zip(self._parts, keys, strict=True)]
        size = self.spec.observation_size
        return genomes, 0.5 * jax.random.normal(key, (size, size - 1))

    def init_state(self, genome: Any, key: Key) -> Any:
        """The parts' states, and the matrix."""
        genomes, matrix = genome
        pairs = zip(self._parts, genomes, strict=True)
        return [part.init_state(g, key) for part, g in pairs], matrix

    def step(
        self, genome: Any, state: Any, timestep: TimeStep, key: Key
    ) -> tuple[Any, Action]:
        """Let all parts act."""
        rows = zip(self._parts, genome[0], state[0], strict=True)
        done = [part.step(g, s, timestep, key) for part, g, s in rows]
        uses = [use(genome[1], timestep.observation) for use in _USES]
        sums = [jnp.mean(jnp.tanh(x)) for x in jax.tree.leaves(uses)]
        actions = jnp.stack([action for _, action in done])
        action = 0.5 * actions.mean(axis=0) + 0.5 * jnp.mean(jnp.stack(sums))
        return ([s for s, _ in done], 0.5 * state[1] + 0.5 * genome[1]), action
