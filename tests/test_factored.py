"""Code written for arrays does on factors what it does on the matrix they stand for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evolife import factored
from evolife.perturbations import LowRankMatrix
from tests.data.networks.uses import CHEAP, FULL
from tests.jaxpr_tools import sizes

pytestmark = pytest.mark.fast

SHAPE = (4, 3)
MEMBERS = 3


def population(shape=SHAPE, rank: int = 2) -> LowRankMatrix:
    """Three members' factors along a leading axis, and the centre that they share."""
    rng = np.random.default_rng(0)
    shapes = (shape, *((MEMBERS, side, rank) for side in shape))
    return LowRankMatrix(
        *(jnp.asarray(rng.normal(0, 0.5, s), jnp.float32) for s in shapes)
    )


def of_members(function):
    """Map a function of a member's matrix over the population."""
    return jax.vmap(function, in_axes=(LowRankMatrix(None, 0, 0),))


def member() -> LowRankMatrix:
    many = population()
    return LowRankMatrix(many.w, many.a[1], many.b[1])


def vector(length: int = SHAPE[0]):
    return jnp.asarray(np.random.default_rng(1).normal(size=length), jnp.float32)


@pytest.fixture(scope="module")
def both_ways():
    """What all uses make of three members: kept in factors, and written out."""
    x, uses = vector(), CHEAP | FULL

    def everything(w, x):
        return {name: use(w, x) for name, use in uses.items()}

    def kept(matrix):
        return factored.call(everything, matrix, x)

    def written(matrix):
        return everything(matrix.materialise(), x)

    return [jax.jit(of_members(way))(population()) for way in (kept, written)]


@pytest.mark.parametrize("name", [*CHEAP, *FULL])
def test_any_use_gives_what_it_gives_for_an_array(both_ways, name):
    kept, written = (way[name] for way in both_ways)
    assert jax.tree.structure(kept) == jax.tree.structure(written)
    close = 0.05 if name == "half" else 2e-4
    for one, other in zip(*map(jax.tree.leaves, (kept, written)), strict=True):
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        np.testing.assert_allclose(one, other, rtol=close, atol=close)


@pytest.mark.parametrize("name", [*CHEAP, "tanh"])
def test_products_never_write_the_matrices_of_all_members(name):
    """The larger the matrix, the less of it a member may have of its own."""
    x, use = vector(64), (CHEAP | FULL)[name]
    act = of_members(lambda matrix: factored.call(use, matrix, x))
    largest = max(sizes(jax.make_jaxpr(act)(population((64, 48))).jaxpr))
    assert (largest < MEMBERS * 64 * 48 / 2) == (name in CHEAP)


def test_a_function_sees_arrays_and_answers_with_arrays():
    seen = []

    def step(genome, state, sensed):
        seen.append((genome, state))
        return {"copy": genome["w"], "state": state, "number": 1.0}, sensed["x"] @ 1

    low = member()
    with pytest.raises(ValueError, match="matmul"):
        factored.call(step, {"w": low}, jnp.zeros(2), {"x": vector()})
    (genome, state), *_ = seen
    assert isinstance(genome["w"], jax.Array) and isinstance(state, jax.Array)


def test_results_keep_structure_numbers_and_types():
    low = member()

    def step(genome, count):
        return {"copy": genome, "count": count + 1, "number": 1.0, "none": None}

    found = jax.jit(lambda low: factored.call(step, low, jnp.int32(4)))(low)
    assert (found["copy"] == low.materialise()).all()
    assert found["count"] == 5 and found["count"].dtype == jnp.int32
    assert found["number"] == 1 and found["none"] is None


def test_without_factors_nothing_is_traced_anew():
    asked = []

    def step(genome, x):
        asked.append(genome)
        return x @ genome

    full = member().materialise()
    assert (factored.call(step, full, vector()) == vector() @ full).all()
    assert asked[0] is full
