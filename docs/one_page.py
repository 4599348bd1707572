"""The main job of evolife on one page: `evolife train bandit`, from seed to champion.

It imports nothing of evolife, but finds its agents: tests/project/test_one_page.py.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax, random
from jax.extend.random import define_prng_impl
from jax.flatten_util import ravel_pytree


# RANDOM NUMBERS are hashes of their place in the run: any process can do any part.
def hashed(*words):
    """Hash four words of 32 bits into four: PCG4D (Jarzynski & Olano, JCGT 2020)."""
    x, y, z, w = (jnp.asarray(v, jnp.uint32) * 1664525 + 1013904223 for v in words)
    for _ in range(3):
        x = x + y * w
        y = y + z * x
        z = z + x * y
        w = w + y * z
        x, y, z, w = (v ^ (v >> 16) for v in (x, y, z, w))
    return jnp.stack([x, y, z, w], axis=-1)


def random_bits(key, _, shape):
    """Fill a shape: up to four words come from one hash, more from one hash each."""
    count = int(np.prod(shape))
    if count <= 4:
        return hashed(*key, 0, 0x6C8E9CF5)[:count].reshape(shape)
    return hashed(*key, jnp.arange(count), 0x3C6EF372)[:, 0].reshape(shape)


PCG4D = define_prng_impl(
    key_shape=(2,),  # The last word hashed is the use, so that no two uses meet.
    seed=lambda seed: hashed(seed, 0, 0, 0x5EED5EED)[:2],
    split=lambda key, shape: hashed(*key, jnp.arange(*shape), 0x2545F491)[:, :2],
    fold_in=lambda key, number: hashed(*key, number, 0x1B873593)[:2],
    random_bits=random_bits,
)


def key_of(seed, *path):
    """Descend from the seed: 0 to the strategy, 1 to a pool, generation, member."""
    return functools.reduce(random.fold_in, path, random.key(seed, impl=PCG4D))


# A LIFE. A genome is the weights of a network, and no life changes it. The agent learns
# in its activity: it senses what it did and what that earned (RL^2, Duan et al. 2016).
def newborn(seed, arms=5, hidden=32):
    """Draw three layers, with weights of variance 1 / inputs (LeCun et al. 1998)."""
    shapes = (arms + 3, 3 * hidden), (hidden, 3 * hidden), (hidden, arms)
    weights = map(random.normal, random.split(key_of(seed, 0, 0), 3), shapes)
    return [(w / len(w) ** 0.5, jnp.zeros(w.shape[1])) for w in weights]


def gru(genome, h, x):
    """Step a gated recurrent unit (Cho et al. 2014); return its state and output."""
    (w, w_bias), (u, u_bias), (v, v_bias) = genome
    xr, xz, xn = jnp.split(x @ w + w_bias, 3)
    hr, hz, hn = jnp.split(h @ u + u_bias, 3)
    r, z = jax.nn.sigmoid(xr + hr), jax.nn.sigmoid(xz + hz)
    h = (1 - z) * jnp.tanh(xn + r * hn) + z * h
    return h, h @ v + v_bias


@functools.partial(jax.vmap, in_axes=(None, None, 0, None))
def live(genome, pool, number, pulls):
    """Live by number, each time with a new bandit; return how many pulls paid."""
    key, (hidden, arms) = random.fold_in(pool, number), genome[2][0].shape
    world, choice, luck = (random.fold_in(key, n) for n in (1, 2, 3))
    chances = random.uniform(world, (arms,))  # Of paying: to be found out.

    def step(carry, t):
        h, action, reward = carry
        h, scores = gru(genome, h, jnp.array([1, *action, reward, t == 0]))
        # The largest score after Gumbel noise is a draw from the softmax of the scores.
        arm = jnp.argmax(scores + random.gumbel(random.fold_in(choice, t), (arms,)))
        draw = random.uniform(random.split(random.fold_in(luck, t))[0])
        reward = jnp.float32(draw < chances[arm])
        return (h, jax.nn.one_hot(arm, arms), reward), reward

    birth = jnp.zeros(hidden), jnp.zeros(arms), jnp.float32(0)
    return lax.scan(step, birth, jnp.arange(pulls))[1].sum()


# EVOLUTION. No life is differentiated: sum_i weight_i noise_i / sigma leads from the
# centre to the members that earn more (evolution strategies, Salimans et al. 2017).
def noise_of(genome, key, pair):
    """Draw c for each bias and a bᵀ for each matrix (EGGROLL, Sarkar et al. 2025)."""
    sizes = [size for w, bias in genome for size in (*w.shape, len(bias))]
    (first, second), place = random.key_data(key), jnp.arange(sum(sizes))
    words = hashed(first ^ 0x7F4A7C15, second, pair, place)[:, 0]
    # Four bytes' sum, shaped to have the moments of a normal number, 1 to 9.
    x = (sum(words >> n & 255 for n in (0, 8, 16, 24)).astype(float) - 510) / 21845**0.5
    shape = jnp.array([0.000425393942, -0.00341125451, 0.0212804651, 0.955460327])
    n = iter(jnp.split(x * jnp.polyval(shape, x**2), np.cumsum(sizes)[:-1]))
    # The engine writes no matrix down: x (W + a bᵀ) = x W + (x a) bᵀ costs less.
    return ravel_pytree([(jnp.outer(next(n), next(n)), next(n)) for _ in genome])[0]


def evolve(seed, genome, pulls=10, lives=64, size=1024, sigma=0.2, learning_rate=0.05):
    """Yield each generation's fitness, its best member, and the centre after it."""
    centre, unravel = ravel_pytree(genome)

    @jax.jit
    def generation(centre, m, v, t):
        key, pool = key_of(seed, 0, 1, t), key_of(seed, 1, 0, t, 0)
        noise = jax.vmap(noise_of, (None, None, 0))(genome, key, jnp.arange(size // 2))
        # Mirrored pairs: what noise does whatever its sign cancels out in g.
        members = centre + sigma * jnp.stack([noise, -noise], axis=1).reshape(size, -1)
        # All live the lives of member 0, or luck would choose among them.
        live_all = jax.vmap(lambda x: live(unravel(x), pool, jnp.arange(lives), pulls))
        fitness = live_all(members).mean(axis=1)
        beats = fitness[:, None] > fitness  # Centred ranks: by how much does not count.
        weight = (beats.sum(1) - beats.sum(0)) / (2 * size * (size - 1))
        g = (weight[0::2] - weight[1::2]) @ noise / sigma
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2  # Adam (Kingma & Ba 2015).
        m_hat, v_hat = m / (1 - 0.9 ** (t + 1)), v / (1 - 0.999 ** (t + 1))
        centre = centre + learning_rate * m_hat / (jnp.sqrt(v_hat) + 1e-8)
        return (centre, m, v, t + 1), fitness, members[jnp.argmax(fitness)]

    state = centre, 0 * centre, 0 * centre, 0
    while True:
        state, fitness, best = generation(*state)
        yield fitness, unravel(best), unravel(state[0])


# THE BEST OF K. The highest of many noisy scores is too high (the winner's curse), so
# candidates live again, and are reported from lives that nothing was chosen by.
def best_of_k(seed, candidates, keep=4, lives=4096, pulls=10):
    """Return number, new score and held-out returns of each champion, best first."""
    validate, report = (key_of(seed, 1, pool, 0, 0) for pool in (1, 2))
    live_in = jax.jit(lambda pool, one: live(one, pool, jnp.arange(lives), pulls))
    scores = [live_in(validate, one).mean() for one in candidates]
    kept = np.argsort(-np.array(scores), kind="stable")[:keep]
    return [(i, scores[i], live_in(report, candidates[i])) for i in kept]


if __name__ == "__main__":
    run, found = evolve(0, newborn(0), size=256), []
    for number in range(60):
        fitness, best, centre = next(run)
        found.append(best)
        print(f"{number + 1:3}: mean {fitness.mean():.2f}, best {fitness.max():.2f}")
    _, score, returns = best_of_k(0, [*found, centre], lives=1000)[0]
    print(f"champion: {score:.2f} when chosen, {returns.mean():.2f} in held-out lives")
