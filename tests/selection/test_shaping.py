"""Fixed shapings: closed forms, ties, invariances, and evosax's own as a reference."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from evosax.algorithms.distribution_based.discovered_es import get_weights as des_table
from evosax.algorithms.distribution_based.xnes import get_weights as nes_table
from evosax.core.fitness_shaping import centered_rank_fitness_shaping_fn

from evolife.base import LifeStatistics, Selection
from evolife.plugins.files import load, names
from evolife.selection.shaping.centered_rank import CenteredRank
from evolife.selection.shaping.des import Des
from evolife.selection.shaping.nes import Nes
from evolife.selection.shaping.truncation import Truncation
from evolife.selection.shaping.z_score import ZScore

FORMULAS = sorted({*names("selections")} - {"native", "learned"})
SHAPINGS = {name: load("selections", name) for name in FORMULAS}
CENTRED = ("z_score", "centered_rank", "nes")


@functools.cache
def compiled(selection: Selection):
    return jax.jit(selection.weights)


def weigh(selection: Selection, fitness) -> np.ndarray:
    fitness = jnp.asarray(fitness, jnp.float32)
    statistics = LifeStatistics(*(jnp.zeros_like(fitness),) * 3)
    state = selection.init()
    weights, after = compiled(selection)(fitness, statistics, state)
    assert after == state
    assert weights.shape == fitness.shape and weights.dtype == jnp.float32
    return np.asarray(weights)


def draw(size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=size).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("raw", [1.0, 0.0, 0.5, 2.0]),
        ("z_score", np.array([1, -7, -3, 9]) / np.sqrt(35) / 4),
        ("centered_rank", np.array([1 / 6, -1 / 2, -1 / 6, 1 / 2]) / 4),
        ("truncation", [0.5, 0.0, 0.0, 0.5]),
        ("nes", None),
        ("des", None),
    ],
)
def test_four_members_weigh_what_the_formula_says(name, expected):
    fitness = np.array([4.0, 0.0, 2.0, 8.0])
    places = np.array([2, 4, 3, 1])
    if name == "nes":
        utility = np.maximum(0, np.log(3) - np.log(places))
        expected = utility / utility.sum() - 1 / 4
    if name == "des":
        centred = (places - 1) / 3 - 0.5
        grown = np.exp(-20 / (1 + np.exp(-12.5 * centred)))
        expected = grown / grown.sum()
    np.testing.assert_allclose(weigh(SHAPINGS[name](), fitness), expected, atol=1e-6)


@pytest.mark.parametrize("name", SHAPINGS)
@pytest.mark.parametrize("size", [1, 3, 16])
def test_weights_are_equivariant_finite_and_keep_the_order(name, size):
    fitness = draw(size)
    weights = weigh(SHAPINGS[name](), fitness)
    order = np.random.default_rng(1).permutation(size)
    np.testing.assert_allclose(
        weigh(SHAPINGS[name](), fitness[order]), weights[order], rtol=1e-5, atol=1e-7
    )
    assert np.isfinite(weights).all()
    assert (np.diff(weights[np.argsort(fitness)]) >= 0).all()


@pytest.mark.parametrize("name", SHAPINGS)
def test_tied_members_weigh_the_same(name):
    fitness = np.array([1.0, 3.0, 2.0, 3.0, 3.0, 0.0, 1.0], np.float32)
    weights = weigh(SHAPINGS[name](), fitness)
    for value in np.unique(fitness):
        assert len(np.unique(weights[fitness == value])) == 1


@pytest.mark.parametrize("name", SHAPINGS)
@pytest.mark.parametrize("size", [1, 3, 64])
def test_equal_fitness_prefers_nobody(name, size):
    for value in (0.0, 0.1, -7.3, 3e38):
        weights = weigh(SHAPINGS[name](), np.full(size, value))
        expected = {"raw": value / size, "truncation": 1 / size, "des": 1 / size}
        if name in CENTRED:
            assert (weights == 0).all()
        else:
            np.testing.assert_allclose(weights, expected[name], rtol=1e-5)


@pytest.mark.parametrize("size", [2, 3, 16, 1001])
def test_sums_are_what_the_docstrings_state(size):
    fitness = draw(size)
    weights = {name: weigh(cls(), fitness) for name, cls in SHAPINGS.items()}
    for name in CENTRED:
        assert abs(weights[name].sum()) < 1e-5
    for name in ("truncation", "des"):
        assert weights[name].sum() == pytest.approx(1, abs=1e-5)
        assert (weights[name] >= 0).all()
    even, odd = size / (4 * (size - 1)), (size + 1) / (4 * size)
    assert np.abs(weights["centered_rank"]).sum() == pytest.approx(
        odd if size % 2 else even, rel=1e-4
    )
    assert 0.5 < np.abs(weights["z_score"]).sum() <= 1 + 1e-6
    assert 0.5 < np.abs(weights["nes"]).sum() < 2
    assert np.abs(weights["raw"]).sum() == pytest.approx(np.abs(fitness).mean())


@pytest.mark.parametrize("name", ["centered_rank", "truncation", "nes", "des"])
def test_rank_shapings_ignore_everything_but_order(name):
    fitness = draw(20)
    changed = np.exp(3 * fitness) - 100
    assert (weigh(SHAPINGS[name](), fitness) == weigh(SHAPINGS[name](), changed)).all()


def test_z_score_ignores_shift_and_scale_even_of_extreme_fitness():
    fitness = draw(16)
    plain = weigh(ZScore(), fitness)
    np.testing.assert_allclose(weigh(ZScore(), 5 * fitness + 3), plain, atol=1e-6)
    for scale in (1e-30, 1e37):
        np.testing.assert_allclose(weigh(ZScore(), scale * fitness), plain, atol=1e-6)


@pytest.mark.parametrize("size", [2, 5, 16])
def test_evosax_gives_the_same_weights_where_it_has_the_shaping(size):
    fitness = draw(size)
    place = np.argsort(np.argsort(-fitness))
    tables = {Nes: nes_table(size), Des: des_table(size)}
    for cls, table in tables.items():
        np.testing.assert_allclose(
            weigh(cls(), fitness), np.asarray(table)[place], atol=1e-6
        )
    ranked = centered_rank_fitness_shaping_fn(None, -jnp.asarray(fitness), None, None)
    np.testing.assert_allclose(
        size * weigh(CenteredRank(), fitness), -np.asarray(ranked), atol=1e-6
    )


@pytest.mark.parametrize(
    ("ratio", "elites"), [(0.01, 1), (0.1, 1), (0.25, 2), (0.5, 5), (1.0, 10)]
)
def test_truncation_takes_the_best(ratio, elites):
    fitness = draw(10)
    weights = weigh(Truncation(ratio), fitness)
    best = np.argsort(-fitness)[:elites]
    assert set(np.flatnonzero(weights)) == set(best)
    np.testing.assert_allclose(weights[best], 1 / elites, rtol=1e-6)


def test_members_tied_across_the_border_share_its_places():
    weights = weigh(Truncation(0.5), [9, 5, 5, 5, 1, 0])
    np.testing.assert_allclose(weights, [3 / 9, 2 / 9, 2 / 9, 2 / 9, 0, 0], rtol=1e-6)


def test_shapings_are_frozen_hashable_and_named_once():
    assert len(set(SHAPINGS.values())) == len(SHAPINGS) == 6
    for cls in SHAPINGS.values():
        assert hash(cls()) == hash(cls()) and cls() == cls()
        assert dataclasses.is_dataclass(cls) and cls.__doc__
        with pytest.raises(dataclasses.FrozenInstanceError):
            cls().anything = 1
