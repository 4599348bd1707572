"""Settings mean the same for every algorithm of evosax, and defaults follow the run."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from evosax.algorithms import algorithms, population_based_algorithms

from evolife.commands.list import catalogue
from evolife.errors import InvalidInput
from evolife.strategies.evosax.differences import DIFFERENCES
from evolife.strategies.evosax.following import groups_of
from evolife.strategies.evosax.settings import constructor_settings, valid_keys
from evolife.strategies.evosax.strategy import build
from tests.evosax_sphere import statistics_of
from tests.strategies.test_evosax import PAGE

SIZE, DIMENSIONS = 400, 4
TEMPLATE = jax.ShapeDtypeStruct((DIMENSIONS,), jnp.float32)
SHORT = {"EvoTF_ES": {"max_context_len": 4}}
SCHEDULED = [name for name in algorithms if "std_schedule" in valid_keys(name)]
LEARNED = ["LGA"]
"""A learned layer reads ``std_init``; docs/strategies.md says so."""
STARTED = [
    name
    for name in algorithms
    if "std_init" in valid_keys(name) and name not in LEARNED
]


def sampled(name, generation, **settings):
    """The deviation of each number of a genome, sampled around one point."""
    size = SIZE + 1 if name == "GESMR_GA" else SIZE
    settings = SHORT.get(name, {}) | settings
    strategy = build(name, size, settings, None, TEMPLATE)
    state = strategy.init(jax.random.key(0), lambda key: jnp.full(DIMENSIONS, 2.0))
    population = strategy.ask(state, jnp.int32(generation)).population
    return np.sqrt(np.mean(np.square(population - 2.0)))


@pytest.mark.parametrize("name", STARTED)
def test_std_init_is_the_deviation_that_is_sampled(name):
    first = 1 if name in population_based_algorithms else 0
    assert sampled(name, first, std_init=0.2) == pytest.approx(0.2, rel=0.2)


@pytest.mark.parametrize("name", SCHEDULED)
def test_std_schedule_is_the_deviation_that_is_sampled_in_each_generation(name):
    first = 1 if name in population_based_algorithms else 0
    halved = {"name": "linear", "init_value": 0.4, "end_value": 0.1}
    halved["transition_steps"] = 3
    for generation in (first, first + 1, 3):
        std = 0.4 - 0.1 * generation
        found = sampled(name, generation, std_schedule=halved)
        assert found == pytest.approx(std, rel=0.1)


def test_every_algorithm_that_adapts_its_step_size_has_a_floor():
    for name in algorithms:
        keys = set(valid_keys(name))
        assert ("std_init" in keys) == ("std_min" in keys), name
        if "std_min" in keys:
            with pytest.raises(InvalidInput, match=r"std_min = 0.*above 0"):
                build(name, 16, {"std_min": 0}, None, TEMPLATE)
            with pytest.raises(InvalidInput, match=r"std_min = 3.0.*std_init"):
                build(name, 16, {"std_min": 3.0}, None, TEMPLATE)


@pytest.mark.parametrize(
    ("members", "groups"),
    [(0, 1), (1, 1), (2, 2), (15, 3), (31, 31), (63, 7), (64, 8), (255, 15)],
)
def test_groups_are_as_many_as_a_group_has_members(members, groups):
    assert groups_of(members) == groups


def test_mutation_rates_of_groups_are_selected_by_fitness():
    strategy = build("GESMR_GA", 17, {}, None, TEMPLATE)
    assert strategy.settings["num_groups"] is None
    state = strategy.init(jax.random.key(0), lambda key: jnp.zeros(DIMENSIONS))
    step = jax.jit(strategy.tell)

    def rates(sign):
        at = state
        for generation in range(12):
            proposal = strategy.ask(at, jnp.int32(generation))
            fitness = -sign * jnp.sum(jnp.square(proposal.population), axis=-1)
            statistics = statistics_of(fitness)
            at = step(at, proposal, jnp.int32(generation), fitness, statistics)
        return float(jnp.exp(jnp.mean(jnp.log(at.algorithm.std))))

    assert rates(-1.0) > 3 * rates(1.0)


def test_diffusion_lasts_as_long_as_the_run():
    strategy = build("DiffusionEvolution", 8, {}, None, TEMPLATE, generations=300)
    state = strategy.init(jax.random.key(0), lambda key: jax.random.normal(key, (4,)))
    for late in (50, 250, 298):
        algorithm = state.algorithm.replace(
            generation_counter=jnp.int32(late), fitness=jnp.arange(8.0)
        )
        proposal = strategy.ask(state._replace(algorithm=algorithm), jnp.int32(9))
        assert jnp.abs(proposal.population - algorithm.population).max() > 1e-3
    with pytest.raises(InvalidInput, match=r"num_generations = 299.*300"):
        short = {"num_generations": 299}
        build("DiffusionEvolution", 8, short, None, TEMPLATE, generations=300)


def test_what_differs_from_its_paper_is_marked_in_the_list_and_on_the_page():
    assert set(DIFFERENCES) <= set(algorithms)
    page = PAGE.read_text()
    rows = catalogue("strategies")["strategies"]
    for row in rows[1:]:
        name, differs = row["name"], "differs from its paper" in row["summary"]
        assert differs == (name in DIFFERENCES)
        if differs:
            does, instead = DIFFERENCES[name]
            assert f"| `{name}` | {does} | {instead} |" in page
            assert does.replace("`", "") in row["summary"]
    assert "std_schedule" not in constructor_settings("iAMaLGaM_Full")
