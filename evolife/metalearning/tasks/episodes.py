"""Searches on drawn tasks, cut into windows: what operators are trained through."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from evolife.base import Array, Key, LifeStatistics, Strategy
from evolife.metalearning.tasks import draw
from evolife.metalearning.tasks.draw import Ranges, Task
from evolife.selection.operator import Operator
from evolife.selection.shaping.learned import Learned

_LONGEST = 10.0


class Episode(NamedTuple):
    """One search, somewhere on its way."""

    task: Task
    unit: Array
    """The task's value at the start."""
    state: Any
    """The strategy's; the operator within is put there anew at every window."""
    key: Key
    generation: Array
    """How many generations are done."""


@dataclasses.dataclass(frozen=True)
class Search:
    """A strategy under a learned selection, on tasks from given families."""

    strategy: Strategy
    dimensions: int
    families: tuple[str, ...]
    ranges: Ranges

    def begin(self, key: Key) -> Episode:
        """Draw a task and start at the origin."""
        parts = jax.random.split(key, 3)
        task = draw.draw(parts[0], self.dimensions, len(self.families), self.ranges)
        state = self.strategy.init(parts[1], self._origin)
        unit = draw.begin(task, self.families)
        return Episode(task, unit, state, parts[2], jnp.int32(0))

    def window(
        self, episode: Episode, operator: Operator, generations: int
    ) -> tuple[Episode, Array]:
        """Go on under ``operator``; also return ``(generations,)`` gaps of the centre.

        A generation's values are computed again on the way back, so that memory for
        backprop grows by one strategy state a generation.
        """
        state = with_operator(episode.state, operator)

        @jax.checkpoint
        def step(state: Any, t: Array) -> tuple[Any, Array]:
            key = jax.random.fold_in(episode.key, t)
            measured = functools.partial(self._fitness, episode, key)
            state = generation(self.strategy, measured, bounded(state), t)
            centre = self.strategy.centre(state)
            return state, draw.gap(episode.task, self.families, centre, episode.unit)

        times = episode.generation + jnp.arange(generations, dtype=jnp.int32)
        state, gaps = jax.lax.scan(step, state, times)
        return episode._replace(state=state, generation=times[-1] + 1), gaps

    def _fitness(self, episode: Episode, key: Key, members: Array) -> Array:
        unit = episode.unit
        return draw.fitness(episode.task, self.families, members, key, unit)[0]

    def _origin(self, key: Key) -> Array:
        return jnp.zeros(self.dimensions, jnp.float32)


def generation(
    strategy: Strategy, fitness: Callable[[Array], Array], state: Any, t: Array
) -> Any:
    """The strategy's state after generation ``t``; ``fitness`` measures all members."""
    proposal = strategy.ask(state, t)
    ids = jnp.arange(strategy.population_size)
    measured = fitness(jax.vmap(lambda i: strategy.member(proposal, i))(ids))
    # A function has no life: early and late are the fitness, and nobody knows the error
    # of one evaluation.
    statistics = LifeStatistics(measured, measured, jnp.zeros_like(measured))
    return strategy.tell(state, proposal, t, measured, statistics)


def search(
    strategy: str,
    dimensions: int,
    members: int,
    selection: Learned,
    families: Sequence[str],
    ranges: Ranges,
) -> Search:
    """A search by an algorithm of evosax.

    Raises:
        InvalidInput: evosax has no such algorithm, or it refuses the sizes.
    """
    from evolife.strategies.evosax import strategy as evosax

    template = jax.ShapeDtypeStruct((dimensions,), jnp.float32)
    # Also where the caller is being traced: evosax computes constants when it is built.
    with jax.ensure_compile_time_eval():
        built = evosax.build(strategy, members, {}, selection, template)
    return Search(built, dimensions, tuple(families), ranges)


def with_operator(state: Any, operator: Operator) -> Any:
    """A strategy's state with ``operator`` in the place of its selection's own."""
    held = state.selection.operator
    put = jax.tree.map(
        lambda new, old: jnp.broadcast_to(new, old.shape), operator, held
    )
    return state._replace(selection=state.selection._replace(operator=put))


@jax.custom_vjp
def bounded(state: Any) -> Any:
    """The same, but no longer a gradient than 10 goes back through it.

    A search that has converged to the last bit, or flies apart, has gradients beyond
    all numbers, which would drown those of every other.
    """
    return state


def _forth(state: Any) -> tuple[Any, None]:
    return state, None


def _back(_: None, slope: Any) -> tuple[Any]:
    def real(leaf: Any) -> bool:
        return bool(leaf.dtype != jax.dtypes.float0)

    leaves = [leaf for leaf in jax.tree.leaves(slope) if real(leaf)]
    total = sum(jnp.sum(jnp.square(leaf)) for leaf in leaves)
    factor = jnp.minimum(1.0, _LONGEST / jnp.sqrt(total + 1e-20))
    sound = jnp.isfinite(total)

    def shortened(leaf: Any) -> Any:
        return jnp.where(sound, leaf * factor, 0) if real(leaf) else leaf

    return (jax.tree.map(shortened, slope),)


bounded.defvjp(_forth, _back)


def choose(condition: Array, this: Any, other: Any) -> Any:
    """Every leaf of ``this`` where the condition holds, of ``other`` elsewhere."""

    def pick(a: Any, b: Any) -> Any:
        if jax.dtypes.issubdtype(a.dtype, jax.dtypes.prng_key):
            data = jnp.where(condition, jax.random.key_data(a), jax.random.key_data(b))
            return jax.random.wrap_key_data(data, impl=jax.random.key_impl(a))
        return jnp.where(condition, a, b)

    return jax.tree.map(pick, this, other)
