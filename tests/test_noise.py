"""Low-rank matrices behave as the matrices they stand for; noise has its moments."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evolife import keys, perturbations
from evolife.perturbations import LowRankMatrix, materialise

pytestmark = pytest.mark.fast

CENTRE = {"w": jnp.ones((8, 6)), "bias": jnp.full(6, 2.0), "v": jnp.zeros((3, 5))}
KEY = keys.root_key(11)
EVERY = jnp.arange(17)


def matrix(m: int = 7, n: int = 5, rank: int = 2) -> LowRankMatrix:
    rng = np.random.default_rng(0)
    parts = (rng.normal(size=shape) for shape in ((m, n), (m, rank), (n, rank)))
    return LowRankMatrix(*(jnp.asarray(p, jnp.float32) for p in parts))


def draws(rank: int, pairs: int, centre=CENTRE, sigma: float = 1.0):
    """Materialised members ``0, 2, 4 ...`` less the centre: the perturbations."""
    plan = perturbations.layout(centre, rank)

    def perturbation(index):
        member = perturbations.perturb(plan, centre, KEY, index, jnp.float32(sigma))
        return jax.tree.map(jnp.subtract, materialise(member), centre)

    return jax.jit(jax.vmap(perturbation))(2 * jnp.arange(pairs))


def test_products_with_factors_equal_products_with_the_full_matrix():
    low, rng = matrix(), np.random.default_rng(1)
    full = np.asarray(low.w, np.float64) + np.asarray(low.a, np.float64) @ low.b.T
    left, right = rng.normal(size=(4, 7)), rng.normal(size=(3, 5))
    left, right = left.astype(np.float32), right.astype(np.float32)
    close = {"rtol": 1e-4, "atol": 1e-4}
    np.testing.assert_allclose(low.materialise(), full, **close)
    np.testing.assert_allclose(low.product(left), left @ full, **close)
    np.testing.assert_allclose(low.product(left[0]), left[0] @ full, **close)
    np.testing.assert_allclose(low.product(right, 1), right @ full.T, **close)
    assert isinstance(low.T, LowRankMatrix)
    np.testing.assert_allclose(low.T.materialise(), full.T, **close)
    np.testing.assert_allclose(low.T.product(right), right @ full.T, **close)
    assert (low.shape, low.dtype, low.T.shape) == ((7, 5), jnp.float32, (5, 7))


def test_parts_are_parts_of_the_full_matrix():
    low, full = matrix(), matrix().materialise()
    part = low.part(slice(1, 6, 2), slice(None))
    np.testing.assert_allclose(part.materialise(), full[1:6:2], rtol=1e-6)
    for start in (0, 3, 6):  # the last one is clamped, as JAX does
        window = jax.jit(lambda low, at: low.window((at, 1), (3, 2)))(low, start)
        wanted = jax.lax.dynamic_slice(full, (start, 1), (3, 2))
        np.testing.assert_allclose(window.materialise(), wanted, rtol=1e-6)


def test_a_matrix_survives_flattening_and_vmap_shares_the_centre():
    low = matrix()
    leaves, treedef = jax.tree.flatten(low)
    again = jax.tree.unflatten(treedef, leaves)
    assert (again.materialise() == low.materialise()).all()
    many = LowRankMatrix(low.w, jnp.stack([low.a, 2 * low.a]), jnp.stack([low.b] * 2))
    axes = LowRankMatrix(None, 0, 0)
    x = jnp.ones(7)
    products = jax.vmap(lambda m: m.product(x), in_axes=(axes,))(many)
    np.testing.assert_allclose(products[0], x @ low.materialise(), rtol=1e-4)
    doubled = low.w + 2 * low.a @ low.b.T
    np.testing.assert_allclose(products[1], x @ doubled, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rank", [1, 3])
def test_antithetic_pairs_mirror_each_other_exactly(rank):
    plan = perturbations.layout(CENTRE, rank)
    zero = jax.tree.map(jnp.zeros_like, CENTRE)
    member = jax.jit(
        lambda i: perturbations.perturb(plan, zero, KEY, i, jnp.float32(0.3))
    )
    for pair in (0, 5, 1000):
        plus, minus = (materialise(member(2 * pair + side)) for side in (0, 1))
        for name in CENTRE:
            assert (plus[name] == -minus[name]).all() and plus[name].any()


def test_a_member_is_the_same_whichever_lane_of_whichever_tile_asks():
    """Equal bits in tiles of one shape; across shapes XLA rounds differently."""
    plan = perturbations.layout(CENTRE, 2)

    def member(index):
        return perturbations.perturb(plan, CENTRE, KEY, index, jnp.float32(0.3))

    tile = jax.jit(jax.vmap(lambda index: materialise(member(index))))
    lanes = [(9, 4, 4, 0), (1, 0, 4, 9)]
    one, other = (tile(jnp.array(members)) for members in lanes)
    for here, there in ((0, 3), (1, 2), (2, 2), (3, 1)):
        alone = materialise(member(lanes[0][here]))
        for a, b, c in zip(*map(jax.tree.leaves, (one, other, alone)), strict=True):
            assert (a[here] == b[there]).all()
            np.testing.assert_allclose(a[here], c, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rank", [1, 2, 6])
def test_perturbations_have_mean_zero_and_identity_covariance(rank):
    """Entries of a matrix have fourth moment 3 + 6 / r; bounds are 6 sigma."""
    pairs = 40_000
    drawn = draws(rank, pairs, {"w": CENTRE["w"][:4, :3], "bias": jnp.zeros(2)}, 0.5)
    fourth = 3 * (1 + 2 / rank) * 1.0
    for name, kurtosis in (("w", (1 + 2 / rank) * 3), ("bias", 3.0)):
        flat = np.asarray(drawn[name], np.float64).reshape(pairs, -1) / 0.5
        assert np.abs(flat.mean(0)).max() < 6 / np.sqrt(pairs)
        covariance = flat.T @ flat / pairs
        spread = np.sqrt((kurtosis - 1) / pairs)
        assert np.abs(np.diag(covariance) - 1).max() < 6 * spread
        off = covariance - np.diag(np.diag(covariance))
        assert np.abs(off).max() < 6 * np.sqrt((1 + 2 / rank) / pairs)
    matrices = np.asarray(drawn["w"], np.float64).reshape(pairs, -1) / 0.5
    assert (matrices**4).mean() == pytest.approx(fourth, rel=0.15)


@pytest.mark.parametrize("rank", [1, 3])
def test_perturbations_of_matrices_have_the_rank_asked_for(rank):
    drawn = np.asarray(draws(rank, 4)["w"])
    assert (np.linalg.matrix_rank(drawn, tol=1e-4) == rank).all()


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_the_weighted_sum_equals_the_sum_of_full_perturbations(rank):
    pairs = 17
    weights = np.random.default_rng(rank).normal(size=pairs).astype(np.float32)
    plan = perturbations.layout(CENTRE, rank)
    rows = jax.vmap(lambda pair: perturbations.draw(plan, KEY, pair))
    total = jax.jit(lambda w: perturbations.weighted_sum(plan, rows(EVERY), w))(
        jnp.asarray(weights)
    )
    drawn = draws(rank, pairs, jax.tree.map(jnp.zeros_like, CENTRE))
    for name in CENTRE:
        brute = np.tensordot(weights, np.asarray(drawn[name], np.float64), axes=1)
        np.testing.assert_allclose(total[name], brute, rtol=1e-4, atol=1e-4)


def test_layout_counts_the_numbers_of_every_leaf():
    plan = perturbations.layout(CENTRE, 2)
    leaves = {"bias": 6, "v": 2 * (3 + 5), "w": 2 * (8 + 6)}
    assert plan.lengths() == list(leaves.values())
    assert plan.length == 50 == perturbations.draw(plan, KEY, jnp.int32(0)).size
