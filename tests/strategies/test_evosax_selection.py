"""How a selection's weights reach each kind of algorithm of evosax."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from evosax.algorithms import algorithms

from evolife.base import Selection
from evolife.selection.shaping.centered_rank import CenteredRank
from evolife.selection.shaping.des import Des
from evolife.selection.shaping.nes import Nes
from evolife.selection.shaping.raw import Raw
from evolife.selection.shaping.truncation import Truncation
from evolife.selection.shaping.z_score import ZScore
from evolife.strategies.evosax.weights import READS
from tests.evosax_sphere import (
    DIMENSIONS,
    SIZE,
    centre_fitness,
    close,
    evolve,
    fitness_of,
    live,
    make,
    marks_of_nan,
    newborn,
    statistics_of,
)

# Selections that are the algorithm's own shaping, said in evolife's way.


@dataclasses.dataclass(frozen=True)
class Table(Selection):
    """Weights by place, the best first."""

    table: tuple[float, ...]

    def weights(self, fitness, statistics, state):
        place = jnp.argsort(jnp.argsort(-fitness))
        return jnp.asarray(self.table)[place], state


def native_table(name):
    weights = algorithms[name](SIZE, jnp.zeros(DIMENSIONS)).default_params.weights
    return Table(tuple(weights.tolist()))


OWN = {
    "CMA_ES": lambda: native_table("CMA_ES"),
    "DES": Des,
    "Open_ES": CenteredRank,
    "PGPE": CenteredRank,
    "PSO": ZScore,
    "PersistentES": Raw,
    "Rm_ES": lambda: native_table("Rm_ES"),
    "SNES": Nes,
    "SV_Open_ES": CenteredRank,
    "Sep_CMA_ES": lambda: native_table("Sep_CMA_ES"),
    "SimpleES": Truncation,
    "SimpleGA": CenteredRank,
    "xNES": Nes,
}


@pytest.mark.parametrize("name", OWN)
def test_an_algorithms_own_shaping_as_a_selection_changes_nothing(name):
    same_run(make(name), make(name, selection=OWN[name]()))


def test_cr_fm_nes_recombines_as_its_paper_does():
    # evosax lets the worse half's negative log ranks into mu_eff; the paper does not.
    log_ranks = np.maximum(0, np.log(SIZE / 2 + 1) - np.log(np.arange(1, SIZE + 1)))
    mu_eff = float(log_ranks.sum() ** 2 / np.square(log_ranks).sum())
    same_run(make("CR_FM_NES", mu_eff=mu_eff), make("CR_FM_NES", selection=Nes()))


def same_run(left, right, generations=3):
    @jax.jit
    def both(states, generation):
        lived = (live(left, states[0], generation), live(right, states[1], generation))
        return tuple(state for state, _ in lived)

    states = tuple(each.init(jax.random.key(0), newborn) for each in (left, right))
    for generation in range(generations):
        states = both(states, jnp.int32(generation))
        close(left.centre(states[0]), right.centre(states[1]), atol=1e-5, rtol=1e-3)
    theirs, ours = (state.algorithm for state in states)
    if READS[left.name] == "ranking":
        theirs, ours = theirs.replace(fitness=()), ours.replace(fitness=())
    close(ours, theirs, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize(
    ("name", "power"),
    [("Open_ES", 2), ("PersistentES", 2), ("GuidedES", 2), ("PGPE", 0)],
)
def test_a_gradient_step_is_the_weighted_sum_of_perturbations(name, power):
    std = {"std_init": 0.5} if name == "PGPE" else {"std_schedule": 0.5}
    sgd = {"optimizer": {"name": "sgd", "learning_rate": 0.1}}
    strategy = make(name, selection=Nes(), **sgd, **std)
    state = strategy.init(jax.random.key(2), newborn)
    proposal = strategy.ask(state, jnp.int32(0))
    fitness = fitness_of(proposal.population)
    after = strategy.tell(
        state, proposal, jnp.int32(0), fitness, statistics_of(fitness)
    )
    weights = Nes().of(fitness)
    ascent = weights @ (proposal.population - state.algorithm.mean) / 0.5**power
    moved = after.algorithm.mean - state.algorithm.mean
    assert jnp.linalg.norm(moved) > 1e-3
    np.testing.assert_allclose(moved, 0.1 * ascent, rtol=1e-4, atol=1e-6)


@dataclasses.dataclass(frozen=True)
class Learned(Selection):
    """May order members otherwise, reads statistics, counts generations."""

    def init(self):
        return {"generations": jnp.int32(0)}

    def weights(self, fitness, statistics, state):
        weights = Nes().of(-statistics.early)
        return weights, {"generations": state["generations"] + 1}


@pytest.mark.parametrize(("name", "stacked"), [("SNES", 1), ("SV_CMA_ES", 2)])
def test_a_selection_keeps_its_state_and_reads_statistics(name, stacked):
    strategy = make(name, selection=Learned())
    state = evolve(strategy, generations=3)
    np.testing.assert_array_equal(state.selection["generations"], [3] * stacked)
    # It prefers the worst, so the centre flees from the optimum; the best is kept.
    start = strategy.init(jax.random.key(0), newborn)
    assert centre_fitness(strategy, state) < centre_fitness(strategy, start)
    best = state.algorithm.best_solution
    np.testing.assert_allclose(
        state.algorithm.best_fitness, -fitness_of(best), rtol=1e-5
    )


class Backwards(Selection):
    """The worst weigh most."""

    def weights(self, fitness, statistics, state):
        return CenteredRank().of(-fitness), state


@pytest.mark.parametrize(
    "name", [name for name, how in READS.items() if how == "memory"]
)
def test_what_remembers_fitness_gets_it_in_the_order_of_the_weights(name):
    strategy = make(name, selection=Backwards())
    state = strategy.init(jax.random.key(0), newborn)
    proposal = strategy.ask(state, jnp.int32(0))
    fitness = fitness_of(proposal.population)
    told = strategy.tell(state, proposal, jnp.int32(0), fitness, statistics_of(fitness))
    native = make(name, selection=None)
    backwards = -fitness
    values = jnp.zeros_like(fitness).at[jnp.argsort(backwards)].set(jnp.sort(fitness))
    same = native.tell(state, proposal, jnp.int32(0), values, statistics_of(fitness))
    kept = {"best_solution": 0, "best_fitness": 0}
    close(told.algorithm.replace(**kept), same.algorithm.replace(**kept))


@pytest.mark.parametrize("name", ["CMA_ES", "SNES"])
def test_the_order_of_members_does_not_matter(name):
    order = np.random.default_rng(0).permutation(SIZE)
    for selection in (None, ZScore()):
        strategy = make(name, selection=selection)
        state = strategy.init(jax.random.key(0), newborn)
        proposal = strategy.ask(state, jnp.int32(0))
        fitness = fitness_of(proposal.population)
        permuted = proposal._replace(population=proposal.population[order])

        def told(proposal, fitness, strategy=strategy, state=state):
            statistics = statistics_of(fitness)
            arguments = (state, proposal, jnp.int32(0), fitness, statistics)
            return strategy.tell(*arguments).algorithm

        close(told(permuted, fitness[order]), told(proposal, fitness), atol=1e-5)


@pytest.mark.parametrize("name", ["CMA_ES", "CR_FM_NES", "DES", "MA_ES", "SNES"])
def test_flat_and_huge_fitness_leave_the_state_finite(name):
    strategies = [make(name, selection=each) for each in (CenteredRank(), Raw())]
    for strategy in strategies:
        tell = jax.jit(strategy.tell)
        state = strategy.init(jax.random.key(0), newborn)
        proposal = strategy.ask(state, jnp.int32(0))
        for fitness in (jnp.zeros(SIZE), -1e30 * jnp.arange(1.0, SIZE + 1)):
            statistics = statistics_of(jnp.zeros(SIZE))
            after = tell(state, proposal, jnp.int32(0), fitness, statistics)
            assert marks_of_nan(after) == []
