"""Any algorithm of evosax as a strategy: maximising, pure, one compile a run.

evosax minimises flat solutions and keeps its randomness outside; here fitness is
maximised, genomes are pytrees, and all randomness of a generation comes from
``fold_in(key, generation)``, so that any rank can redo any generation.
"""

import copy
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
from evosax.algorithms import population_based_algorithms
from evosax.algorithms.base import update_best_solution_and_fitness
from evosax.core.fitness_shaping import identity_fitness_shaping_fn
from jax.flatten_util import ravel_pytree

from evolife.base import (
    Array,
    Genome,
    Key,
    LifeStatistics,
    Selection,
    SelectionState,
    Strategy,
)
from evolife.strategies.evosax import checks, steps
from evolife.strategies.evosax.settings import (
    MisfitError,
    build_algorithm,
    with_defaults,
)
from evolife.strategies.evosax.weights import READS, reordered, shaped


class EvosaxState(NamedTuple):
    """What a checkpoint holds."""

    key: Key
    """Constant over the run; generations fold their number into it."""
    algorithm: Any
    """evosax's own state, over flat genomes."""
    selection: SelectionState
    """Stacked along a leading axis: one for each distribution of the algorithm."""


class EvosaxProposal(NamedTuple):
    """One generation, asked once."""

    population: Array
    """``(K, D)`` flat genomes."""
    algorithm: Any
    """evosax's state after the ask."""


class EvosaxStrategy(Strategy):
    """An evosax algorithm over genomes like a template; see :func:`build`.

    In generation 0 the members of a population-based algorithm are K newborns.
    """

    native = None
    name = ""

    def __init__(
        self,
        name: str,
        population_size: int,
        settings: Mapping[str, Any],
        selection: Selection | None,
        genome_template: Genome,
        generations: int | None = None,
    ) -> None:
        super().__init__(population_size, genome_template, cast(Selection, selection))
        self.name, self._shaping = name, selection
        zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), genome_template)
        flat, self._unravel = ravel_pytree(zeros)
        self.dimensions: int = flat.size
        self.settings = with_defaults(name, settings)
        self._algorithm, self._params = build_algorithm(
            name, population_size, self.dimensions, settings, generations
        )
        self._floor: float | None = self.settings.get("std_min")
        self._schedule = getattr(self._algorithm, "std_schedule", None)
        self._weighted = bool(selection) and READS[name] != "memory"
        if self._weighted:
            self._algorithm.fitness_shaping_fn = identity_fitness_shaping_fn
        self._groups: int = getattr(self._algorithm, "num_populations", 1)
        self._population_based = name in population_based_algorithms

    def init(self, key: Key, newborn: Callable[[Key], Genome]) -> EvosaxState:
        """Start at a newborn, or at as many as there are distributions or members."""

        def born(key: Key) -> Array:
            return ravel_pytree(newborn(key))[0]

        first, run, start = (jax.random.fold_in(key, i) for i in range(3))
        if self.name == "RandomSearch":
            # A fresh object: evosax caches what it traced by the algorithm's identity.
            self._algorithm = copy.copy(self._algorithm)
            self._algorithm.sampling_fn = born
        if self._population_based:
            keys = jax.random.split(first, self.population_size)
            worst = jnp.full(self.population_size, jnp.inf)
            begin: tuple = (jax.vmap(born)(keys), worst)
        elif self._several:
            begin = (jax.vmap(born)(jax.random.split(first, self._groups)),)
        else:
            begin = (born(first),)
        algorithm = self._algorithm.init(start, *begin, self._params)
        algorithm = steps.started(self.name, algorithm, self.settings)
        selection = self._shaping.init() if self._shaping else ()
        stacked = jax.tree.map(lambda x: jnp.stack([x] * self._groups), selection)
        return EvosaxState(run, _settled(algorithm), stacked)

    def ask(self, state: EvosaxState, generation: Array) -> EvosaxProposal:
        """Ask once; generation 0 of a population-based algorithm is the newborns."""
        key, _ = self._keys(state, generation)

        def ask() -> EvosaxProposal:
            before = steps.scheduled(self._schedule, state.algorithm, generation)
            asked = self._algorithm.ask(key, before, self._params)
            return EvosaxProposal(*_settled(asked))

        def newborns() -> EvosaxProposal:
            return EvosaxProposal(state.algorithm.population, state.algorithm)

        if not self._population_based:
            return ask()
        return jax.lax.cond(generation == 0, newborns, ask)

    def described(self) -> dict[str, Any]:
        """What was set, and the defaults that differ from evosax's own."""
        return dict(self.settings)

    def member(self, proposal: EvosaxProposal, index: Array) -> Genome:
        """Row ``index`` of the population as a genome."""
        return self._unravel(proposal.population[index])

    def tell(
        self,
        state: EvosaxState,
        proposal: EvosaxProposal,
        generation: Array,
        fitness: Array,
        statistics: LifeStatistics,
    ) -> EvosaxState:
        """Tell the weights of the members, or their fitness under native selection."""
        _, key = self._keys(state, generation)
        population, before = proposal
        seen = self._placed(statistics, population, before)
        told, params, selection = self._told(fitness, seen, state.selection)

        def tell() -> Any:
            after, _ = self._algorithm.tell(key, population, told, before, params)
            after = steps.informed(self.name, after)
            after = steps.floored(self.name, after, self._floor)
            return _settled(self._with_best(after, proposal, fitness))

        def begin() -> Any:
            after = self._algorithm.init(key, population, told, params)
            return _settled(self._with_best(after, proposal, fitness))

        if not self._population_based:
            return EvosaxState(state.key, tell(), selection)
        after = jax.lax.cond(generation == 0, begin, tell)
        return EvosaxState(state.key, after, selection)

    def centre(self, state: EvosaxState) -> Genome:
        """The mean; of a population its best; of several means the luckiest's."""
        algorithm = state.algorithm
        if self._population_based:
            best = algorithm.population[jnp.argmin(algorithm.fitness)]
            return self._unravel(best)
        if self._several:
            return self._unravel(algorithm.mean[jnp.argmin(algorithm.best_fitness)])
        return self._unravel(algorithm.mean)

    def finite(self, proposal: EvosaxProposal) -> Array:
        """Whether every number of every member is finite."""
        return jnp.all(jnp.isfinite(proposal.population))

    def floor(self, state: EvosaxState) -> tuple[Array, str]:
        """Whether the step size rests at ``std_min``, and how that is said."""
        rests = steps.at_floor(self.name, state.algorithm, self._floor)
        return rests, f"strategy.std_min = {self._floor:g}" if self._floor else ""

    @property
    def _several(self) -> bool:
        return hasattr(self._algorithm, "num_populations")

    def _keys(self, state: EvosaxState, generation: Array) -> tuple[Key, Key]:
        asked, told = jax.random.split(jax.random.fold_in(state.key, generation))
        return asked, told

    def _told(
        self, fitness: Array, statistics: LifeStatistics, state: SelectionState
    ) -> tuple[Array, Any, SelectionState]:
        """Minimised fitness for evosax, and the params that belong to it."""
        if self._shaping is None:
            return -fitness, self._params, state

        def grouped(x: Array) -> Array:
            return jnp.reshape(x, (self._groups, -1))

        weigh = jax.vmap(self._shaping.weights)
        if self._groups > 1:  # Places are among all members.
            statistics = statistics._replace(places=None)
        lives = jax.tree.map(grouped, statistics)
        weights, state = weigh(grouped(fitness), lives, state)
        if not self._weighted:
            told = reordered(grouped(fitness), weights)
            return -told.reshape(-1), self._params, state
        told, params = shaped(self.name, weights, self._params, self.dimensions)
        return told.reshape(-1), params, state

    def _placed(
        self, statistics: LifeStatistics, population: Array, algorithm: Any
    ) -> LifeStatistics:
        """Add where members stand in their distribution, where there is just one."""
        mean, std = (getattr(algorithm, name, None) for name in ("mean", "std"))
        if mean is None or std is None or mean.ndim != 1:
            return statistics
        std = std / steps.length_of_one(self.name, algorithm)
        squares = jnp.sum(jnp.square((population - mean) / std), axis=-1)
        scale = jnp.exp(jnp.mean(jnp.log(std)))
        return statistics._replace(
            distance=jnp.sqrt(squares + 1e-12), scale=jnp.full(squares.shape, scale)
        )

    def _with_best(self, after: Any, proposal: EvosaxProposal, fitness: Array) -> Any:
        """Keep the best member by its own fitness, not by its weight."""
        population, before = proposal
        find = update_best_solution_and_fitness
        minimised = -fitness
        if self._several:
            find = jax.vmap(find)
            population = population.reshape(self._groups, -1, self.dimensions)
            minimised = minimised.reshape(self._groups, -1)
        best = find(population, minimised, before.best_solution, before.best_fitness)
        return after.replace(best_solution=best[0], best_fitness=best[1])


def build(
    name: str,
    population_size: int,
    settings: Mapping[str, Any],
    selection: Selection | None,
    genome_template: Genome,
    generations: int | None = None,
) -> EvosaxStrategy:
    """Build evosax's algorithm ``name`` for K members like ``genome_template``.

    ``settings`` is one flat mapping; each key is routed to the constructor, an
    optimizer or schedule of optax, an attribute or a field of ``Params``. With no
    ``selection`` the algorithm shapes fitness itself. ``genome_template`` is a pytree
    of arrays or of their shapes and dtypes. ``generations`` are those of the run, which
    defaults follow.

    Raises:
        InvalidInput: for an unknown name or setting, a value that does not suit, a
            population or genome that the algorithm refuses (the nearest sizes that it
            takes are named).
    """
    checks.check_name(name)
    checks.check_template(name, genome_template)

    def attempt(size: int) -> EvosaxStrategy:
        built = EvosaxStrategy(
            name, size, settings, selection, genome_template, generations
        )
        # A copy, because RandomSearch remembers what a newborn is.
        checks.rehearse(copy.copy(built), genome_template)
        return built

    try:
        return attempt(population_size)
    except MisfitError as misfit:
        raise checks.explain(
            name, population_size, genome_template, misfit, attempt
        ) from misfit


def _settled(tree: Any) -> Any:
    """Strongly typed arrays, so that a state has one type for the whole run."""
    return jax.tree.map(
        lambda x: jax.lax.convert_element_type(x, jnp.result_type(x)), tree
    )
