"""Agents that remember by activity, by fast weights, by slots and by growth."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evolife.agents.clockwork import Clockwork
from evolife.agents.external_memory import ExternalMemory
from evolife.agents.hebbian import Hebbian
from evolife.agents.linear_attention import LinearAttention
from evolife.agents.lstm import Lstm
from evolife.base import Both, Continuous, Discrete, Spec, TimeStep
from evolife.keys import root_key
from evolife.parts import abcd, fast_weights, slots
from evolife.parts.actions import features, output_size
from evolife.parts.heads import Orders, note, recall
from evolife.parts.lanes import largest
from evolife.parts.ticking import due, tick

KEY = root_key(29)
SPACES = [Discrete(4), Continuous(3, -2.0, 6.0), Both(Discrete(3), Continuous(2))]
SPEC = Spec(3, Continuous(2))


def genome_like(genome: Any, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    return jax.tree.map(
        lambda leaf: jnp.asarray(rng.normal(0, 0.5, leaf.shape), jnp.float32), genome
    )


def wide(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), tree)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def time_steps(spec: Spec, count: int) -> list[TimeStep]:
    rng = np.random.default_rng(count)
    return [
        TimeStep(
            jnp.asarray(rng.normal(size=spec.observation_size), jnp.float32),
            jnp.float32(rng.normal()),
            jnp.asarray(rng.random() < 0.3),
        )
        for _ in range(count)
    ]


def sensed(steps: TimeStep, last: np.ndarray) -> np.ndarray:
    """Inputs in float64, as RL^2 lists them."""
    scalars = [float(steps.reward), float(steps.first)]
    return np.concatenate([np.asarray(steps.observation, np.float64), last, scalars])


def live(agent: Any, genome: Any, count: int) -> list[tuple[Any, np.ndarray, Any]]:
    """Each step's state, float64 inputs and action, from birth."""
    state, step = agent.init_state(genome, KEY), jax.jit(agent.step)
    space = agent.spec.action_space
    last = np.zeros(output_size(space))
    rows = []
    for steps in time_steps(agent.spec, count):
        x = sensed(steps, last)
        state, action = step(genome, state, steps, KEY)
        last = np.asarray(features(space, action), np.float64)
        np.testing.assert_allclose(state.last_action, last, atol=1e-6)
        rows.append((state, x, action))
    return rows


def close(found: Any, wanted: Any) -> None:
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=2e-5)


def affine(layer: Any, x: np.ndarray) -> np.ndarray:
    return x @ layer.weight + layer.bias


# Long short-term memory


@pytest.mark.parametrize("space", SPACES)
def test_an_lstm_is_the_one_of_the_textbook(space):
    """Hochreiter & Schmidhuber 1997 with the gate of Gers et al. 2000, in float64."""
    agent = Lstm(Spec(5, space), 6)
    genome = genome_like(agent.init_genome(KEY), 4)
    w_i, w_f, w_o, w_g = np.split(wide(genome.senses.weight), 4, axis=1)
    b_i, b_f, b_o, b_g = np.split(wide(genome.senses.bias), 4)
    u_i, u_f, u_o, u_g = np.split(wide(genome.memory), 4, axis=1)
    h = c = np.zeros(6)
    for state, x, action in live(agent, genome, 12):
        i = sigmoid(x @ w_i + h @ u_i + b_i)
        f = sigmoid(x @ w_f + h @ u_f + b_f)
        o = sigmoid(x @ w_o + h @ u_o + b_o)
        c = f * c + i * np.tanh(x @ w_g + h @ u_g + b_g)
        h = o * np.tanh(c)
        close(state.cell, c)
        close(state.hidden, h)
        if isinstance(space, Continuous):
            close(action, 2 + 4 * np.tanh(affine(wide(genome.readout), h)))


def test_an_lstm_is_the_one_of_flax():
    nn = pytest.importorskip("flax.linen")
    agent = Lstm(SPEC, 7)
    genome = genome_like(agent.init_genome(KEY), 5)
    kernels = np.split(genome.senses.weight, 4, axis=1)
    recurrent = np.split(genome.memory, 4, axis=1)
    biases = np.split(genome.senses.bias, 4)
    named = {}
    for gate, w, u, b in zip("ifog", kernels, recurrent, biases, strict=True):
        named[f"i{gate}"] = {"kernel": w}
        named[f"h{gate}"] = {"kernel": u, "bias": b}
    carry = (jnp.zeros(7), jnp.zeros(7))
    for state, x, _ in live(agent, genome, 12):
        inputs = jnp.asarray(x, jnp.float32)
        carry, _ = nn.LSTMCell(7).apply({"params": named}, carry, inputs)
        close(state.cell, carry[0])
        close(state.hidden, carry[1])


def test_a_cell_forgets_at_the_rate_of_its_forget_gate():
    agent = Lstm(SPEC, 2, forget_bias=1.5)
    born = agent.init_genome(KEY)
    np.testing.assert_array_equal(
        born.senses.bias, np.float32([0, 0, 1.5, 1.5, 0, 0, 0, 0])
    )
    genome = jax.tree.map(jnp.zeros_like, born)
    genome = genome._replace(senses=genome.senses._replace(bias=born.senses.bias))
    state = agent.init_state(genome, KEY)._replace(cell=jnp.array([1.0, -3.0]))
    for steps in time_steps(SPEC, 9):
        state, _ = agent.step(genome, state, steps, KEY)
    close(state.cell, sigmoid(1.5) ** 9 * np.array([1.0, -3.0]))


# Clockwork


def test_the_modules_due_are_those_whose_period_divides_the_clock():
    for clock in range(70):
        found = int(due(jnp.int32(clock), 5))
        periods = [1, 2, 4, 8, 16]
        assert periods[:found] == [p for p in periods if clock % p == 0]


def test_a_clockwork_is_a_masked_network_whose_rows_tick():
    """Koutnik et al. 2014, as one block-triangular matrix, in float64."""
    agent = Clockwork(SPEC, 8, 4)
    genome = genome_like(agent.init_genome(KEY), 6)
    inputs, n, width = 3 + 2 + 2, 8, 2
    dense, bias = np.zeros((inputs + n, n)), np.zeros(n)
    for i, layer in enumerate(wide(genome.modules)):
        mine = slice(i * width, (i + 1) * width)
        dense[:inputs, mine] = layer.weight[:inputs]
        dense[inputs + i * width :, mine] = layer.weight[inputs:]
        bias[mine] = layer.bias
    recurrent = dense[inputs:].reshape(4, width, 4, width)
    assert all(not recurrent[j, :, i].any() for i in range(4) for j in range(i))
    h = np.zeros(n)
    for t, (state, x, action) in enumerate(live(agent, genome, 40)):
        full = np.tanh(np.concatenate([x, h]) @ dense + bias)
        h = np.where(np.repeat(t % 2 ** np.arange(4) == 0, width), full, h)
        close(state.hidden, h)
        close(action, np.tanh(affine(wide(genome.readout), h)))


def test_a_module_changes_at_multiples_of_its_period_and_at_no_other_step():
    agent = Clockwork(SPEC, 12, 4)
    genome = genome_like(agent.init_genome(KEY), 7)
    before = np.zeros((4, 3))
    for t, (state, _, _) in enumerate(live(agent, genome, 33)):
        now = np.asarray(state.hidden).reshape(4, 3)
        changed = (now != before).any(axis=1)
        assert changed.tolist() == [t % 2**i == 0 for i in range(4)]
        assert int(state.clock) == (t + 1) % 8
        before = now


def test_lanes_that_tick_apart_each_keep_their_own_time():
    genome = Clockwork(SPEC, 6, 3).init_genome(KEY)
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(2, 3, 7)), jnp.float32)
    hidden = jnp.asarray(rng.normal(size=(2, 3, 6)), jnp.float32)
    counts = jnp.array([[1, 3, 2], [1, 1, 2]])

    def alone(x, hidden, count):
        return tick(genome.modules, x, hidden, count)

    many = jax.jit(jax.vmap(jax.vmap(alone)))(x, hidden, counts)
    for i, j in np.ndindex(2, 3):
        close(many[i, j], alone(x[i, j], hidden[i, j], counts[i, j]))
        kept = 2 * int(counts[i, j])
        np.testing.assert_array_equal(many[i, j, kept:], hidden[i, j, kept:])


def test_modules_that_are_not_due_are_not_computed_in_a_batch_either():
    """Branches stay branches under two levels of vmap, with a clock for every lane."""
    agent = Clockwork(SPEC, 6, 3)
    genome = agent.init_genome(KEY)
    state = agent.init_state(genome, KEY)
    steps = time_steps(SPEC, 1)[0]
    stack = jax.tree.map(
        lambda leaf: jnp.broadcast_to(leaf, (2, 5, *leaf.shape)),
        (genome, state, steps),
    )
    step = jax.vmap(jax.vmap(lambda *inputs: agent.step(*inputs, KEY)))
    conditionals = [
        equation
        for equation in jax.make_jaxpr(step)(*stack).jaxpr.eqns
        if equation.primitive.name == "cond"
    ]
    assert [c.invars[0].aval.shape for c in conditionals] == [()]
    products = [
        sum(e.primitive.name == "dot_general" for e in branch.jaxpr.eqns)
        for branch in conditionals[0].params["branches"]
    ]
    assert products == [1, 2, 3]


def test_the_largest_over_lanes_is_that_of_all_of_them_and_the_same_for_all():
    values = np.random.default_rng(1).integers(0, 1000, (3, 4))
    inner = jax.vmap(largest, out_axes=None)
    assert int(jax.vmap(inner, out_axes=None)(jnp.asarray(values))) == values.max()
    assert int(largest(jnp.int32(5))) == 5


def test_modules_must_share_their_units_equally():
    with pytest.raises(ValueError, match=r"hidden = 10 .* modules = 4; .* = 12$"):
        Clockwork(SPEC, 10, 4)
    assert Clockwork(SPEC, 12, 4).modules == 4


# Linear attention


@pytest.mark.parametrize("nu", [1, 2, 3])
def test_features_of_a_key_are_products_of_neighbours(nu):
    """Schlag et al. 2021, entry by entry."""
    for key in np.random.default_rng(nu).normal(size=(20, 4)):
        r = [max(x, 0) for x in (*key, *-key)]
        wanted = [r[j] * r[(j - i) % 8] for i in range(1, nu + 1) for j in range(8)]
        length = np.linalg.norm(wanted)
        found = fast_weights.dpfp(jnp.asarray(key, jnp.float32), nu)
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
        matrix = fast_weights.write(matrix, keys[i], values[i], jnp.float32(1))
        close(fast_weights.read(matrix, keys[i]), values[i])
        close(keys @ matrix, np.concatenate([values[: i + 1], held[i + 1 :]]))
    again = fast_weights.write(matrix, keys[2], -values[2], jnp.float32(0.25))
    close(fast_weights.read(again, keys[2]), 0.5 * values[2])


def test_fast_weights_grow_no_faster_than_the_root_of_the_number_of_writes():
    rng = np.random.default_rng(3)
    keys = np.abs(rng.normal(size=(3000, 5)))
    keys = jnp.asarray(keys / np.linalg.norm(keys, axis=1)[:, None], jnp.float32)
    values = jnp.asarray(rng.choice([-1, 1], (3000, 2)), jnp.float32)
    rates = jnp.asarray(rng.random(3000), jnp.float32)

    def step(matrix, written):
        matrix = fast_weights.write(matrix, *written)
        return matrix, jnp.sqrt((matrix * matrix).sum(axis=0))

    _, lengths = jax.lax.scan(step, jnp.zeros((5, 2)), (keys, values, rates))
    assert (lengths <= np.sqrt(np.arange(1, 3001))[:, None] * (1 + 1e-5)).all()
    assert (lengths > 1).any()


def test_linear_attention_programs_a_fast_matrix():
    """Schlag et al. 2021 in float64; rows of the matrix are values, as in the paper."""
    agent = LinearAttention(SPEC, hidden=5, keys=4, nu=2, values=3)
    genome = genome_like(agent.init_genome(KEY), 8)
    slow = wide(genome)
    fast = np.zeros((3, 16))

    def phi(k):
        r = np.maximum(np.concatenate([k, -k]), 0)
        products = np.concatenate([r * np.roll(r, 1), r * np.roll(r, 2)])
        return products / np.linalg.norm(products)

    for state, x, action in live(agent, genome, 20):
        h = np.tanh(affine(slow.senses, x))
        k, q, v, beta = np.split(affine(slow.program, h), [4, 8, 11])
        error = v - fast @ phi(k)
        fast = fast + sigmoid(beta) * np.outer(error, phi(k))
        out = affine(slow.readout, np.concatenate([h, fast @ phi(q)]))
        close(state.fast, fast.T)
        close(action, np.tanh(out))


def test_features_that_say_nothing_new_are_refused():
    """Beyond d - 1 neighbours, products repeat or multiply a number's two halves."""
    with pytest.raises(ValueError, match=r"nu = 4 .* keys = 4; use nu = 3 at most"):
        LinearAttention(SPEC, keys=4, nu=4)
    assert LinearAttention(SPEC, keys=4, nu=3).nu == 3


# External memory


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
    found = np.asarray(slots.by_content(*narrow, jnp.float32(sharpness)))
    np.testing.assert_allclose(found, attention(memory, key, sharpness), atol=1e-4)
    assert found.sum() == pytest.approx(1, abs=1e-5) and (found >= 0).all()
    assert (found[[2, 5]] == 0).all()
    order = rng.permutation(9)
    moved = slots.by_content(narrow[0][order], narrow[1], jnp.float32(sharpness))
    np.testing.assert_allclose(moved, found[order], rtol=1e-4, atol=1e-7)
    usage = jnp.asarray(rng.permutation(9), jnp.float32)
    np.testing.assert_array_equal(slots.least_used(usage), usage == 0)
    np.testing.assert_array_equal(slots.least_used(usage[order]), usage[order] == 0)


def test_an_empty_memory_gets_no_attention_and_its_first_slot_is_free():
    empty = jnp.zeros((5, 3))
    assert (slots.by_content(empty, jnp.ones(3), jnp.float32(9)) == 0).all()
    one = empty.at[3].set(jnp.array([0.1, -0.2, 0.3]))
    for key in (jnp.ones(3), -one[3], jnp.zeros(3)):
        found = slots.by_content(one, key, jnp.float32(300))
        np.testing.assert_allclose(found, [0, 0, 0, 1, 0], atol=1e-6)
    np.testing.assert_array_equal(slots.least_used(jnp.zeros(5)), [1, 0, 0, 0, 0])


def told(content: Any, fresh: float, strength: float = 1.0, erase: float = 0.0) -> Any:
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
        found, weights = recall(memory, told([*keys[i], *np.zeros(8)], 0))
        return found[8:], weights

    for i in range(4):
        memory, weights = note(memory, usage, told([*keys[i], *values[i]], 1.0))
        np.testing.assert_array_equal(weights, np.eye(4)[i])
        usage = 0.9 * usage + weights
    for i in range(4):
        close(look(i)[0], values[i])
    usage = 0.9 * usage + look(0)[1]
    memory, weights = note(memory, usage, told([*keys[4], *values[4]], 1.0))
    np.testing.assert_array_equal(weights, np.eye(4)[1])
    for i in (0, 2, 3, 4):
        close(look(i)[0], values[i])
    changed = told([*keys[0], *values[5]], 0.0, erase=1.0)
    memory, weights = note(memory, usage, changed)
    assert weights[0] > 0.999 and weights.sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(look(0)[0], values[5], atol=2e-3)
    silent = told([*keys[5], *values[5]], 0.5, strength=0.0)
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


# Growth by local rules


def test_a_step_of_growth_computed_by_hand():
    """Najarro & Risi 2020, synapse by synapse."""
    rng = np.random.default_rng(6)
    weights, *rules = rng.uniform(-1, 1, (6, 3, 2))
    o_i, o_j = rng.uniform(-1, 1, 3), rng.uniform(-1, 1, 2)
    a, b, c, d, eta = rules
    wanted = np.zeros((3, 2))
    for i, j in np.ndindex(3, 2):
        hebb = a[i, j] * o_i[i] * o_j[j] + b[i, j] * o_i[i] + c[i, j] * o_j[j] + d[i, j]
        wanted[i, j] = np.clip(weights[i, j] + eta[i, j] * hebb, -0.9, 0.9)
    narrow = [jnp.asarray(x, jnp.float32) for x in (weights, *rules, o_i, o_j)]
    found = abcd.grow(narrow[0], abcd.Rule(*narrow[1:6]), *narrow[6:], 0.9)
    close(found, wanted)
    assert 0 < (np.abs(wanted) == 0.9).sum() < 6


def test_a_synapse_knows_only_its_two_ends():
    rng = np.random.default_rng(7)
    weights, *rules = jnp.asarray(rng.uniform(-0.2, 0.2, (6, 4, 5)), jnp.float32)
    law = abcd.Rule(*rules)
    before, after = (jnp.asarray(rng.uniform(-1, 1, size)) for size in (4, 5))
    grown = abcd.grow(weights, law, before, after, 1.0)
    for i in range(4):
        other = abcd.grow(weights, law, before.at[i].set(0.77), after, 1.0)
        np.testing.assert_array_equal((other != grown).any(axis=1), np.arange(4) == i)
    for j in range(5):
        other = abcd.grow(weights, law, before, after.at[j].set(0.77), 1.0)
        np.testing.assert_array_equal((other != grown).any(axis=0), np.arange(5) == j)


@pytest.mark.parametrize("space", SPACES)
def test_a_hebbian_network_acts_and_then_grows(space):
    """Two layers in float64, from the weights it was born with."""
    agent = Hebbian(Spec(3, space), (4,), bound=0.8)
    genome = genome_like(agent.init_genome(KEY), 11)
    size = output_size(space)
    shapes = [(5 + size, 4), (4, size)]
    assert [[m.shape for m in law] for law in genome] == [[s] * 5 for s in shapes]
    weights = [*wide(agent.init_state(genome, KEY).weights)]
    for state, x, action in live(agent, genome, 20):
        hidden = np.tanh(x @ weights[0])
        out = hidden @ weights[1]
        if isinstance(space, Continuous):
            close(action, 2 + 4 * np.tanh(out))
        ends = ((x, hidden), (hidden, np.tanh(out)))
        for i, (law, (o_i, o_j)) in enumerate(zip(wide(genome), ends, strict=True)):
            terms = law.a * np.outer(o_i, o_j) + law.b * o_i[:, None] + law.c * o_j
            weights[i] = np.clip(weights[i] + law.eta * (terms + law.d), -0.8, 0.8)
            close(state.weights[i], weights[i])


def test_every_life_begins_with_other_weights_that_no_genome_knows():
    """Mean and variance of 12,000 uniform draws, within 5 sigma."""
    agent = Hebbian(Spec(193, Discrete(5)), (60,), newborn=0.3)
    one, other = (genome_like(agent.init_genome(KEY), seed) for seed in (1, 2))
    first, second = (agent.init_state(one, root_key(seed)).weights for seed in (1, 2))
    again = agent.init_state(other, root_key(1)).weights
    for x, y, z in zip(first, second, again, strict=True):
        assert (x != y).all()
        np.testing.assert_array_equal(x, z)
    drawn = np.asarray(first[0], np.float64)
    assert drawn.size == 12_000 and np.abs(drawn).max() <= 0.3
    assert abs(drawn.mean()) < 5 * 0.3 / np.sqrt(3 * 12_000)
    # The square of a uniform number has mean 1/3 and variance 4/45.
    off = np.mean((drawn / 0.3) ** 2) - 1 / 3
    assert abs(off) < 5 * np.sqrt(4 / 45 / 12_000)
