"""One-step regret: its closed-form gradient, and the model of noisy lives."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from evolife.keys import root_key
from evolife.metalearning.benchmark.partial_lives import null_gain
from evolife.metalearning.estimators.regret import (
    Regret,
    regret,
    weights_of,
    worth_of_best,
)
from evolife.metalearning.tasks.noisy_lives import NULL, NoisyLives, draw
from evolife.selection import operator as operators
from evolife.selection.features import standardised
from evolife.selection.operator import Architecture
from evolife.selection.shaping.learned import Learned

KEY = root_key(11)
SIGMAS = 4.0
"""Bounds are this many standard errors: a true statement fails 1 in 15000 seeds."""
SMALL = Regret(members=(16,), tasks=32)
FRESH = jax.jit(operators.init, static_argnums=1)(KEY, Architecture())

standardise = jax.jit(jax.vmap(standardised))
gradient = jax.jit(functools.partial(SMALL.gradient, 0))


@functools.cache
def drawn(ranges: NoisyLives, members: int, tasks: int):
    keys = jax.random.split(KEY, tasks)
    return jax.jit(jax.vmap(lambda key: draw(key, members, ranges)))(keys)


def zero_within(means) -> bool:
    """Whether the mean of independent numbers may be 0."""
    means = np.asarray(means, np.float64)
    return abs(means.mean()) < SIGMAS * means.std(ddof=1) / np.sqrt(len(means))


@pytest.mark.parametrize("size", [2, 40])
def test_the_gradient_is_that_of_the_closed_form(size):
    logits, worth = jax.random.normal(jax.random.fold_in(KEY, size), (2, size))
    slope = jax.grad(lambda logits: regret(jax.nn.softmax(logits), worth))(logits)
    w = np.exp(np.asarray(logits, np.float64))
    w /= w.sum()
    g = np.asarray(worth, np.float64)
    g = (g - g.mean()) / g.std()
    np.testing.assert_allclose(slope, -w * (g - w @ g), atol=1e-6)


def test_regret_is_least_where_all_weight_is_on_the_best():
    worth = np.array([3.0, -1.0, 7.0, 2.0, 4.0])
    losses = np.asarray(jax.vmap(lambda w: regret(w, worth))(jnp.eye(5)))
    np.testing.assert_allclose(losses, -(worth - 3) / worth.std(), rtol=1e-5)
    assert float(regret(jnp.full(5, 0.2), worth)) == pytest.approx(0, abs=1e-6)


def test_worth_itself_is_never_differentiated():
    weights = jax.nn.softmax(jnp.arange(4.0))
    slope = jax.grad(regret, argnums=1)(weights, jnp.array([3.0, 1.0, 4.0, 1.5]))
    assert (slope == 0).all()


def test_an_operator_is_left_alone_where_all_are_worth_the_same():
    one = jax.tree.map(lambda x: x[0], drawn(NoisyLives(), 256, 1000))

    @jax.jit
    @jax.grad
    def slope(operator, worth):
        return regret(weights_of(operator, one, True), worth)

    for value in (0.0, 0.1, -7e5):
        assert all((leaf == 0).all() for leaf in slope(FRESH, jnp.full(256, value)))
    assert any((leaf != 0).any() for leaf in slope(FRESH, one.worth))


def test_worth_knows_nothing_of_the_noise_in_what_is_seen():
    many = drawn(NoisyLives(), 256, 1000)
    noise = many.fitness - many.expected
    along = standardise(many.worth) * standardise(noise)
    assert zero_within(along.mean(axis=1))
    # The same test notices worth that was taken from the lives that are seen.
    assert not zero_within((standardise(many.fitness) * standardise(noise)).mean(1))


def test_noise_is_as_large_as_the_hyperparameters_say():
    """Equal Gaussian noise on half of the lives, down to a hundredth of it."""
    many = drawn(NULL, 1024, 300)
    spread = np.std(many.expected, axis=1)
    ratio = np.std(many.fitness - many.expected, axis=1) / spread
    # Of 1024 members a standard deviation is known to 2.2%.
    assert 0.08 / 1.1 < ratio.min() < 0.08 * 1.3
    assert 8 / 1.3 < ratio.max() < 8 * 1.1


def test_standard_errors_are_those_of_the_noise():
    many = drawn(NoisyLives(), 256, 1000)
    lives = np.asarray(many.statistics.lives[:, 0])
    assert set(lives) == set(range(1, 17))
    error = np.asarray(many.statistics.standard_error, np.float64)
    assert (error[lives == 1] == 0).all()
    squared = np.square(np.asarray(many.fitness - many.expected, np.float64))
    scale = squared.mean(axis=1) + np.square(error).mean(axis=1)
    excess = (squared - np.square(error)).mean(axis=1) / scale
    assert zero_within(excess[lives > 1])
    assert not zero_within(excess)


def test_a_whole_life_without_noise_shows_its_worth_and_a_cut_one_a_part_of_it():
    def alike(ranges):
        many = drawn(ranges, 32, 200)
        along = standardise(many.fitness) * standardise(many.worth)
        return np.asarray(along.mean(axis=1))

    assert (alike(NoisyLives(shorter=1.0, noise=0.0)) > 0.999).all()
    cut = alike(NoisyLives(noise=0.0))
    assert cut.min() < 0.8 < cut.mean() < 0.99


def test_in_the_null_setting_a_life_shows_its_fitness_and_nothing_else():
    seen = drawn(NULL, 1024, 300)
    assert (seen.statistics.late == seen.statistics.early).all()
    steps = seen.fitness / seen.statistics.late
    alike = seen.statistics.late * np.median(steps, 1, keepdims=True)
    # Sums of what nearly cancels are as exact as what is summed.
    scale = np.abs(seen.fitness).max(axis=1, keepdims=True)
    np.testing.assert_allclose(seen.fitness / scale, alike / scale, atol=1e-5)
    # The error of a normal mean says nothing of the mean, nor of the worth.
    error = standardise(seen.statistics.standard_error)
    assert zero_within((error * standardise(seen.worth)).mean(axis=1))
    assert zero_within((error * standardise(seen.fitness)).mean(axis=1))


def test_the_gradient_of_a_shard_is_that_of_its_loss():
    slope, carry, told = gradient(FRESH, (), KEY)
    assert carry == () and set(told) == {"loss", "chosen", "fittest"}
    again, _, _ = gradient(FRESH, (), KEY)
    assert all((a == b).all() for a, b in zip(slope, again, strict=True))
    rng = np.random.default_rng(2)
    way = [rng.normal(size=leaf.shape) for leaf in FRESH]

    def at(step: float) -> float:
        moved = (jnp.float32(x + step * d) for x, d in zip(FRESH, way, strict=True))
        return float(gradient(operators.Operator(*moved), (), KEY)[2]["loss"])

    expected = sum(float((s * d).sum()) for s, d in zip(slope, way, strict=True))
    assert abs(expected) > 1e-3
    assert (at(2e-3) - at(-2e-3)) / 4e-3 == pytest.approx(expected, rel=0.02)


@functools.cache
def trained() -> operators.Operator:
    optimizer = optax.adam(1e-2)

    def step(carry, number):
        operator, state = carry
        slope, _, _ = SMALL.gradient(0, operator, (), jax.random.fold_in(KEY, number))
        change, state = optimizer.update(slope, state)
        return (optax.apply_updates(operator, change), state), None

    start = FRESH, optimizer.init(FRESH)
    run = jax.jit(lambda carry: jax.lax.scan(step, carry, jnp.arange(300))[0])
    return run(start)[0]


def test_a_trained_operator_chooses_better_than_fitness_where_lives_are_cut():
    operator = trained()
    told = [
        gradient(operator, (), jax.random.fold_in(KEY, i))[2] for i in range(1000, 1300)
    ]
    gains = np.array([told["chosen"] - told["fittest"] for told in told])
    assert gains.mean() > SIGMAS * gains.std(ddof=1) / np.sqrt(len(gains))


def test_where_nothing_can_choose_better_than_fitness_nothing_does():
    gain = null_gain(Learned("", Architecture(), trained()), KEY, members=16)
    assert gain["interval"][0] < gain["mean"] < gain["interval"][1] < 0.05
    assert gain["interval"][0] <= 0
    plain = FRESH._replace(judged=jnp.zeros_like(FRESH.judged))
    same = null_gain(Learned("", Architecture(), plain), KEY, members=16)
    assert same == {"mean": 0.0, "interval": [0.0, 0.0]}


def test_the_tied_share_what_the_best_are_worth():
    judged = jnp.array([[1.0, 3.0, 3.0], [5.0, 1.0, 0.0]])
    worth = jnp.array([[9.0, 1.0, 2.0], [4.0, 7.0, 8.0]])
    assert worth_of_best(judged, worth).tolist() == [1.5, 4.0]
