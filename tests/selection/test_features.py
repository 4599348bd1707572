"""What a learned selection sees has no scale, no order and no population size."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evolife import keys
from evolife.base import LifeStatistics
from evolife.selection import features
from evolife.selection.operator import Architecture, init, size, weigh

SHAPES = [Architecture(), Architecture(signed=True)]


def population(number, seed=0, ties=False):
    """Fitness and statistics of so many members, all columns in use."""
    rng = np.random.default_rng(seed)
    fitness = rng.normal(size=number).astype(np.float32)
    if ties:
        fitness = np.round(fitness)
    columns = rng.uniform(0.5, 2, (5, number)).astype(np.float32)
    early, late, error, distance, _ = columns
    lives = rng.integers(1, 9, number).astype(np.float32)
    scale = np.full(number, 0.5, np.float32)
    return fitness, LifeStatistics(early, late, error, lives, distance, scale)


def trail(**changes):
    held = {"generation": 7.0, "best": 0.4, "mean": -0.3, "scale": 1.0, **changes}
    return features.Trail(*(jnp.float32(held[name]) for name in features.Trail._fields))


def operator(seed=0):
    """Far from its beginning, so that every feature counts."""
    drawn = init(keys.root_key(seed), Architecture())
    return drawn._replace(judged=drawn.judged * 20)


def weights(fitness, statistics, shape, before=None):
    seen, _ = features.observe(fitness, statistics, before or trail())
    return np.asarray(weigh(operator(), seen, features.ranks(fitness), shape.signed))


def test_an_operator_is_small():
    assert size(operator()) < 2000


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("ties", [False, True])
def test_weights_follow_members_wherever_they_stand(shape, ties):
    fitness, statistics = population(17, ties=ties)
    order = np.random.default_rng(1).permutation(17)
    moved = jax.tree.map(lambda column: column[order], statistics)
    there = weights(fitness[order], moved, shape)
    np.testing.assert_allclose(
        there, weights(fitness, statistics, shape)[order], rtol=2e-4, atol=1e-6
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("factor", "shift"), [(1e4, 0.0), (1e-4, 0.0), (3.0, 50.0)])
def test_the_scale_of_fitness_does_not_matter(shape, factor, shift):
    fitness, statistics = population(16)

    def scaled(value):
        return np.asarray(value, np.float32) * np.float32(factor) + np.float32(shift)

    other = statistics._replace(
        early=scaled(statistics.early),
        late=scaled(statistics.late),
        standard_error=statistics.standard_error * np.float32(factor),
    )
    past = trail(best=scaled(0.4), mean=scaled(-0.3))
    np.testing.assert_allclose(
        weights(scaled(fitness), other, shape, past),
        weights(fitness, statistics, shape),
        rtol=5e-3,
        atol=1e-5,
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("copies", [2, 5])
def test_copies_of_all_members_share_the_weights_of_their_originals(shape, copies):
    fitness, statistics = population(12)
    many = jax.tree.map(lambda column: np.tile(column, copies), statistics)
    got = weights(np.tile(fitness, copies), many, shape).reshape(copies, -1)
    once = weights(fitness, statistics, shape) / copies
    np.testing.assert_allclose(got, np.tile(once, (copies, 1)), rtol=2e-3, atol=1e-6)


@pytest.mark.parametrize("number", [1, 2, 300])
@pytest.mark.parametrize("value", [0.0, 0.1, -3e7])
def test_equal_members_weigh_the_same(number, value):
    fitness = np.full(number, value, np.float32)
    flat = LifeStatistics(fitness, fitness, np.zeros_like(fitness))
    got = weights(fitness, flat, SHAPES[0])
    np.testing.assert_allclose(got, 1 / number, rtol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_sum_of_weights(shape):
    fitness, statistics = population(40)
    total = weights(fitness, statistics, shape).sum()
    fled = jax.nn.sigmoid(operator().anchor[1]) if shape.signed else 0
    np.testing.assert_allclose(total, 1 - fled, rtol=1e-5)


def test_features_by_hand():
    fitness = jnp.array([1.0, 3.0, 2.0, 2.0])
    early, late = jnp.array([0.0, 0.0, 1.0, 1.0]), jnp.array([1.0, 1.0, 1.0, 3.0])
    error = jnp.full(4, jnp.sqrt(0.5))
    lives = jnp.full(4, 8.0)
    statistics = LifeStatistics(early, late, error, lives, None, jnp.full(4, 0.5))
    before = trail(generation=10, best=2.5, mean=1.0, scale=1.0)
    seen, after = features.observe(fitness, statistics, before)
    column = dict(zip(features.FEATURES, np.asarray(seen).T, strict=True))
    root = np.sqrt(2)
    close = {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(column["z_score"], [-root, root, 0, 0], **close)
    np.testing.assert_allclose(column["rank"], [-0.375, 0.375, 0, 0], **close)
    np.testing.assert_array_equal(column["beats_best"], [0, 1, 0, 0])
    np.testing.assert_allclose(column["early"], [-1, -1, 1, 1], **close)
    rise = np.array([1, 1, 0, 2]) - 1
    np.testing.assert_allclose(column["rise"], rise * root, **close)
    np.testing.assert_allclose(column["error"], np.tanh(1), **close)
    np.testing.assert_allclose(column["lives"], 0.3, **close)
    np.testing.assert_array_equal(column["distance"], 0)
    np.testing.assert_allclose(column["parent"], np.tanh(root), **close)
    np.testing.assert_allclose(column["scale"], np.tanh(np.log(0.5) / 4), **close)
    np.testing.assert_allclose(column["time_10"], 0.5, **close)
    np.testing.assert_allclose(column["time_100"], 1 / 11, **close)
    assert tuple(map(float, after)) == (11, 3, 2, 1)


def test_the_first_generation_has_no_past():
    fitness, statistics = population(9)
    seen, after = features.observe(fitness, statistics, features.start())
    column = dict(zip(features.FEATURES, np.asarray(seen).T, strict=True))
    for name in ("beats_best", "parent", "scale", "time_10", "time_100"):
        np.testing.assert_array_equal(column[name], 0)
    assert float(after.best) == fitness.max() and float(after.scale) == 0.5
