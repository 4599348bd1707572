"""Every algorithm of evosax behind one strategy contract."""

from pathlib import Path

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
from evolife.strategies.evosax_settings import valid_keys
from evolife.strategies.evosax_tables import (
    DEFAULTS,
    NOTES,
    REFUSED,
    SETTABLE,
    SMALLEST,
    UNREAD,
)
from evolife.strategies.evosax_weights import READS
from tests.evosax_sphere import (
    DIMENSIONS,
    SIZE,
    centre_fitness,
    close,
    fitness_of,
    flat,
    live,
    make,
    marks_of_nan,
    newborn,
    quick_compiles,
    settled,
    types,
)


@pytest.fixture(scope="module", autouse=True)
def quick():
    with quick_compiles():
        yield


PAGE = Path(__file__).parents[1] / "docs" / "strategies.md"
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


def direct_arguments(name):
    adam, std = {"optimizer": optax.adam(0.01)}, optax.constant_schedule(0.1)
    slow = {**adam, "std_schedule": std}
    still = {"std_schedule": std}
    wide = {**adam, "std_schedule": optax.constant_schedule(1.0)}
    constructor = {
        **dict.fromkeys(("ARS", "ESMC", "NoiseReuseES", "Open_ES"), slow),
        **dict.fromkeys(("ASEBO", "GuidedES"), wide),
        **dict.fromkeys(("HillClimbing", "SimpleGA", "SimulatedAnnealing"), still),
        **dict.fromkeys(("iAMaLGaM_Full", "iAMaLGaM_Univariate"), still),
        "EvoTF_ES": {"max_context_len": 6},
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
    return algorithm.init(start, flat(newborn(first)), params), 0


def direct_generation(algorithm, params, key, state, generation):
    run = jax.random.fold_in(jax.random.fold_in(key, 1), generation)
    asked, told = jax.random.split(run)
    population, state = algorithm.ask(asked, state, params)
    fitness = -fitness_of(population)
    return algorithm.tell(told, population, fitness, state, params)[0]


def side_by_side(strategy, algorithm, params, key, traces):
    @jax.jit
    def both(state, theirs, generation):
        traces.append(generation)
        state, population = live(strategy, state, generation)
        theirs = direct_generation(algorithm, params, key, theirs, generation)
        return state, settled(theirs), population

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
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    cells = {row.split(" | ")[0].strip("| `"): row.split(" | ") for row in rows}
    assert list(cells) == list(algorithms) and len(rows) == len(algorithms)
    for name, row in cells.items():
        kind = "population" if name in population_based_algorithms else "distribution"
        assert row[1] == kind
        assert row[2] == (f"no: {REFUSED[name]}" if name in REFUSED else "yes")
        if name not in REFUSED:
            assert row[4] == READS[name]
            assert all(f"`{key}" in row[5] for key in valid_keys(name))


@pytest.mark.parametrize("name", algorithms)
def test_each_algorithm_runs_exactly_as_evosax_does(name):
    if name in REFUSED:
        with pytest.raises(InvalidInput) as refusal:
            make(name)
        assert REFUSED[name] in str(refusal.value)
        return
    strategy = make(name, **({"max_context_len": 6} if name == "EvoTF_ES" else {}))
    algorithm, params = direct(name)
    key, traces = jax.random.key(3), []
    both = side_by_side(strategy, algorithm, params, key, traces)
    state = strategy.init(key, newborn)
    structure, start = types(state), centre_fitness(strategy, state)
    begun, first = direct_start(name, algorithm, params, key)
    theirs = settled(begun)
    for generation in range(60 if name in REACHED else GENERATIONS):
        state, after, population = both(state, theirs, jnp.int32(generation))
        theirs = after if generation >= first else theirs
        assert jnp.isfinite(population).all()
        if generation < GENERATIONS:
            close(state.algorithm, theirs)
    assert len(traces) == 1
    assert types(state) == structure
    assert marks_of_nan(state) == ([".grad"] if name == "GuidedES" else [])
    if name in REACHED:
        assert start < -1 and centre_fitness(strategy, state) > REACHED[name]


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
    proposal = strategy.propose(state, jnp.int32(0))
    keys = jax.random.split(jax.random.fold_in(jax.random.key(1), 0), SIZE)
    for index in (0, 5, SIZE - 1):
        close(strategy.member(proposal, jnp.int32(index)), newborn(keys[index]))


def test_random_search_samples_what_init_was_given_last():
    strategy = make("RandomSearch")
    state = jax.eval_shape(lambda: strategy.init(jax.random.key(0), newborn))
    fresh = make("RandomSearch")
    with pytest.raises(EvolifeError, match="before it asks"):
        jax.eval_shape(lambda state: fresh.propose(state, jnp.int32(0)), state)
    for shift in (0.0, 100.0):

        def moved(key, shift=shift):
            return jax.tree.map(lambda x: x + shift, newborn(key))

        state = strategy.init(jax.random.key(0), moved)
        population = strategy.propose(state, jnp.int32(0)).population
        assert abs(float(population.mean()) - shift) < 1
