"""External memory: slots found by content, or taken where they are free."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evolife.agents.external_memory import (
    ExternalMemory,
    Orders,
    by_content,
    least_used,
    note,
    recall,
)
from tests.agent_tools import KEY, SPEC, affine, close, genome_like, live, sigmoid, wide


def attention(memory: np.ndarray, key: np.ndarray, sharpness: float) -> np.ndarray:
    """Weights by content, slot by slot."""
    weights = np.zeros(len(memory))
    for i, row in enumerate(memory):
        square = row @ row
        if square:
            cosine = row @ key / np.sqrt(square * (key @ key))
            weights[i] = square / (square + 1e-3) * np.exp(sharpness * cosine)
    return weights / (weights.sum() or 1)


@pytest.mark.parametrize("sharpness", [0.0, 1.0, 20.0, 500.0])
def test_attention_is_on_what_is_alike_whatever_the_order_of_slots(sharpness):
    rng = np.random.default_rng(4)
    memory, key = rng.uniform(-1, 1, (9, 4)), rng.normal(size=4)
    memory[[2, 5]] = 0
    narrow = jnp.asarray(memory, jnp.float32), jnp.asarray(key, jnp.float32)
    found = np.asarray(by_content(*narrow, jnp.float32(sharpness)))
    np.testing.assert_allclose(found, attention(memory, key, sharpness), atol=1e-4)
    assert found.sum() == pytest.approx(1, abs=1e-5) and (found >= 0).all()
    assert (found[[2, 5]] == 0).all()
    order = rng.permutation(9)
    moved = by_content(narrow[0][order], narrow[1], jnp.float32(sharpness))
    np.testing.assert_allclose(moved, found[order], rtol=1e-4, atol=1e-7)
    usage = jnp.asarray(rng.permutation(9), jnp.float32)
    np.testing.assert_array_equal(least_used(usage), usage == 0)
    np.testing.assert_array_equal(least_used(usage[order]), usage[order] == 0)


def test_an_empty_memory_gets_no_attention_and_its_first_slot_is_free():
    empty = jnp.zeros((5, 3))
    assert (by_content(empty, jnp.ones(3), jnp.float32(9)) == 0).all()
    one = empty.at[3].set(jnp.array([0.1, -0.2, 0.3]))
    for key in (jnp.ones(3), -one[3], jnp.zeros(3)):
        found = by_content(one, key, jnp.float32(300))
        np.testing.assert_allclose(found, [0, 0, 0, 1, 0], atol=1e-6)
    np.testing.assert_array_equal(least_used(jnp.zeros(5)), [1, 0, 0, 0, 0])


def orders(
    content: Any, fresh: float, strength: float = 1.0, erase: float = 0.0
) -> Any:
    content = jnp.asarray(content, jnp.float32)
    many = jnp.full(content.shape, erase)
    numbers = (40.0, 40.0, strength, fresh)
    return Orders(content, content, many, content, *map(jnp.float32, numbers))


def test_a_value_is_found_by_its_key_and_the_least_used_is_overwritten():
    """Keys are orthogonal, so that wrong slots weigh exp(-35) at most."""
    signs = np.array([[1, 1], [1, -1]])
    keys = np.kron(np.kron(signs, signs), signs).astype(float)
    rng = np.random.default_rng(5)
    values = rng.choice([-0.5, 0.5], (6, 8))
    memory, usage = jnp.zeros((4, 16)), jnp.zeros(4)

    def look(i):
        found, weights = recall(memory, orders([*keys[i], *np.zeros(8)], 0))
        return found[8:], weights

    for i in range(4):
        memory, weights = note(memory, usage, orders([*keys[i], *values[i]], 1.0))
        np.testing.assert_array_equal(weights, np.eye(4)[i])
        usage = 0.9 * usage + weights
    for i in range(4):
        close(look(i)[0], values[i])
    usage = 0.9 * usage + look(0)[1]
    memory, weights = note(memory, usage, orders([*keys[4], *values[4]], 1.0))
    np.testing.assert_array_equal(weights, np.eye(4)[1])
    for i in (0, 2, 3, 4):
        close(look(i)[0], values[i])
    changed = orders([*keys[0], *values[5]], 0.0, erase=1.0)
    memory, weights = note(memory, usage, changed)
    assert weights[0] > 0.999 and weights.sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(look(0)[0], values[5], atol=2e-3)
    silent = orders([*keys[5], *values[5]], 0.5, strength=0.0)
    np.testing.assert_array_equal(note(memory, usage, silent)[0], memory)


def test_a_memory_controller_is_what_it_says():
    """The whole agent in float64, with fewer slots than steps."""
    agent = ExternalMemory(SPEC, slots=5, width=4, hidden=6, decay=0.9)
    genome = genome_like(agent.init_genome(KEY), 9)
    own = wide(genome)
    memory, usage, found, h = np.zeros((5, 4)), np.zeros(5), np.zeros(4), np.zeros(6)
    for state, x, action in live(agent, genome, 25):
        h = np.tanh(affine(own.controller, np.concatenate([x, found, h])))
        out = np.split(affine(own.heads, h), [4, 8, 12, 16, 17, 18, 19])
        asked, place, erase, add = out[:4]
        sharp_read, sharp_write = (float(np.logaddexp(0, s[0])) for s in out[4:6])
        strength, fresh = (sigmoid(g[0]) for g in out[6:])
        taken = strength * fresh * np.eye(5)[usage.argmin()]
        known = strength * (1 - fresh) * attention(memory, place, sharp_write)
        memory = memory * (1 - taken[:, None])
        memory = memory * (1 - np.outer(taken + known, sigmoid(erase)))
        memory = np.clip(memory + np.outer(taken + known, np.tanh(add)), -1, 1)
        looked = attention(memory, asked, sharp_read)
        found = looked @ memory
        usage = 0.9 * usage + taken + known + looked
        close(state.memory, memory)
        close(state.usage, usage)
        close(state.found, found)
        close(state.hidden, h)
        close(action, np.tanh(affine(own.readout, np.concatenate([h, found]))))


def test_slots_may_be_added_after_evolution():
    """More slots change nothing until the few would have run out."""
    small, large = (ExternalMemory(SPEC, slots=count) for count in (8, 64))
    born = small.init_genome(KEY)
    shapes = [jax.tree.map(jnp.shape, a.init_genome(KEY)) for a in (small, large)]
    assert shapes[0] == shapes[1]
    genome = genome_like(born, 10)
    few, many = live(small, genome, 30), live(large, genome, 30)
    for t in range(8):
        close(many[t][0].memory[:8], few[t][0].memory)
        assert not many[t][0].memory[t + 1 :].any()
        close(many[t][2], few[t][2])
    assert many[-1][0].memory.shape == (64, 8) and few[-1][0].memory.shape == (8, 8)
    assert (many[-1][0].memory != 0).any(axis=1).sum() == 30


def test_addressing_starts_as_sharp_as_it_says():
    agent = ExternalMemory(SPEC, width=3, sharpness=7.0)
    bias = np.asarray(agent.init_genome(KEY).heads.bias)
    np.testing.assert_array_equal(bias, [0] * 12 + [7, 7, 0, 0])
