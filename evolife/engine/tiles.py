"""How many members one program lives at once, where the config says ``auto``.

The rule reads nothing but the config and the shapes it leads to, so that the same
config gives the same tile, and therefore the same bits, on every machine.
"""

import math
from typing import Any

import jax

from evolife import keys
from evolife.base import Agent, Environment, Strategy

_CACHE_BYTES = 2**21
"""Half of a core's share of the last-level cache in a current server."""
_SMALLEST, _LARGEST = 4, 512
_UNITS = 8
"""Tiles that there should be where the population allows, for ranks to share."""
_VECTOR = 16
"""float32 numbers in the widest vector of a current processor."""


def auto_tile(
    size: int, strategy: Strategy, agent: Agent, environment: Environment
) -> int:
    """Return the tile for a population of ``size`` members.

    As many members as keep what each touches at every step (its own part of the genome,
    its state, the environment's state) within the cache; at most an eighth of the
    population, but never less than a vector's width for that reason.
    """
    touched = 4 * strategy.member_size + _state_bytes(agent, environment)
    fits = 2 ** int(math.log2(max(_CACHE_BYTES // touched, 1)))
    tile = min(max(fits, _SMALLEST), _LARGEST)
    shared = 2 ** int(math.log2(max(size // _UNITS, 1)))
    return min(tile, max(shared, _VECTOR), size)


def _state_bytes(agent: Agent, environment: Environment) -> int:
    key = keys.root_key(0)
    genome = jax.eval_shape(agent.init_genome, key)
    agent_state = jax.eval_shape(agent.init_state, genome, key)
    environment_state = jax.eval_shape(environment.reset, key)
    return _bytes((agent_state, environment_state))


def _bytes(tree: Any) -> int:
    leaves = jax.tree.leaves(tree)
    return sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in leaves)
