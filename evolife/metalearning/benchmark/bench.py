"""How far contenders come on the same drawn tasks, with as many evaluations each."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from evolife import keys
from evolife.base import Array, Key
from evolife.engine.fitness import worst_for_nonfinite
from evolife.errors import InvalidInput
from evolife.metalearning.benchmark.baselines import Contender, Recipe
from evolife.metalearning.tasks import draw
from evolife.metalearning.tasks.draw import Ranges, Task
from evolife.metalearning.tasks.episodes import generation, with_operator
from evolife.metalearning.tasks.functions import families
from evolife.selection.operator import Operator


@dataclasses.dataclass(frozen=True)
class Setting:
    """Sizes of a search."""

    dimensions: int
    """D of the tasks."""
    size: int
    """N members a generation."""
    generations: int = 50

    def __str__(self) -> str:
        return f"D = {self.dimensions}, N = {self.size}, {self.generations} generations"


WITHIN = tuple(
    Setting(*pair) for pair in ((2, 8), (5, 16), (10, 16), (20, 32), (40, 64))
)
"""Sizes much like those of training."""

BEYOND = (Setting(10, 16, 250), Setting(40, 64, 250), Setting(160, 256, 50))
"""Searches five times as long, and four times the largest D and N."""


@dataclasses.dataclass(frozen=True)
class Bench:
    """What is drawn: the same for every contender."""

    seeds: int
    """Tasks of each family."""
    seed: int = 0
    """Of the tasks and of the searches."""
    families: tuple[str, ...] = families("test")
    """Families of functions."""
    ranges: Ranges = dataclasses.field(default=Ranges(), repr=False)
    """From what tasks are drawn."""

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn.

        Raises:
            InvalidInput: no seeds, or an unknown family.
        """
        try:
            draw.check_families(self.families, smooth=False)
        except ValueError as error:
            raise InvalidInput(str(error)) from error
        if self.seeds < 1:
            raise InvalidInput(f"seeds = {self.seeds}: at least 1 task of each family")


class Trial(NamedTuple):
    """One task and the randomness of the search; stacked ``(families, seeds)``."""

    task: Task
    unit: Array
    """The task's value at the start."""
    key: Key
    """Of the strategy and of the noise."""


@functools.lru_cache(maxsize=4)
def trials(setting: Setting, bench: Bench) -> Trial:
    """Draw the ``(families, seeds)`` trials; more seeds leave the first ones alone."""
    key = keys.pool_key(bench.seed, keys.Pool.REPORT)
    for number in dataclasses.astuple(setting):
        key = jax.random.fold_in(key, number)
    count = len(bench.families)

    def drawn(family: Array, seed: Array) -> Trial:
        own = jax.random.fold_in(jax.random.fold_in(key, family), seed)
        first, second = (jax.random.fold_in(own, i) for i in range(2))
        task = draw.draw(first, setting.dimensions, count, bench.ranges)
        return Trial(task._replace(family=family), jnp.zeros(()), second)

    @jax.jit
    def all_drawn() -> Trial:
        over_seeds = jax.vmap(drawn, in_axes=(None, 0))
        over_both = jax.vmap(over_seeds, in_axes=(0, None))
        bare = over_both(jnp.arange(count), jnp.arange(bench.seeds))
        units = each(lambda trial: draw.begin(trial.task, bench.families), bare)
        return bare._replace(unit=units)

    return all_drawn()


def measure(contender: Contender, setting: Setting, bench: Bench) -> np.ndarray:
    """``(families, seeds)`` log10 gaps of the centre, measured without noise.

    The gap is that of ``tasks.draw.gap``: 0 at the start, lower is
    better. A search that ends in NaN counts as one that has not moved: 0.

    Raises:
        InvalidInput: the strategy refuses the sizes, or has another population.
    """
    drawn = trials(setting, bench)
    search = _program(contender.recipe, setting, bench)
    centres = search(drawn, contender.parameters)
    gaps = np.asarray(_gaps(bench.families)(drawn, centres), np.float64)
    return np.where(np.isnan(gaps), 0.0, gaps)


def each(function: Callable[..., Any], drawn: Trial, *more: Any) -> Any:
    """``function(trial, *more)`` for every trial, stacked ``(families, seeds, ...)``.

    One family after the other: a switch by an index that all lanes share computes one
    branch, where a batched index computes them all.
    """

    def of_family(given: Any) -> Any:
        family, rest = given

        def one(trial: Trial, *more: Any) -> Any:
            task = trial.task._replace(family=family)
            return function(trial._replace(task=task), *more)

        return jax.vmap(one)(*rest)

    count = drawn.unit.shape[0]
    return jax.lax.map(of_family, (jnp.arange(count), (drawn, *more)))


@functools.lru_cache(maxsize=4)
def _gaps(names: tuple[str, ...]) -> Callable[[Trial, Array], Array]:
    def gap(trial: Trial, centre: Array) -> Array:
        return draw.gap(trial.task, names, centre, trial.unit)

    return jax.jit(lambda drawn, centres: each(gap, drawn, centres))


@functools.lru_cache(maxsize=64)
def _program(
    recipe: Recipe, setting: Setting, bench: Bench
) -> Callable[[Trial, Operator | None], Array]:
    """From trials and an operator's parameters to ``(families, seeds, D)`` centres."""
    strategy = recipe.build(setting.size, setting.dimensions)
    if strategy.population_size != setting.size:
        raise InvalidInput(
            f"{recipe.strategy} evaluates {strategy.population_size} members where "
            f"the others evaluate {setting.size}: choose sizes that all can have"
        )

    def search(trial: Trial, parameters: Operator | None) -> Array:
        start, noise = (jax.random.fold_in(trial.key, i) for i in range(2))
        state = strategy.init(start, lambda k: recipe.newborn(k, setting.dimensions))
        if parameters is not None:
            state = with_operator(state, parameters)

        def step(state: Any, t: Array) -> tuple[Any, None]:
            key = jax.random.fold_in(noise, t)

            def fitness(members: Array) -> Array:
                given = trial.task, bench.families, members, key, trial.unit
                return worst_for_nonfinite(draw.fitness(*given)[0], 0.0, jnp)

            return generation(strategy, fitness, state, t), None

        times = jnp.arange(setting.generations, dtype=jnp.int32)
        return strategy.centre(jax.lax.scan(step, state, times)[0])

    return jax.jit(lambda drawn, held: each(lambda t: search(t, held), drawn))
