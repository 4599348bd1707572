"""The counter-based generator: uniform, uncorrelated, injective, and place-addressed.

Bounds are stated in standard deviations (of the statistic under true randomness) or as
p-values; with the number of comparisons made here, a perfect generator would exceed one
of them for fewer than one choice of seeds in a thousand. The seeds are fixed.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from evolife import keys
from evolife.keys import Pool, life_key, pool_key, root_key

MANY = 100_000
SEED = 7


def words(key) -> np.ndarray:
    return np.asarray(jax.random.key_data(key))


def bits(key, shape, dtype=jnp.uint32) -> np.ndarray:
    return np.asarray(jax.random.bits(key, shape, dtype))


def as_one(pairs: np.ndarray) -> np.ndarray:
    """Join ``(..., 2)`` words into flat 64-bit numbers."""
    high, low = np.moveaxis(pairs.astype(np.uint64), -1, 0)
    return ((high << np.uint64(32)) | low).ravel()


def fold_many(key, counters) -> np.ndarray:
    fold = jax.jit(jax.vmap(lambda c: jax.random.fold_in(key, c)))
    return words(fold(jnp.asarray(counters)))


def lives_of(pool, generation, member, life) -> np.ndarray:
    """Words of the keys of many lives; the counters broadcast."""
    counters = jnp.broadcast_arrays(*map(jnp.asarray, (generation, member, life)))
    return words(jax.jit(jax.vmap(life_key, (None, 0, 0, 0)))(pool, *counters))


def chi_square(values: np.ndarray, cells: int) -> float:
    return float(stats.chisquare(np.bincount(values.ravel(), minlength=cells)).pvalue)


def correlation_sigmas(a: np.ndarray, b: np.ndarray) -> float:
    return abs(float(np.corrcoef(a, b)[0, 1])) * np.sqrt(len(a))


def test_uniform_and_normal_numbers_have_their_moments_and_distributions():
    uniform = np.asarray(jax.random.uniform(root_key(SEED), (10 * MANY,)), np.float64)
    assert uniform.min() >= 0 and uniform.max() < 1
    for power in (1, 2, 3, 4):
        moment, variance = 1 / (power + 1), 1 / (2 * power + 1) - 1 / (power + 1) ** 2
        assert abs((uniform**power).mean() - moment) < 5 * np.sqrt(variance / 1e6)
    assert stats.kstest(uniform[:MANY], "uniform").pvalue > 1e-5
    normal = np.asarray(jax.random.normal(root_key(SEED), (10 * MANY,)), np.float64)
    for power, moment, second in ((1, 0, 1), (2, 1, 3), (3, 0, 15), (4, 3, 105)):
        error = np.sqrt((second - moment**2) / 1e6)
        assert abs((normal**power).mean() - moment) < 5 * error
    assert stats.kstest(normal[:MANY], "norm").pvalue > 1e-5


@pytest.mark.parametrize("dtype", [jnp.uint8, jnp.uint16, jnp.uint32])
def test_bytes_of_every_width_are_uniform(dtype):
    drawn = bits(root_key(SEED), (10 * MANY,), dtype)
    assert drawn.dtype == dtype
    for byte in drawn.view(np.uint8).reshape(len(drawn), -1).T:
        assert chi_square(byte, 256) > 1e-5
        assert chi_square(byte & 1, 2) > 1e-5


def test_low_bits_of_neighbouring_draws_and_keys_are_jointly_uniform():
    stream = bits(root_key(SEED), (4 * MANY,)).reshape(-1, 4) & 15
    chained = fold_many(root_key(SEED), np.arange(4 * MANY, dtype=np.uint32)) & 15
    for low in (stream[:, :2], stream[:, 2:], chained, chained[:, 0].reshape(-1, 2)):
        assert chi_square(low[:, 0] * 16 + low[:, 1], 256) > 1e-5


def test_every_input_bit_flips_every_output_bit_half_the_time():
    number = 2**16
    inputs = np.random.default_rng(SEED).integers(0, 2**32, (4, number), np.uint32)

    @jax.jit
    def flipped(x, word, bit):
        y = x.at[word].set(x[word] ^ (jnp.uint32(1) << bit))
        change = jnp.stack(keys.pcg4d(*x)) ^ jnp.stack(keys.pcg4d(*y))
        return jnp.stack([((change >> k) & 1).sum(1) for k in range(32)])

    inputs = jnp.asarray(inputs)
    for word, bit in np.ndindex(4, 32):
        share = np.asarray(flipped(inputs, word, np.uint32(bit))) / number
        sigmas = np.abs(share - 0.5).max() * 2 * np.sqrt(number)
        assert sigmas < 6, f"bit {bit} of word {word}: {sigmas:.1f} sigmas"


def test_pcg4d_never_gives_two_inputs_the_same_output():
    counters = np.arange(MANY, dtype=np.uint32)
    outputs = np.stack(keys.pcg4d(3, counters >> 9, counters & 511, 5), axis=-1)
    assert len(np.unique(outputs, axis=0)) == MANY


@pytest.mark.parametrize("counter", ["generation", "member", "life"])
@pytest.mark.parametrize("distance", [1, 2, 64])
def test_lives_of_neighbouring_counters_are_uncorrelated(counter, distance):
    count = np.arange(MANY, dtype=np.int32)
    place = {"generation": 3, "member": 5, "life": 1}
    pool = pool_key(SEED, Pool.EVOLVE)
    near, far = (
        lives_of(pool, **(place | {counter: count + shift})) for shift in (0, distance)
    )
    for word in (0, 1):
        assert correlation_sigmas(near[:, word], far[:, word]) < 5
    assert correlation_sigmas(near[:, 0], near[:, 1]) < 5


def test_steps_purposes_and_seeds_are_uncorrelated():
    life = life_key(pool_key(SEED, Pool.EVOLVE), 2, 3, 0)
    steps = np.arange(MANY + 1, dtype=np.int32)
    streams = [fold_many(jax.random.fold_in(life, p), steps)[:, 0] for p in range(4)]
    streams.append(words(jax.random.split(life, MANY + 1))[:, 0])
    streams.append(bits(life, (MANY + 1,)))
    streams.append(words(jax.jit(jax.vmap(root_key))(steps))[:, 0])
    for i, stream in enumerate(streams):
        assert correlation_sigmas(stream[:-1], stream[1:]) < 5
        for other in streams[:i]:
            assert correlation_sigmas(stream, other) < 5


def test_random_numbers_of_neighbouring_lives_are_uncorrelated():
    pool = pool_key(SEED, Pool.EVOLVE)

    def draw(member):
        return jax.random.normal(life_key(pool, 0, member, 0), (4,))

    drawn = np.asarray(jax.jit(jax.vmap(draw))(jnp.arange(MANY)))
    for i in range(4):
        for j in range(4):
            assert correlation_sigmas(drawn[:-1, i], drawn[1:, j]) < 5


def test_no_two_of_a_million_counters_give_the_same_key():
    counters = np.arange(10 * MANY, dtype=np.uint32)
    assert len(np.unique(as_one(fold_many(root_key(SEED), counters)))) == 10 * MANY


def test_splits_folds_and_bits_of_one_key_do_not_overlap():
    key = root_key(SEED)
    streams = [
        as_one(words(jax.random.split(key, MANY))),
        as_one(fold_many(key, np.arange(MANY, dtype=np.uint32))),
        as_one(bits(key, (MANY, 2))),
        as_one(words(key)[None]),
    ]
    everything = np.concatenate(streams)
    assert len(np.unique(everything)) == len(everything) == 3 * MANY + 1


def test_pools_and_seeds_share_no_life():
    g, m, n = (a.ravel() for a in np.mgrid[:30, :30, :30])
    pools = [pool_key(seed, pool) for seed in (0, 1) for pool in Pool]
    lives = np.concatenate([as_one(lives_of(pool, g, m, n)) for pool in pools])
    assert len(np.unique(lives)) == len(lives) == 2 * len(Pool) * 27_000


def test_a_life_has_the_same_key_whatever_the_batch():
    pool = pool_key(SEED, Pool.EVOLVE)
    members = np.arange(24, dtype=np.int32)
    together = lives_of(pool, 4, members, 2)
    for size in (1, 8):
        parts = [
            lives_of(pool, 4, members[start : start + size], 2)
            for start in range(0, 24, size)
        ]
        assert (np.concatenate(parts) == together).all()
    alone = [words(life_key(pool, 4, int(member), 2)) for member in members[:2]]
    assert (np.stack(alone) == together[:2]).all()


def test_vmap_equals_a_loop_bit_for_bit():
    many = jax.random.split(root_key(SEED), 4)
    functions = (
        lambda key: jax.random.key_data(jax.random.split(key, (2, 3))),
        lambda key: jax.random.key_data(jax.random.fold_in(key, 9)),
        lambda key: jax.random.bits(key, (7,)),
        lambda key: jax.random.bits(key, (2, 3), jnp.uint8),
        lambda key: jax.random.uniform(key, (3, 1)),
    )
    for function in functions:
        alone = jax.jit(function)
        looped = np.stack([np.asarray(alone(key)) for key in many])
        assert (np.asarray(jax.jit(jax.vmap(function))(many)) == looped).all()


def test_seeds_over_the_whole_range_give_different_keys():
    seeds = [0, 1, 2**16, 2**31 - 1, 2**31, 2**32 - 1]
    assert len({words(root_key(seed)).tobytes() for seed in seeds}) == len(seeds)
    assert (words(root_key(5)) == words(root_key(np.int32(5)))).all()


def test_the_functions_of_jax_random_work_with_it():
    a, b, c, d, e = jax.random.split(root_key(SEED), 5)
    heads = np.asarray(jax.random.bernoulli(a, 0.3, (MANY,)))
    assert stats.binomtest(int(heads.sum()), MANY, 0.3).pvalue > 1e-5
    dice = np.asarray(jax.random.randint(b, (MANY,), 0, 6))
    assert chi_square(dice, 6) > 1e-5
    chances = np.array([0.1, 0.2, 0.7])
    picks = np.asarray(jax.random.categorical(c, jnp.log(chances), shape=(MANY,)))
    counts = np.bincount(picks, minlength=3)
    assert stats.chisquare(counts, MANY * chances).pvalue > 1e-5
    shuffled = jax.vmap(lambda k: jax.random.permutation(k, 5))(jax.random.split(d, 10))
    orders = np.asarray(shuffled)
    assert (np.sort(orders, axis=1) == np.arange(5)).all()
    assert len(np.unique(orders, axis=0)) > 1
    chosen = np.asarray(jax.random.choice(e, 50, (20,), replace=False))
    assert len(set(chosen.tolist())) == 20 and chosen.max() < 50


def test_permutations_put_every_item_everywhere_equally_often():
    many = jax.random.split(root_key(SEED), 20_000)
    orders = np.asarray(jax.jit(jax.vmap(lambda k: jax.random.permutation(k, 4)))(many))
    codes = orders @ np.array([64, 16, 4, 1])
    _, counts = np.unique(codes, return_counts=True)
    assert len(counts) == 24
    assert stats.chisquare(counts).pvalue > 1e-5
