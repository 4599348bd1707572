"""What ranks sum in shares is the sum over all members, whoever sums what."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from evolife import keys
from evolife.additive import AdditiveStrategy
from evolife.base import LifeStatistics
from evolife.engine import fixed_point
from evolife.engine.ordering import place_members
from evolife.engine.teller import SharedTell
from evolife.perturbations import materialise
from evolife.plugins.files import find, load
from evolife.ranks.base import Serial
from evolife.selection.shaping.raw import Raw
from tests.jaxpr_tools import sizes

pytestmark = pytest.mark.fast

TEMPLATE = {"w": jnp.zeros((6, 5)), "bias": jnp.zeros(5)}
KEY = keys.root_key(3)
FILES = [name for name, plugin in find("strategies").items() if plugin.path]
ADDITIVE = {
    name: cls
    for name, cls in ((name, load("strategies", name)) for name in FILES)
    if issubclass(cls, AdditiveStrategy)
}


class Share(Serial):
    """Rank ``rank`` of ``size``, whose sums are kept instead of added."""

    def __init__(self, rank: int, size: int) -> None:
        super().__init__()
        self.rank, self.size, self.kept = rank, size, None

    def sum_integers(self, array):
        self.kept = array
        return array


class Summed(Serial):
    """One of ``size`` ranks, which hears what all of them summed."""

    def __init__(self, total: np.ndarray, size: int) -> None:
        super().__init__()
        self.total, self.size = total, size

    def sum_integers(self, array):
        return self.total


def newborn(key):
    return {
        name: jax.random.normal(jax.random.fold_in(key, i), leaf.shape)
        for i, (name, leaf) in enumerate(TEMPLATE.items())
    }


def make(name: str, size: int) -> AdditiveStrategy:
    return ADDITIVE[name](size, TEMPLATE, Raw())


def generation_of(strategy, seed=0):
    state = strategy.init(KEY, newborn)
    proposal = strategy.ask(state, jnp.int32(4))
    size = strategy.population_size
    fitness = np.random.default_rng(seed).normal(size=size).astype(np.float32)
    zeros = np.zeros(size, np.float32)
    places = place_members(fitness, Serial())
    return state, proposal, 4, fitness, LifeStatistics(*(zeros,) * 3, places=places)


def bits(state) -> list[bytes]:
    numbers = jax.tree.map(
        lambda x: (
            jax.random.key_data(x)
            if jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key)
            else x
        ),
        state,
    )
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(numbers)]


def test_the_bundled_additive_strategies_are_known():
    assert {"low_rank", "full_rank", "separable"} <= ADDITIVE.keys()


@pytest.mark.parametrize("name", ADDITIVE)
@pytest.mark.parametrize("size", [2, 514])
def test_any_number_of_ranks_gives_the_bits_of_one(name, size):
    strategy = make(name, size)
    given = generation_of(strategy)
    alone = bits(SharedTell(strategy, Serial())(*given))
    for count in (2, 3, 5, 7, 16):
        shares = [Share(rank, count) for rank in range(count)]
        for share in shares:
            SharedTell(strategy, share)(*given)
        total = sum(share.kept for share in shares)
        assert bits(SharedTell(strategy, Summed(total, count))(*given)) == alone


@pytest.mark.parametrize("name", ADDITIVE)
def test_the_shared_tell_is_the_tell(name):
    strategy = make(name, 300)
    state, proposal, done, *told = generation_of(strategy)
    shared = SharedTell(strategy, Serial())(state, proposal, done, *told)
    whole = jax.jit(strategy.tell)(state, proposal, jnp.int32(done), *told)
    for one, other in zip(*map(jax.tree.leaves, (shared, whole)), strict=True):
        if jnp.issubdtype(one.dtype, jnp.floating):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@functools.cache
def contributions(name, size):
    """``(K, numbers)`` float64: each member's, by itself."""
    strategy = make(name, size)
    proposal = strategy.ask(strategy.init(KEY, newborn), jnp.int32(4))
    one = np.zeros(strategy.piece, np.float32)
    one[0] = 1
    odd = np.roll(one, 1)

    def of_pair(first):
        drawn = strategy.draw(proposal, first)
        parts = [strategy.partial_sum(drawn, jnp.asarray(w)) for w in (one, odd)]
        return jnp.stack([ravel_pytree(part)[0] for part in parts])

    found = jax.lax.map(of_pair, jnp.arange(0, size, 2))
    return np.asarray(found, np.float64).reshape(size, -1)


@pytest.mark.parametrize("cancels", [False, True])
@pytest.mark.parametrize("size", [64, 65_538])
@pytest.mark.parametrize("name", ADDITIVE)
def test_the_sum_equals_that_of_float64(name, size, cancels):
    """To 1e-6 of what is summed, also where the sum itself nearly cancels."""
    strategy = make(name, size)
    state = strategy.init(KEY, newborn)
    proposal = strategy.ask(state, jnp.int32(4))
    rng = np.random.default_rng(size)
    weights = (rng.normal(size=size) / size).astype(np.float32)
    if cancels:
        # What is left of the weights contributes to no number of the sum.
        each = contributions(name, size)
        weights -= (each @ np.linalg.lstsq(each, weights, rcond=None)[0]).astype("f")
    tell = SharedTell(strategy, Serial())
    limit = tell.limit(weights)
    summed = tell.sum_share(proposal, weights, range(strategy.pieces), limit)
    found = fixed_point.floats(summed, fixed_point.exponent(limit))
    each = contributions(name, size)
    wanted = weights.astype(np.float64) @ each
    # Of a sum of random signs: its size, not that of the largest it could be.
    scale = np.sqrt((weights.astype(np.float64) ** 2) @ (each**2)).max()
    assert np.abs(found - wanted).max() <= 1e-6 * max(scale, np.abs(wanted).max())


@pytest.mark.parametrize("name", ADDITIVE)
def test_no_contribution_is_larger_than_the_bound(name):
    each = np.abs(contributions(name, 4_000))
    bound = make(name, 4_000).bound
    assert each.max() <= bound
    assert each.max() > bound / 8, "the bound is far from what is met"


@pytest.mark.parametrize("name", ADDITIVE)
def test_members_not_there_count_for_nothing(name):
    """A last piece that is not full sums what the same members sum among others."""
    few, many = make(name, 200), make(name, 512)
    weights = np.zeros(512, np.float32)
    weights[:200] = np.random.default_rng(1).normal(size=200)
    sums = []
    for strategy in (few, many):
        proposal = strategy.ask(strategy.init(KEY, newborn), jnp.int32(4))
        mine = weights[: strategy.population_size]
        tell = SharedTell(strategy, Serial())
        sums.append(tell.sum_share(proposal, mine, range(strategy.pieces), 1e4))
    assert (sums[0] == sums[1]).all()


@pytest.mark.parametrize("name", ADDITIVE)
def test_weights_that_are_not_finite_make_the_state_so(name):
    strategy = make(name, 64)
    state, proposal, done, fitness, statistics = generation_of(strategy)
    fitness = np.full_like(fitness, np.inf)
    after = SharedTell(strategy, Serial())(state, proposal, done, fitness, statistics)
    assert not np.isfinite(after.mean["w"]).any()


@pytest.mark.parametrize("name", ADDITIVE)
def test_ranks_that_disagree_on_the_power_teach_nothing(name):
    """Of unlike hardware, on either side of a power of two."""
    strategy = make(name, 64)
    given = generation_of(strategy)
    shares = [Share(rank, 2) for rank in range(2)]
    for share in shares:
        SharedTell(strategy, share)(*given)
    total = sum(share.kept for share in shares)
    total[-2] += 1
    after = SharedTell(strategy, Summed(total, 2))(*given)
    assert np.isnan(after.mean["w"]).all()


@pytest.mark.parametrize("name", ADDITIVE)
def test_no_array_of_all_members_is_drawn(name):
    template = {"w": jnp.zeros((40, 30))}
    strategy = ADDITIVE[name](4096, template, Raw())
    state = strategy.init(KEY, lambda key: template)
    proposal = strategy.ask(state, jnp.int32(0))
    tell = SharedTell(strategy, Serial())
    words = np.zeros(4096, np.float32), *np.zeros(3, np.int32)
    held = sizes(jax.make_jaxpr(tell._sum_pieces)(proposal, *words).jaxpr)
    few = max(4096, strategy.piece * strategy.member_size)
    assert max(held) <= few < 4096 // 2 * strategy.member_size / 8


@pytest.mark.parametrize("name", ADDITIVE)
@pytest.mark.parametrize("numbers", [1, 5_000, 2_000_000])
def test_a_piece_is_a_power_of_two_that_fits_the_cache(name, numbers):
    template = {"w": jax.ShapeDtypeStruct((numbers, 1), jnp.float32)}
    strategy = ADDITIVE[name](64, template, Raw())
    piece = strategy.piece
    assert 2 <= piece <= 128 and piece & (piece - 1) == 0
    assert piece == 2 or piece * strategy.member_size <= 2 * 2**20


@pytest.mark.parametrize("name", ADDITIVE)
def test_mirrored_members_contribute_alike(name):
    """Members 2p and 2p + 1 stand on opposite sides of the mean."""
    strategy = make(name, 8)
    state = strategy.init(KEY, newborn)
    proposal = strategy.ask(state, jnp.int32(0))
    build = jax.jit(lambda i: materialise(strategy.member(proposal, i)))
    for pair in range(4):
        plus, minus = build(2 * pair), build(2 * pair + 1)
        middle = jax.tree.map(lambda a, b: (a + b) / 2, plus, minus)
        for name_, leaf in middle.items():
            np.testing.assert_allclose(leaf, state.mean[name_], atol=1e-6)
