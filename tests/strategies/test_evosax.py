"""Every algorithm of evosax behind one strategy contract."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from evosax.algorithms import (
    algorithms,
    distribution_based_algorithms,
    population_based_algorithms,
)
from evosax.core.optimizer import clipup

from evolife.errors import EvolifeError, InvalidInput
from evolife.strategies.evosax.settings import valid_keys
from evolife.strategies.evosax.tables import (
    DEFAULTS,
    NOTES,
    REFUSED,
    SETTABLE,
    SMALLEST,
    UNREAD,
)
from evolife.strategies.evosax.weights import READS
from tests.evosax_sphere import (
    DIMENSIONS,
    FLAT,
    SIZE,
    SPHERE,
    STAIRS,
    centre_fitness,
    close,
    fitness_of,
    flat,
    landscape,
    live,
    make,
    marks_of_nan,
    newborn,
    settled,
    types,
)
from tests.paths import ROOT

PAGE = ROOT / "docs" / "strategies.md"
GENERATIONS = 5
# Fitness of the centre after 60 generations; it is 0 at the optimum, -8 at the start.
REACHED = {
    "CMA_ES": -1e-4,
    "CR_FM_NES": -1e-4,
    "DifferentialEvolution": -1e-2,
    "LES": -1e-1,
    "MR15_GA": -1e-1,
    "SNES": -1e-2,
    "Sep_CMA_ES": -1e-4,
}


CONVERGES = {"DifferentialEvolution", "DiffusionEvolution", "PSO"}
"""Algorithms without a step size: they sample between their members."""


def direct_arguments(name):
    adam, std = {"optimizer": optax.adam(0.01)}, optax.constant_schedule(0.1)
    slow = {**adam, "std_schedule": std}
    still = {"std_schedule": std}
    # Of a whole perturbation, where evolife's 0.1 is that of one number.
    length = optax.constant_schedule(0.1 * DIMENSIONS**0.5)
    wide = {**adam, "std_schedule": length}
    constructor = {
        **dict.fromkeys(("ARS", "ESMC", "NoiseReuseES", "Open_ES"), slow),
        **dict.fromkeys(("ASEBO", "GuidedES"), wide),
        **dict.fromkeys(("HillClimbing", "SimpleGA", "SimulatedAnnealing"), still),
        **dict.fromkeys(("iAMaLGaM_Full", "iAMaLGaM_Univariate"), still),
        "EvoTF_ES": {"max_context_len": 6},
        "GESMR_GA": {"num_groups": 3},
        "PGPE": {"optimizer": clipup(learning_rate=0.01, max_velocity=0.02)},
        "PersistentES": slow,
        "RandomSearch": {"sampling_fn": lambda key: flat(newborn(key))},
        "SV_CMA_ES": {"num_populations": 2},
        "SV_Open_ES": {**slow, "num_populations": 2},
    }
    return constructor.get(name, {})


def direct(name):
    """The algorithm as evosax's own users would build it, with evolife's defaults."""
    once = {"T": 1, "K": 1}
    changes = {
        "GuidedES": {"alpha": 1.0},
        "NoiseReuseES": once,
        "PGPE": {"std_init": 0.1},
        "PersistentES": once,
    }
    size = SIZE // 2 if name.startswith("SV_") else SIZE
    algorithm = algorithms[name](
        population_size=size,
        solution=jnp.zeros(DIMENSIONS),
        **direct_arguments(name),
    )
    params = algorithm.default_params.replace(**changes.get(name, {}))
    if name == "LM_MA_ES":
        params = params.replace(c_c=jnp.minimum(params.c_c, 1))
    return algorithm, params


def direct_start(name, algorithm, params, key):
    """evosax's state before its first ask, and the generation of that ask."""
    first, run, start = (jax.random.fold_in(key, i) for i in range(3))
    if name in population_based_algorithms:
        born = jax.vmap(newborn)(jax.random.split(first, SIZE))
        population = jax.vmap(flat)(born)
        told = jax.random.split(jax.random.fold_in(run, 0))[1]
        return algorithm.init(told, population, -fitness_of(population), params), 1
    if name.startswith("SV_"):
        means = jax.vmap(newborn)(jax.random.split(first, 2))
        return algorithm.init(start, jax.vmap(flat)(means), params), 0
    state = algorithm.init(start, flat(newborn(first)), params)
    # evosax adds 0.1 to a deviation of 1; evolife starts with a deviation of 1.
    apart = {"iAMaLGaM_Full": 1 - 0.1**2, "iAMaLGaM_Univariate": (1 - 0.1) ** 2}
    if name in apart:
        state = state.replace(C=state.C * apart[name])
    return state, 0


def direct_generation(algorithm, params, key, state, generation):
    run = jax.random.fold_in(jax.random.fold_in(key, 1), generation)
    asked, told = jax.random.split(run)
    population, state = algorithm.ask(asked, state, params)
    fitness = -fitness_of(population)
    return algorithm.tell(told, population, fitness, state, params)[0]


def side_by_side(strategy, algorithm, params, key, traces):
    @jax.jit
    def both(state, theirs, begin, end, first, which):
        """Generations ``begin`` to ``end`` - 1; the least spread that was sampled."""
        traces.append(begin)

        def generation(number, carry):
            state, theirs, _, _ = carry
            state, population = live(
                strategy, state, number, lambda x: landscape(which, x)
            )
            after = settled(direct_generation(algorithm, params, key, theirs, number))
            theirs = jax.tree.map(
                lambda new, old: jnp.where(number >= first, new, old), after, theirs
            )
            finite = carry[2] & jnp.isfinite(population).all()
            return state, theirs, finite, population.std(axis=0).max()

        start = state, theirs, jnp.ones((), bool), jnp.float32(0)
        return jax.lax.fori_loop(begin, end, generation, start)

    return both


def test_the_tables_speak_of_all_algorithms_and_of_no_others():
    assert len(distribution_based_algorithms) == 29
    assert len(population_based_algorithms) == 8
    assert set(READS) == set(algorithms)
    for table in (DEFAULTS, NOTES, REFUSED, SETTABLE, SMALLEST, UNREAD):
        assert set(table) <= set(algorithms)
    for name, defaults in DEFAULTS.items():
        assert set(defaults) <= set(valid_keys(name))


def test_the_page_lists_every_algorithm_once_and_in_order():
    table = PAGE.read_text().split("<!-- table: begin -->")[1]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    cells = {row.split(" | ")[0].strip("| `"): row.split(" | ") for row in rows}
    assert list(cells) == list(algorithms) and len(rows) == len(algorithms)
    for name, row in cells.items():
        kind = "population" if name in population_based_algorithms else "distribution"
        assert row[1] == kind
        assert row[2] == (f"no: {REFUSED[name]}" if name in REFUSED else "yes")
        if name not in REFUSED:
            assert row[4] == READS[name]
            assert all(f"`{key}" in row[5] for key in valid_keys(name))


@functools.cache
def lab(name):
    """What the next tests share of an algorithm: it is compiled once."""
    strategy = make(name, **({"max_context_len": 6} if name == "EvoTF_ES" else {}))
    algorithm, params = direct(name)
    key, traces = jax.random.key(3), []
    begun, first = direct_start(name, algorithm, params, key)
    both = side_by_side(strategy, algorithm, params, key, traces)
    return strategy, both, strategy.init(key, newborn), settled(begun), first, traces


@pytest.mark.parametrize("name", algorithms)
def test_each_algorithm_runs_exactly_as_evosax_does(name):
    if name in REFUSED:
        with pytest.raises(InvalidInput) as refusal:
            make(name)
        assert REFUSED[name] in str(refusal.value)
        return
    strategy, both, state, theirs, first, traces = lab(name)
    structure, start = types(state), centre_fitness(strategy, state)
    for generation in range(GENERATIONS):
        state, theirs, finite, _ = both(
            state, theirs, generation, generation + 1, first, SPHERE
        )
        assert finite
        close(state.algorithm, theirs)
    assert len(traces) == 1
    assert types(state) == structure
    assert marks_of_nan(state) == ([".grad"] if name == "GuidedES" else [])
    if name in REACHED:
        state, _, finite, _ = both(state, theirs, GENERATIONS, 60, first, SPHERE)
        assert finite
        assert start < -1 and centre_fitness(strategy, state) > REACHED[name]


@pytest.mark.parametrize("which", [SPHERE, FLAT, STAIRS])
@pytest.mark.parametrize("name", algorithms)
def test_no_plateau_and_no_end_of_the_search_makes_genomes_nan(name, which):
    _, both, state, theirs, first, traces = lab(name)
    # On a plateau DifferentialEvolution takes every trial, and so spreads for ever.
    generations = 60 if name in {"EvoTF_ES", "DifferentialEvolution"} else 900
    state, _, finite, spread = both(state, theirs, 0, generations, first, which)
    assert finite and len(traces) == 1
    assert marks_of_nan(state) == ([".grad"] if name == "GuidedES" else [])
    if name not in CONVERGES:
        # A schedule says what is sampled; whatever adapts itself stays above its floor.
        assert spread > (0.05 if "std_schedule" in valid_keys(name) else 2e-6)


@pytest.mark.parametrize("name", ["CMA_ES", "SimpleGA"])
def test_one_trace_serves_the_run_and_each_generation_can_be_redone(name):
    strategy = make(name)
    traces = []

    @jax.jit
    def step(state, generation):
        traces.append(generation)
        return live(strategy, state, generation)

    start = strategy.init(jax.random.key(0), newborn)
    state, seen = start, []
    for generation in range(4):
        again, repeated = step(state, jnp.int32(generation))
        state, population = step(state, jnp.int32(generation))
        assert (population == repeated).all()
        jax.tree.map(np.testing.assert_array_equal, state[1:], again[1:])
        seen.append(population)
    assert len(traces) == 1
    assert not (seen[0] == seen[1]).any() and not (seen[1] == seen[2]).any()
    assert jax.tree.map(jnp.shape, strategy.centre(start)) == {"b": (2,), "w": (2, 2)}


def test_generation_zero_of_a_population_is_independent_newborns():
    strategy = make("SimpleGA")
    state = strategy.init(jax.random.key(1), newborn)
    proposal = strategy.ask(state, jnp.int32(0))
    keys = jax.random.split(jax.random.fold_in(jax.random.key(1), 0), SIZE)
    for index in (0, 5, SIZE - 1):
        close(strategy.member(proposal, jnp.int32(index)), newborn(keys[index]))


def test_random_search_samples_what_init_was_given_last():
    strategy = make("RandomSearch")
    state = jax.eval_shape(lambda: strategy.init(jax.random.key(0), newborn))
    fresh = make("RandomSearch")
    with pytest.raises(EvolifeError, match="before it asks"):
        jax.eval_shape(lambda state: fresh.ask(state, jnp.int32(0)), state)
    for shift in (0.0, 100.0):

        def moved(key, shift=shift):
            return jax.tree.map(lambda x: x + shift, newborn(key))

        state = strategy.init(jax.random.key(0), moved)
        population = strategy.ask(state, jnp.int32(0)).population
        assert abs(float(population.mean()) - shift) < 1
