"""What a rank must hold in memory, told from shapes alone, before anything runs."""

import math
import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from evolife import keys
from evolife.engine.experiment import Experiment
from evolife.errors import InvalidInput
from evolife.processes.placement import place

_GROUPS = ("memory.max", "memory/memory.limit_in_bytes")


def strategy_bytes(experiment: Experiment) -> int:
    """Return the bytes a rank holds in ask and tell: two states and what was asked.

    A dense strategy asks for all K x D numbers on every rank; ``low_rank`` for one
    genome. Shapes are traced, nothing is computed.
    """
    state, proposal = jax.eval_shape(lambda: _asked(experiment))
    return 2 * _bytes(state) + _bytes(proposal)


def check_memory(experiment: Experiment, available: int | None = None) -> None:
    """Refuse a strategy whose ranks on this machine cannot hold it together.

    Raises:
        InvalidInput: says what is needed, what there is, and what would need less.
    """
    here = place()
    ranks = here.local_size if here and here.local_size else 1
    needed = strategy_bytes(experiment) * ranks
    available = available or usable_memory()
    if needed <= available:
        return
    strategy = experiment.strategy
    raise InvalidInput(
        f"strategy {strategy.name}: {strategy.population_size} members of "
        f"{strategy.member_size} numbers take {needed / 1e9:.3g} GB on {ranks} rank(s) "
        f"of this machine, which has {available / 1e9:.3g} GB; use "
        "strategy.name=low_rank, which never builds the population, a smaller "
        "population.size or agent, or fewer ranks a machine"
    )


def usable_memory(root: Path = Path("/")) -> int:
    """Return the bytes of memory here: the machine's, or a container's limit.

    ``root`` is where ``sys/fs/cgroup`` is looked up.
    """
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for name in _GROUPS:
        try:
            text = (root / "sys/fs/cgroup" / name).read_text().strip()
        except OSError:
            continue
        limits += [int(text)] if text.isdigit() else []
    return min(limits)


def _asked(experiment: Experiment) -> tuple[Any, Any]:
    strategy = experiment.strategy
    state = strategy.init(keys.root_key(0), experiment.agent.init_genome)
    return state, strategy.ask(state, jnp.int32(0))


def _bytes(tree: Any) -> int:
    leaves = jax.tree.leaves(tree)
    return sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in leaves)
