"""Linear attention: a fast matrix that is written and read."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evolife.agents.linear_attention import LinearAttention, dpfp, read, write
from tests.agent_tools import KEY, SPEC, affine, close, genome_like, live, sigmoid, wide


@pytest.mark.parametrize("nu", [1, 2, 3])
def test_features_of_a_key_are_products_of_neighbours(nu):
    """Schlag et al. 2021, entry by entry."""
    for key in np.random.default_rng(nu).normal(size=(20, 4)):
        r = [max(x, 0) for x in (*key, *-key)]
        wanted = [r[j] * r[(j - i) % 8] for i in range(1, nu + 1) for j in range(8)]
        length = np.linalg.norm(wanted)
        found = dpfp(jnp.asarray(key, jnp.float32), nu)
        close(found, np.array(wanted) / (length or 1))
        assert found.shape == (8 * nu,)


def test_a_written_value_is_read_back_and_orthogonal_keys_keep_theirs():
    rng = np.random.default_rng(2)
    basis, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    keys, values = jnp.asarray(basis, jnp.float32), rng.normal(size=(6, 3))
    values = jnp.asarray(values, jnp.float32)
    matrix = jnp.asarray(rng.normal(size=(6, 3)), jnp.float32)
    held = np.asarray(keys @ matrix)
    for i in range(6):
        matrix = write(matrix, keys[i], values[i], jnp.float32(1))
        close(read(matrix, keys[i]), values[i])
        close(keys @ matrix, np.concatenate([values[: i + 1], held[i + 1 :]]))
    again = write(matrix, keys[2], -values[2], jnp.float32(0.25))
    close(read(again, keys[2]), 0.5 * values[2])


def test_fast_weights_grow_no_faster_than_the_root_of_the_number_of_writes():
    rng = np.random.default_rng(3)
    keys = np.abs(rng.normal(size=(3000, 5)))
    keys = jnp.asarray(keys / np.linalg.norm(keys, axis=1)[:, None], jnp.float32)
    values = jnp.asarray(rng.choice([-1, 1], (3000, 2)), jnp.float32)
    rates = jnp.asarray(rng.random(3000), jnp.float32)

    def step(matrix, written):
        matrix = write(matrix, *written)
        return matrix, jnp.sqrt((matrix * matrix).sum(axis=0))

    _, lengths = jax.lax.scan(step, jnp.zeros((5, 2)), (keys, values, rates))
    assert (lengths <= np.sqrt(np.arange(1, 3001))[:, None] * (1 + 1e-5)).all()
    assert (lengths > 1).any()


@pytest.mark.parametrize("shift", [False, True])
def test_linear_attention_programs_a_fast_matrix(shift):
    """Schlag et al. 2021 in float64; rows of the matrix are values, as in the paper."""
    agent = LinearAttention(SPEC, hidden=5, keys=4, nu=2, values=3, shift=shift)
    genome = genome_like(agent.init_genome(KEY), 8)
    slow = wide(genome)
    fast, asked = np.zeros((3, 16)), np.zeros(16)

    def phi(k):
        r = np.maximum(np.concatenate([k, -k]), 0)
        products = np.concatenate([r * np.roll(r, 1), r * np.roll(r, 2)])
        return products / np.linalg.norm(products)

    for state, x, action in live(agent, genome, 20):
        h = np.tanh(affine(slow.senses, x))
        k, q, v, beta = np.split(affine(slow.program, x), [4, 8, 11])
        key = asked if shift else phi(k)
        fast = fast + sigmoid(beta) * np.outer(v - fast @ key, key)
        asked = phi(q)
        out = affine(slow.readout, np.concatenate([h, fast @ asked]))
        close(state.fast, fast.T)
        close(action, np.tanh(out))


def test_with_a_shift_one_finds_what_came_after():
    """Keys without features of their own are filed under what was asked before."""
    agent = LinearAttention(SPEC, hidden=5, keys=4, values=3, shift=True)
    genome = agent.init_genome(KEY)
    born = agent.init_state(genome, KEY)
    (first, *_), (second, *_) = live(agent, genome, 2)
    # Nothing was asked before birth, so nothing can be filed at the first step.
    assert (np.asarray(born.asked) == 0).all() and (np.asarray(first.fast) == 0).all()
    assert (np.asarray(second.fast) != 0).any()


def test_features_that_say_nothing_new_are_refused():
    """Beyond d - 1 neighbours, products repeat or multiply a number's two halves."""
    with pytest.raises(ValueError, match=r"nu = 4 .* keys = 4; use nu = 3 at most"):
        LinearAttention(SPEC, keys=4, nu=4)
    assert LinearAttention(SPEC, keys=4, nu=3).nu == 3
