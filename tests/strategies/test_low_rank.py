"""The low-rank strategy is the dense evolution strategy it claims to be, but small."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evolife import factored, keys
from evolife.base import LifeStatistics
from evolife.errors import InvalidInput
from evolife.perturbations import materialise
from evolife.selection.shaping.centered_rank import CenteredRank
from evolife.selection.shaping.raw import Raw
from evolife.strategies.low_rank import LowRank
from tests.jaxpr_tools import sizes

pytestmark = pytest.mark.fast

TEMPLATE = {"w": jnp.zeros((6, 5)), "bias": jnp.zeros(5)}
KEY = keys.root_key(3)


def newborn(key):
    names = jax.random.split(key, 2)
    return {
        name: jax.random.normal(k, TEMPLATE[name].shape)
        for name, k in zip(("w", "bias"), names, strict=True)
    }


def make(size: int = 12, selection=None, **settings) -> LowRank:
    return LowRank(size, TEMPLATE, selection or Raw(), **settings)


def no_statistics(size: int) -> LifeStatistics:
    return LifeStatistics(*(np.zeros(size, np.float32),) * 3)


@functools.cache
def compiled(strategy):
    """Update, and all members with their matrices written out."""

    def members(proposal):
        build = jax.vmap(lambda i: materialise(strategy.member(proposal, i)))
        return build(jnp.arange(strategy.population_size))

    return jax.jit(strategy.tell), jax.jit(members)


def step(strategy, state, generation, fitness):
    """One generation through the public interface."""
    number = jnp.int32(generation)
    proposal = strategy.ask(state, number)
    fitness = jnp.asarray(fitness, jnp.float32)
    statistics = no_statistics(strategy.population_size)
    return compiled(strategy)[0](state, proposal, number, fitness, statistics)


def population(strategy, state, generation) -> list[dict[str, np.ndarray]]:
    """Every member's full matrices, as float64."""
    stack = compiled(strategy)[1](strategy.ask(state, jnp.int32(generation)))
    wide = {name: np.asarray(leaf, np.float64) for name, leaf in stack.items()}
    return [
        {name: leaf[i] for name, leaf in wide.items()}
        for i in range(strategy.population_size)
    ]


def dense_gradient(members, weights, sigma) -> dict[str, np.ndarray]:
    """``sum_i w_i E_i / sigma`` from the materialised members alone."""
    return {
        name: sum(
            w * (plus[name] - minus[name]) / 2 / sigma**2
            for w, plus, minus in zip(
                weights[0::2] - weights[1::2], members[0::2], members[1::2], strict=True
            )
        )
        for name in TEMPLATE
    }


def fitnesses(generations: int, size: int = 12) -> np.ndarray:
    return np.random.default_rng(5).normal(size=(generations, size)).astype(np.float32)


@pytest.mark.parametrize("rank", [1, 3])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_sgd_takes_the_dense_gradient_step(rank, decay):
    strategy = make(
        rank=rank, sigma=0.2, optimizer="sgd", learning_rate=0.3,
        learning_rate_decay=0.5, weight_decay=decay,
    )  # fmt: skip
    state = strategy.init(KEY, newborn)
    for generation, fitness in enumerate(fitnesses(3)):
        members = population(strategy, state, generation)
        gradient = dense_gradient(members, fitness / 12, 0.2)
        after = step(strategy, state, generation, fitness)
        for name in TEMPLATE:
            mean = np.asarray(state.mean[name], np.float64)
            rate = 0.3 * 0.5**generation
            wanted = mean + rate * (gradient[name] - decay * mean)
            np.testing.assert_allclose(after.mean[name], wanted, rtol=2e-4, atol=2e-4)
        state = after


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_adam_takes_the_dense_gradient_step(decay):
    """Kingma & Ba 2015 with Loshchilov & Hutter's decoupled decay, written out."""
    strategy = make(rank=2, sigma=0.2, learning_rate=0.05, weight_decay=decay)
    state = strategy.init(KEY, newborn)
    first = dict.fromkeys(TEMPLATE, 0.0)
    second = dict.fromkeys(TEMPLATE, 0.0)
    for generation, fitness in enumerate(fitnesses(3)):
        members = population(strategy, state, generation)
        gradient = dense_gradient(members, fitness / 12, 0.2)
        after = step(strategy, state, generation, fitness)
        for name, g in gradient.items():
            first[name] = 0.9 * first[name] + 0.1 * g
            second[name] = 0.999 * second[name] + 0.001 * g**2
            along = first[name] / (1 - 0.9 ** (generation + 1))
            scale = np.sqrt(second[name] / (1 - 0.999 ** (generation + 1)))
            mean = np.asarray(state.mean[name], np.float64)
            wanted = mean + 0.05 * (along / (scale + 1e-8) - decay * mean)
            np.testing.assert_allclose(after.mean[name], wanted, rtol=1e-3, atol=1e-4)
        state = after


def test_weights_come_from_the_selection():
    fitness = fitnesses(1)[0]
    strategy = make(selection=CenteredRank(), sigma=0.2, optimizer="sgd")
    state = strategy.init(KEY, newborn)
    same_order = step(strategy, state, 0, np.exp(3 * fitness))
    plain = step(strategy, state, 0, fitness)
    raw = step(make(sigma=0.2, optimizer="sgd"), state, 0, fitness)
    assert (plain.mean["w"] == same_order.mean["w"]).all()
    assert not np.allclose(plain.mean["w"], raw.mean["w"])


def test_no_intermediate_is_as_large_as_the_population():
    template = {"w": jnp.zeros((96, 80)), "bias": jnp.zeros(80)}
    size, parameters = 64, 96 * 80 + 80
    strategy = LowRank(size, template, CenteredRank(), rank=1)
    state = strategy.init(KEY, lambda key: template)
    proposal = strategy.ask(state, jnp.int32(0))
    fitness, lanes, x = jnp.zeros(size), jnp.arange(size), jnp.ones(96)
    inputs = (state, proposal, jnp.int32(0), fitness, no_statistics(size))

    def act(lanes, build=lambda genome: genome):
        def of_member(index):
            genome = build(strategy.member(proposal, index))
            return factored.call(lambda genome: x @ genome["w"], genome)

        return jax.vmap(of_member)(lanes)

    update = sizes(jax.make_jaxpr(strategy.tell)(*inputs).jaxpr)
    live = sizes(jax.make_jaxpr(act)(lanes).jaxpr)
    dense = sizes(jax.make_jaxpr(lambda i: act(i, materialise))(lanes).jaxpr)
    assert max(update + live) < size * parameters / 20
    assert max(dense) >= size * 96 * 80, "the walk overlooks intermediates"


def test_sigma_decays_to_its_limit():
    strategy = make(sigma=0.4, sigma_decay=0.5, sigma_limit=0.03)
    state = strategy.init(KEY, newborn)
    for generation, sigma in enumerate((0.4, 0.2, 0.1, 0.05, 0.03, 0.03)):
        proposal = strategy.ask(state, jnp.int32(generation))
        assert float(proposal.sigma) == pytest.approx(sigma)
        plus, minus, *_ = population(strategy, state, generation)
        middle = (plus["bias"] + minus["bias"]) / 2
        np.testing.assert_allclose(middle, state.mean["bias"], atol=1e-6)
    below = make(sigma=0.01, sigma_limit=0.5).ask(state, jnp.int32(0))
    assert float(below.sigma) == pytest.approx(0.01)


def test_every_generation_draws_anew_around_the_mean():
    strategy = make()
    state = strategy.init(KEY, newborn)
    first, second = (population(strategy, state, g)[0]["w"] for g in (0, 1))
    assert np.abs(first - second).max() > 0.01
    assert (strategy.centre(state)["w"] == state.mean["w"]).all()
    other = strategy.init(keys.root_key(4), newborn)
    assert not (other.mean["w"] == state.mean["w"]).any()


def test_it_climbs_a_quadratic():
    target = newborn(keys.root_key(99))
    strategy = make(
        64, CenteredRank(), sigma=0.1, learning_rate=0.1, learning_rate_decay=0.98
    )

    def distance(genome):
        parts = jax.tree.map(lambda a, b: jnp.sum((a - b) ** 2), genome, target)
        return sum(jax.tree.leaves(parts))

    @jax.jit
    def generation(state, number):
        proposal = strategy.ask(state, number)
        members = jax.vmap(lambda i: materialise(strategy.member(proposal, i)))
        fitness = -jax.vmap(distance)(members(jnp.arange(64)))
        args = (state, proposal, number, fitness, no_statistics(64))
        return strategy.tell(*args), None

    state = strategy.init(KEY, newborn)
    before = float(distance(state.mean))
    after, _ = jax.lax.scan(generation, state, jnp.arange(300))
    assert before > 20
    assert float(distance(after.mean)) < before / 1000


@pytest.mark.parametrize("size", [1, 7, 1023])
def test_odd_populations_are_refused_with_the_nearest_even_ones(size):
    with pytest.raises(InvalidInput, match=f"population.size = {size}.*{size + 1}"):
        make(size)


def test_a_rank_above_the_smallest_side_is_refused():
    make(rank=5)
    with pytest.raises(InvalidInput, match=r"strategy.rank = 6.*at most 5"):
        make(rank=6)


def test_a_genome_without_matrices_is_refused():
    with pytest.raises(InvalidInput, match=r"no matrix.*full_rank"):
        LowRank(4, {"bias": jnp.zeros(5)}, Raw())
