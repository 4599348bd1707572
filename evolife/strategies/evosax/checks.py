"""What is checked before an evosax algorithm runs, and how a refusal is explained."""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp

from evolife.base import Genome, LifeStatistics, Strategy
from evolife.errors import EvolifeError, InvalidInput, nearest
from evolife.strategies.evosax.settings import ALGORITHMS, MisfitError
from evolife.strategies.evosax.tables import REFUSED

# Far enough to meet the next multiple of any number of groups in use.
_FARTHEST = 256
_GENEROUS = 5040


def check_name(name: str) -> None:
    """Raise InvalidInput for a name that evosax lacks, or one that cannot run."""
    if name not in ALGORITHMS:
        raise InvalidInput(
            f"strategy.name = {name!r}: evosax has no such algorithm"
            f"{nearest(name, ALGORITHMS)} (it has {', '.join(ALGORITHMS)})"
        )
    if name in REFUSED:
        raise InvalidInput(f"strategy.name = {name!r} cannot run: {REFUSED[name]}")


def check_template(name: str, template: Genome) -> None:
    """Raise InvalidInput for a genome that is empty or holds more than real numbers."""
    leaves = jax.tree.leaves(template)
    if sum(math.prod(leaf.shape) for leaf in leaves) == 0:
        raise InvalidInput(
            f"strategy {name}: the genome holds no numbers, so there is nothing to "
            "evolve; give the agent a genome"
        )
    for path, leaf in jax.tree_util.tree_leaves_with_path(template):
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            where = jax.tree_util.keystr(path)
            raise InvalidInput(
                f"strategy {name}: genome{where} is {leaf.dtype}; evolved numbers are "
                "float32, so keep others out of the genome"
            )


def rehearse(strategy: Strategy, template: Genome) -> None:
    """Trace one generation without running it.

    Raises:
        MisfitError: if the algorithm fails on this population or number of dimensions.
    """

    def newborn(key: Any) -> Genome:
        return jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), template)

    def ask(key: Any, generation: Any) -> tuple:
        state = strategy.init(key, newborn)
        return state, strategy.ask(state, generation)

    def tell(state: Any, proposal: Any, generation: Any, fitness: Any) -> Any:
        statistics = LifeStatistics(fitness, fitness, fitness)
        return strategy.tell(state, proposal, generation, fitness, statistics)

    size = strategy.population_size
    generation = jax.ShapeDtypeStruct((), jnp.int32)
    fitness = jax.ShapeDtypeStruct((size,), jnp.float32)
    before, proposal = _traced(ask, jax.random.key(0), generation)
    proposed = proposal.population.shape[0]
    if proposed != size:
        raise MisfitError(f"it proposes {proposed} members instead")
    after = _traced(tell, before, proposal, generation, fitness)
    if jax.tree.flatten(before) != jax.tree.flatten(after):
        raise MisfitError("its state changes its shape from generation to generation")


def _traced(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return jax.eval_shape(function, *arguments)
    except EvolifeError:
        raise
    except Exception as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise MisfitError(reason) from error


def explain(
    strategy_name: str,
    size: int,
    template: Genome,
    misfit: MisfitError,
    attempt: Callable[[int], Any],
) -> InvalidInput:
    """The refusal of a population, with the nearest sizes that ``attempt`` takes."""

    def suits(size: int) -> bool:
        try:
            attempt(size)
        except (MisfitError, InvalidInput):
            return False
        return True

    reason = str(misfit).rstrip(".")
    # A highly divisible size, and one more: refused too, no size is to blame.
    if any(suits(size) for size in (_GENEROUS, _GENEROUS + 1)):
        these = " and ".join(str(near) for near in nearest_sizes(size, suits))
        return InvalidInput(
            f"population.size = {size}: {strategy_name} refuses it ({reason}); nearest "
            f"that it takes with these settings: {these or 'none nearby'}"
        )
    numbers = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(template))
    return InvalidInput(
        f"strategy {strategy_name} refuses a genome of {numbers} numbers with these "
        f"settings, whatever the population ({reason}); change its settings or choose "
        "another"
    )


def nearest_sizes(size: int, suits: Callable[[int], bool]) -> Iterator[int]:
    """The nearest population below ``size`` that suits, and the nearest above."""
    below = range(size - 1, max(0, size - _FARTHEST), -1)
    above = range(size + 1, size + _FARTHEST)
    for candidates in (below, above):
        yield from itertools.islice(filter(suits, candidates), 1)
