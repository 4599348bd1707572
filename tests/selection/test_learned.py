"""A trained operator in every strategy, and the operators that come with evolife."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from evosax.algorithms import algorithms

from evolife.base import LifeStatistics
from evolife.config.located import config_digest, load
from evolife.engine.tournament import interval_of_mean
from evolife.metalearning.benchmark import choices
from evolife.metalearning.config import MetaConfig
from evolife.metalearning.portrait import portrait
from evolife.metalearning.run import build_route
from evolife.perturbations import materialise
from evolife.plugins.hyperparameters import resolved_choice
from evolife.selection.operator_file import bundled, read
from evolife.selection.shaping.learned import Learned
from evolife.strategies.low_rank import LowRank
from tests.evosax_sphere import (
    SIZE,
    TEMPLATE,
    fitness_of,
    flat,
    make,
    newborn,
    statistics_of,
)


def operator():
    return Learned("functions")


@pytest.mark.parametrize("name", sorted(algorithms))
def test_every_algorithm_of_evosax_takes_it(name):
    strategy = make(name, selection=operator())
    state = strategy.init(jax.random.key(0), newborn)
    # The members of the first generation of a population-based algorithm are newborns.
    first = jnp.int32(0)
    proposal = strategy.ask(state, first)
    fitness = fitness_of(proposal.population)
    after = strategy.tell(state, proposal, first, fitness, statistics_of(fitness))
    following = strategy.ask(after, jnp.int32(1)).population
    assert bool(jnp.all(jnp.isfinite(following)))
    assert bool(jnp.all(jnp.isfinite(flat(strategy.centre(after)))))
    trail = after.selection.trail
    assert trail.generation.tolist() == [1] * len(trail.generation)
    for held, loaded in zip(
        after.selection.operator, operator().parameters, strict=True
    ):
        np.testing.assert_array_equal(held[0], loaded)


def test_low_rank_climbs_with_it():
    strategy = LowRank(64, TEMPLATE, operator(), sigma=0.1, learning_rate=0.1)

    def step(state, generation):
        proposal = strategy.ask(state, generation)
        ids = jnp.arange(64)
        members = jax.vmap(lambda i: materialise(strategy.member(proposal, i)))
        population = jax.vmap(flat)(members(ids))
        fitness = fitness_of(population)
        zeros = jnp.zeros_like(fitness)
        statistics = LifeStatistics(fitness, fitness, zeros)
        return strategy.tell(state, proposal, generation, fitness, statistics), None

    start = strategy.init(jax.random.key(0), newborn)
    end, _ = jax.lax.scan(step, start, jnp.arange(40, dtype=jnp.int32))
    first, last = (float(fitness_of(flat(s.mean)[None])[0]) for s in (start, end))
    assert last > 0.1 * first > first
    assert float(end.selection.trail.generation) == 40


def test_broken_and_equal_generations_leave_the_weights_finite():
    learned = operator()
    for fitness in (np.zeros(SIZE), np.full(SIZE, -3e38), np.array([7.0])):
        values = fitness.astype(np.float32)
        zeros = np.zeros_like(values)
        statistics = LifeStatistics(values, values, zeros)
        weights, state = learned.weights(values, statistics, learned.init())
        again, _ = learned.weights(values, statistics, state)
        for told in (weights, again):
            assert bool(jnp.all(jnp.isfinite(told)))
            np.testing.assert_allclose(told, told[0], rtol=1e-4)


@pytest.mark.parametrize("name", bundled())
def test_bundled_operators_are_what_their_configs_train(name):
    learned, card = Learned(name), read(name)[2]
    config = load(MetaConfig, name)
    route = build_route(config)
    written = resolved_choice(config.route.name, route)
    resolved = config.model_copy(update={"route": written})
    assert card["config_digest"] == config_digest(resolved)
    assert card["name"] == name and card["claim"] == config.claim
    assert learned.shape == route.architecture
    assert bundled()[name].with_suffix(".md").is_file()


def test_what_backprop_found_follows_the_best_and_flees_from_the_worst():
    weights = portrait(operator().init().operator, signed=True).weights
    assert (weights[:, -1] > 0.05).all() and (weights[:, 0] < -0.01).all()


def test_judging_survivors_tells_everything_in_pairs(monkeypatch):
    rng = np.random.default_rng(0)
    ways = ("learned", "learned_half", "halving", "halving_half")
    drawn = {way: rng.normal(i, 0.1, 50) for i, way in enumerate(ways)}
    monkeypatch.setattr(choices, "compare", lambda *given: drawn)
    verdict = choices.judge_survivors(None, 50, None)
    for setting in ("unequal", "spread 1.5", "null"):
        for way, found in verdict[setting].items():
            pairs = drawn["learned"] - drawn[way]
            assert found["learned"]["mean"] == pytest.approx(pairs.mean())
            assert found["learned"]["interval"] == list(interval_of_mean(pairs))
    page = "\n".join(choices.survivors_page(verdict))
    assert "halving, half the lives" in page and "Null test" in page
