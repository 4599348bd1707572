"""Gradients of an operator: backprop against differences, and without backprop."""

import dataclasses
import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evolife import keys
from evolife.metalearning.estimators.persistent import Persistent
from evolife.metalearning.estimators.unrolled import Carried, Unrolled
from evolife.metalearning.tasks import draw, episodes
from evolife.metalearning.tasks.functions import FAMILIES, families
from evolife.plugins.files import load, names
from evolife.selection import operator as operators
from evolife.selection.operator import Architecture
from tests.compiler import QUICK

SHAPE = Architecture(signed=True)
SMALL = {
    # Few, so that they compile soon, and smooth: elsewhere a difference meets kinks
    # that a slope does not. Each family is tried by itself below.
    "families": ("sphere", "ellipsoid", "double_sum"),
    "dimensions": (3,),
    "members": (6,),
    "tasks": 4,
    "window": 3,
    "length": 3,
    "noise": 0.0,
}


def route(cls=Unrolled, **changes):
    return cls(architecture=SHAPE, **{**SMALL, **changes})


def fresh(seed=0):
    return operators.init(keys.root_key(seed), SHAPE)


def direction(seed=1):
    drawn = fresh(seed)
    length = np.sqrt(sum(float(jnp.sum(x**2)) for x in drawn))
    return jax.tree.map(lambda x: x / length, drawn)


def along(slope, unit):
    return float(sum(jnp.sum(a * b) for a, b in zip(slope, unit, strict=True)))


def moved(operator, unit, step):
    return jax.tree.map(lambda a, b: a + step * b, operator, unit)


@pytest.mark.fast
@pytest.mark.skipif(
    QUICK in os.environ.get("XLA_FLAGS", ""),
    reason="the quick compiler computes wrong gradients; run as one of the fast tests",
)
@pytest.mark.parametrize(
    ("strategy", "window", "step"),
    [("SNES", 3, 0.02), ("DES", 3, 0.005), ("Sep_CMA_ES", 1, 0.02)],
)
def test_backprop_agrees_with_differences(strategy, window, step, monkeypatch):
    # No bound on a generation's gradient, and a step too small for ranks to change.
    monkeypatch.setattr(episodes, "_LONGEST", 1e9)
    one = route(
        strategy=strategy,
        window=window,
        task_clip=1e6,
        final=0.0,
    )
    carry = one.begin(0, keys.root_key(3))
    gradient = jax.jit(one.gradient, static_argnums=0)
    key, unit, operator = keys.root_key(4), direction(), fresh()
    slope = along(gradient(0, operator, carry, key)[0], unit)

    def loss(step):
        return float(gradient(0, moved(operator, unit, step), carry, key)[2]["loss"])

    steps = np.array([step, 2 * step])
    first, second = [(loss(h) - loss(-h)) / (2 * h) for h in steps]
    richardson = first + (first - second) / 3
    assert abs(slope) > 1e-4
    np.testing.assert_allclose(slope, richardson, rtol=0.05, atol=2e-4)


def test_windows_of_a_search_join_into_the_whole():
    one = route(length=6, window=3).search(0)
    start = one.begin(keys.root_key(2))
    middle, early = one.window(start, fresh(), 3)
    _, late = one.window(middle, fresh(), 3)
    _, whole = one.window(start, fresh(), 6)
    np.testing.assert_allclose(jnp.concatenate([early, late]), whole, rtol=1e-4)


def test_searches_end_and_others_begin_at_their_length():
    one = route(tasks=3, window=2, length=6)
    carry = one.begin(0, keys.root_key(0))
    np.testing.assert_array_equal(carry.episodes.generation, [0, 2, 4])
    gradient = jax.jit(one.gradient, static_argnums=0)
    seen = []
    for step in range(3):
        carry = gradient(0, fresh(), carry, keys.root_key(step))[1]
        seen.append(carry.episodes.generation.tolist())
    assert seen == [[2, 4, 6], [4, 6, 2], [6, 2, 4]]


def test_searches_grow_longer_as_training_goes_on():
    one = route(window=5, length=20, growth=10)
    limits = [int(one.limit(jnp.int32(n))) for n in (0, 9, 10, 20, 30, 99)]
    assert limits == [5, 5, 10, 15, 20, 20]


def test_a_lost_search_counts_for_nothing_and_is_given_up():
    one = route(tasks=2)
    carry = one.begin(0, keys.root_key(0))
    gradient = jax.jit(one.gradient, static_argnums=0)
    key = keys.root_key(1)
    sound = gradient(0, fresh(), carry, key)
    poisoned = carry.episodes.task._replace(
        scale=carry.episodes.task.scale.at[0].set(jnp.nan)
    )
    lost = Carried(carry.episodes._replace(task=poisoned), carry.windows)
    slope, after, told = gradient(0, fresh(), lost, key)
    assert float(told["lost"]) == 0.5 and float(sound[2]["lost"]) == 0
    assert all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in slope)
    assert after.episodes.generation[0] == one.length
    again = gradient(0, fresh(), after, keys.root_key(2))
    assert float(again[2]["lost"]) == 0


def test_perturbing_the_operator_finds_the_slope_that_backprop_finds():
    """The mean of 4,000 antithetic pairs against backprop, within 4 standard errors.

    One window is the whole search, so that both estimate the slope of one loss. By
    chance the test fails once in 15,000 choices of its seed.
    """
    given = {
        "families": ("sphere",),
        "final": 0.0,
        "window": 2,
        "length": 2,
        "tasks": 400,
    }
    exact = route(task_clip=1e6, **given)
    rough = route(Persistent, perturbation=0.02, **given)
    key, operator = keys.root_key(5), fresh()
    after = jax.jit(exact.begin, static_argnums=0)(0, keys.root_key(6))
    slope, *_ = jax.jit(exact.gradient, static_argnums=0)(0, operator, after, key)
    length = np.sqrt(along(slope, slope))
    unit = jax.tree.map(lambda x: x / length, slope)
    found = []
    estimate = jax.jit(rough.gradient, static_argnums=0)
    for number in range(10):
        episodes = after.episodes
        zero = jax.tree.map(lambda x: jnp.zeros((400, *x.shape)), operator)
        pairs = rough.pairs(episodes, zero)
        told = estimate(0, operator, pairs, keys.root_key(100 + number))
        found.append(along(told[0], unit))
    error = np.std(found, ddof=1) / np.sqrt(len(found))
    # Student's t of 9 degrees of freedom: 6.6 has the probability of 4 deviations.
    assert abs(np.mean(found) - length) < 6.6 * error
    assert error < 0.5 * length


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("dimensions", [2, 7])
def test_families_have_their_optimum_where_they_say(name, dimensions):
    value = FAMILIES[name].value
    assert abs(float(value(jnp.zeros(dimensions)))) < 2e-3
    rng = np.random.default_rng(0)
    away = rng.normal(size=(200, dimensions)) * 3
    assert float(jax.vmap(value)(jnp.asarray(away, jnp.float32)).min()) > 1e-3


def test_splits_are_disjoint_and_none_is_empty():
    splits = [set(families(split)) for split in ("train", "validation", "test")]
    assert all(splits) and sum(map(len, splits)) == len(FAMILIES)
    assert len(families("test")) >= 10


@pytest.mark.parametrize("name", FAMILIES)
def test_smooth_families_have_slopes_and_others_say_so(name):
    at = jnp.asarray(np.random.default_rng(1).normal(size=5), jnp.float32)
    slope = jax.grad(FAMILIES[name].value)(at)
    assert bool(jnp.all(jnp.isfinite(slope)))
    if FAMILIES[name].smooth:
        assert float(jnp.linalg.norm(slope)) > 1e-3


def test_tasks_are_what_they_are_drawn_to_be():
    ranges = draw.Ranges(noise=0.5, noisy=1.0)
    keys_ = jax.random.split(keys.root_key(0), 200)
    drawn = jax.vmap(lambda key: draw.draw(key, 4, 3, ranges))(keys_)
    names_ = families("train")[:3]
    at_best = jax.vmap(lambda t: draw.value(t, names_, t.optimum))(drawn)
    elsewhere = jax.vmap(lambda t: draw.value(t, names_, t.optimum + 1))(drawn)
    assert float(jnp.max(jnp.abs(at_best))) <= 1e-3 * float(jnp.median(elsewhere))
    assert float(elsewhere.min()) > 0
    # Rotations: the columns of the turn are orthogonal, whatever they are stretched by.
    products = jnp.einsum("nij,nik->njk", drawn.turn, drawn.turn)
    off = products - products * jnp.eye(4)
    assert float(jnp.max(jnp.abs(off))) < 1e-3
    assert set(np.asarray(drawn.family).tolist()) == {0, 1, 2}


def test_noise_has_the_deviation_that_it_reports():
    """Over 4,000 draws, within 5 of their standard errors: 1 seed in 10^6 fails."""
    ranges = draw.Ranges(noise=1.0, noisy=1.0)
    task = draw.draw(keys.root_key(8), 3, 1, ranges)
    unit = draw.begin(task, ("sphere",))
    same = jnp.zeros((4000, 3))
    fitness, error = draw.fitness(task, ("sphere",), same, keys.root_key(9), unit)
    deviation = float(jnp.std(fitness) / error[0])
    assert abs(deviation - 1) < 5 / np.sqrt(2 * 4000)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"families": ("spher",)}, "spher.*did you mean 'sphere'"),
        ({"families": ("step_ellipsoid",)}, "flat almost everywhere.*persistent"),
        ({"families": ()}, "name at least one"),
        ({"members": (6, 8)}, "dimensions has 1 entries and members 2"),
        ({"window": 9}, "at most length = 3"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        route(**changes)


def test_perturbing_needs_no_slope_of_the_task():
    one = route(Persistent, families=("step_ellipsoid",))
    assert one.families == ("step_ellipsoid",)


@pytest.mark.parametrize("name", names("estimators"))
def test_every_route_is_found_by_its_file(name):
    cls = load("estimators", name)
    assert dataclasses.is_dataclass(cls) and cls.idea
