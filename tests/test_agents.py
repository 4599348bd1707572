"""Every agent in every environment: sound, pure, finite, equal in every form."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evolife import noise
from evolife.agents.gru import Gru
from evolife.agents.reflex import Reflex
from evolife.base import Both, Continuous, Discrete, Spec, TimeStep
from evolife.keys import root_key
from evolife.parts.actions import act, choose, features, output_size
from evolife.parts.linear import linear
from evolife.parts.senses import sense, sense_size
from evolife.plugins import registry

IDS = ("CartPole-v1", "Pendulum-v1")
WORLDS = {
    world: registry.load("envs", name)(**settings)
    for name in registry.names("envs")
    for world, settings in (
        [(i, {"id": i}) for i in IDS] if name == "gymnax" else [(name, {})]
    )
}
AGENTS = {name: registry.load("agents", name) for name in registry.names("agents")}
# Every agent meets choices and numbers, every world a blind agent and one with memory.
PAIRS = [
    f"{agent} in {world}"
    for agent in AGENTS
    for world in WORLDS
    if world in {"bandit", "Pendulum-v1"} or agent in {"reflex", "gru"}
]
KEY = root_key(17)
STEPS = 2000
CONTROL = Both(Discrete(3), Continuous(2, -2.0, 6.0))


@dataclasses.dataclass(frozen=True)
class Pair:
    """An agent in a world, with compiled parts that the tests of the pair share."""

    agent: Any
    world: Any
    genome: Any
    state: Any
    sensed: TimeStep
    step: Any


@pytest.fixture(scope="module", params=PAIRS)
def pair(request):
    name, world_name = request.param.split(" in ")
    world = WORLDS[world_name]
    agent = AGENTS[name](world.spec)
    genome = jax.jit(agent.init_genome)(KEY)
    state = agent.init_state(genome, KEY)
    _, sensed = world.reset(KEY)
    return Pair(agent, world, genome, state, sensed, jax.jit(agent.step))


def genome_like(genome: Any, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    return jax.tree.map(
        lambda leaf: jnp.asarray(rng.normal(0, 0.5, leaf.shape), jnp.float32), genome
    )


def time_steps(spec: Spec, count: int) -> TimeStep:
    rng = np.random.default_rng(count)
    return TimeStep(
        jnp.asarray(rng.normal(size=(count, spec.observation_size)), jnp.float32),
        jnp.asarray(rng.normal(size=count), jnp.float32),
        jnp.asarray(rng.random(count) < 0.3),
    )


def assert_same(one: Any, other: Any) -> None:
    for a, b in zip(*map(jax.tree.leaves, (one, other)), strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b), strict=True)


def assert_close(one: Any, other: Any) -> None:
    for a, b in zip(*map(jax.tree.leaves, (one, other)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


def walk(pair: Pair, genome: Any, steps: TimeStep) -> list[tuple[Any, Any]]:
    """States and actions over a series of time steps."""
    state, rows = pair.state, []
    for i in range(len(steps.reward)):
        row = pair.step(genome, state, jax.tree.map(lambda x, at=i: x[at], steps), KEY)
        rows.append(row)
        state = row[0]
    return rows


def test_it_fits(pair):
    registry.check_fit(pair.agent, pair.world)


def test_a_life_of_two_thousand_steps_stays_finite_and_within_bounds(pair):
    low, high = pair.world.reward_range

    def sound(tree):
        parts = [jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(tree)]
        return jnp.stack([jnp.ones((), bool), *parts]).all()

    @jax.jit
    def live(genome):
        def step(carry, t):
            mind, world, sensed = carry
            think, turn = jax.random.split(jax.random.fold_in(KEY, t))
            mind, action = pair.agent.step(genome, mind, sensed, think)
            world, sensed = pair.world.step(world, action, turn)
            within = (sensed.reward >= low - 1e-6) & (sensed.reward <= high + 1e-6)
            good = sound((mind, action, sensed)) & legal(pair, action) & within
            return (mind, world, sensed), good

        begin = (pair.agent.init_state(genome, KEY), *pair.world.reset(KEY))
        return jax.lax.scan(step, begin, jnp.arange(STEPS))[1]

    good = np.asarray(live(genome_like(pair.genome, 3)))
    assert good.shape == (STEPS,) and good.all(), f"from step {good.argmin()}"


def legal(pair: Pair, action: Any) -> Any:
    space = pair.world.spec.action_space
    if isinstance(space, Discrete):
        return (action >= 0) & (action < space.size)
    return ((action >= space.low) & (action <= space.high)).all()


def test_a_step_is_pure_and_the_same_every_time(pair):
    inputs = (pair.genome, pair.state, pair.sensed)
    before = jax.tree.map(np.array, inputs)
    first = pair.step(*inputs, KEY)
    assert_same(first, pair.step(*inputs, KEY))
    assert_same(inputs, before)


def test_genomes_and_newborns_depend_on_their_key_alone(pair):
    draw = jax.jit(pair.agent.init_genome)
    assert_same(draw(KEY), pair.genome)
    other = draw(root_key(18))
    assert any(
        not np.array_equal(a, b)
        for a, b in zip(*map(jax.tree.leaves, (other, pair.genome)), strict=True)
    )
    assert_same(pair.agent.init_state(pair.genome, KEY), pair.state)


def test_a_batch_of_agents_acts_as_each_alone(pair):
    count = 5
    genomes = [genome_like(pair.genome, seed) for seed in range(count)]
    steps = time_steps(pair.agent.spec, count)
    stack = jax.tree.map(lambda *leaves: jnp.stack(leaves), *genomes)
    states = jax.tree.map(lambda leaf: jnp.stack([leaf] * count), pair.state)
    keys = jax.random.split(KEY, count)
    # A batch takes other kernels than one does, and those round differently.
    many = jax.jit(jax.vmap(pair.agent.step))(stack, states, steps, keys)
    for i, genome in enumerate(genomes):
        alone = pair.step(
            genome, pair.state, jax.tree.map(lambda x, at=i: x[at], steps), keys[i]
        )
        assert_close(jax.tree.map(lambda x, at=i: x[at], many), alone)


def test_a_genome_survives_float32_bytes(pair):
    leaves, treedef = jax.tree.flatten(pair.genome)
    assert all(leaf.dtype == jnp.float32 for leaf in leaves)
    assert all(np.isfinite(leaf).all() for leaf in leaves)
    raw = [(np.asarray(leaf).tobytes(), leaf.shape) for leaf in leaves]
    again = [jnp.asarray(np.frombuffer(b, np.float32).reshape(s)) for b, s in raw]
    again = jax.tree.unflatten(treedef, again)
    inputs = (pair.state, pair.sensed, KEY)
    assert_same(pair.step(again, *inputs), pair.step(pair.genome, *inputs))


def test_a_low_rank_genome_acts_as_the_one_it_stands_for(pair):
    plan, centre = noise.layout(pair.genome, 1), genome_like(pair.genome, 1)
    sigma = jnp.float32(0.2)
    low = jax.jit(lambda i: noise.perturb(plan, centre, KEY, i, sigma))(3)
    full = noise.materialise(low)
    assert jax.tree.structure(low) != jax.tree.structure(full)
    assert jax.tree.structure(full) == jax.tree.structure(pair.genome)
    steps = time_steps(pair.agent.spec, 12)
    assert_close(walk(pair, low, steps), walk(pair, full, steps))


def test_what_it_senses_of_rewards_is_what_it_says(pair):
    """An agent that says it ignores rewards, first and its past acts as if blind."""
    steps, genome = time_steps(pair.agent.spec, 12), genome_like(pair.genome, 2)
    blinded = steps._replace(reward=steps.reward * 0, first=~steps.first)
    seeing, blind = (
        [action for _, action in walk(pair, genome, sensed)]
        for sensed in (steps, blinded)
    )
    newborn = [
        walk(pair, genome, jax.tree.map(lambda x, at=i: x[at : at + 1], steps))[0][1]
        for i in range(12)
    ]
    if not pair.agent.reads_reward:
        assert_same(seeing, blind)
        assert_same(seeing, newborn)
    elif isinstance(pair.agent.spec.action_space, Continuous):
        assert not np.array_equal(seeing, blind)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("space", [Discrete(4), Continuous(3, -2.0, 6.0), CONTROL])
def test_a_gru_is_the_one_of_the_textbook(space):
    """Cho et al. 2014, gate by gate, in float64."""
    spec, n = Spec(5, space), 6
    agent = Gru(spec, n)
    genome = genome_like(agent.init_genome(KEY), 4)
    wide = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), genome)
    (w_r, w_z, w_n), (b_r, b_z, b_n) = (
        np.split(part, 3, axis=-1) for part in wide.senses
    )
    (u_r, u_z, u_n), (c_r, c_z, c_n) = (
        np.split(part, 3, axis=-1) for part in wide.memory
    )
    steps = time_steps(spec, 12)
    state, step = agent.init_state(genome, KEY), jax.jit(agent.step)
    h, last = np.zeros(n), np.zeros(output_size(space))
    assert (state.hidden == 0).all() and (state.last_action == 0).all()
    for i in range(12):
        sensed = jax.tree.map(lambda leaf, at=i: leaf[at], steps)
        state, action = step(genome, state, sensed, KEY)
        scalars = [float(sensed.reward), float(sensed.first)]
        x = np.concatenate([sensed.observation, last, scalars])
        r = sigmoid(x @ w_r + b_r + h @ u_r + c_r)
        z = sigmoid(x @ w_z + b_z + h @ u_z + c_z)
        candidate = np.tanh(x @ w_n + b_n + r * (h @ u_n + c_n))
        h = (1 - z) * candidate + z * h
        out = h @ wide.readout.weight + wide.readout.bias
        np.testing.assert_allclose(state.hidden, h, rtol=1e-4, atol=1e-5)
        choice, numbers = decode(space, out)
        chosen, moved = parts(space, action)
        assert chosen == choice
        np.testing.assert_allclose(moved, numbers, rtol=1e-4, atol=1e-4)
        last = np.asarray(features(space, action), np.float64)
        assert np.abs(last).max() <= 1
        np.testing.assert_allclose(state.last_action, last, atol=1e-6)


def decode(space: Any, out: np.ndarray) -> tuple[Any, Any]:
    """The choice and the numbers that ``out`` asks for."""
    if isinstance(space, Discrete):
        return int(np.argmax(out)), []
    if isinstance(space, Continuous):
        reach = (space.high - space.low) / 2
        return None, (space.low + space.high) / 2 + reach * np.tanh(out)
    cut = space.discrete.size
    return decode(space.discrete, out[:cut])[0], decode(space.continuous, out[cut:])[1]


def parts(space: Any, action: Any) -> tuple[Any, Any]:
    if isinstance(space, Both):
        return int(action[0]), action[1]
    return (int(action), []) if isinstance(space, Discrete) else (None, action)


@pytest.mark.parametrize(
    ("activation", "formula"),
    [
        ("clip", lambda x: np.clip(x, -1, 1)),
        ("tanh", np.tanh),
        ("relu", lambda x: np.maximum(x, 0)),
    ],
)
def test_a_reflex_is_a_multilayer_perceptron(activation, formula):
    agent = Reflex(Spec(4, Continuous(2)), (5, 3), activation)
    genome = genome_like(agent.init_genome(KEY), 5)
    assert [layer.weight.shape for layer in genome] == [(4, 5), (5, 3), (3, 2)]
    steps, step = time_steps(agent.spec, 6), jax.jit(agent.step)
    for i in range(6):
        sensed = jax.tree.map(lambda leaf, at=i: leaf[at], steps)
        x = np.asarray(sensed.observation, np.float64)
        for layer in genome[:-1]:
            x = formula(x @ np.asarray(layer.weight, np.float64) + layer.bias)
        x = np.tanh(x @ np.asarray(genome[-1].weight, np.float64) + genome[-1].bias)
        _, action = step(genome, (), sensed, KEY)
        np.testing.assert_allclose(action, x, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [1, 2, 5, 16, 17, 40])
def test_the_largest_is_chosen_and_the_first_of_equals(size):
    scores = np.random.default_rng(size).normal(size=(50, size)).round(1)
    scores = np.concatenate([scores, np.zeros((1, size)), np.full((1, size), -np.inf)])
    chosen = jax.jit(jax.vmap(choose))(jnp.asarray(scores, jnp.float32))
    assert chosen.dtype == jnp.int32
    np.testing.assert_array_equal(chosen, scores.argmax(axis=1))


def test_sampled_choices_follow_the_softmax():
    """Bounds are 5 sigma of 40,000 draws."""
    outputs = jnp.array([0.5, -1.0, 2.0])
    draw = jax.vmap(lambda key: act(Discrete(3), outputs, key, sample=True))
    picks = np.asarray(draw(jax.random.split(KEY, 40_000)))
    chances = np.asarray(jax.nn.softmax(outputs))
    found = np.bincount(picks, minlength=3) / 40_000
    reach = 5 * np.sqrt(chances * (1 - chances) / 40_000)
    assert (np.abs(found - chances) < reach).all()
    assert int(act(Discrete(3), outputs, KEY)) == 2


def test_actions_and_their_features_are_inverse_to_each_other():
    outputs = jnp.asarray(np.random.default_rng(0).normal(0, 3, 5), jnp.float32)
    action = act(CONTROL, outputs, KEY)
    encoded = np.asarray(features(CONTROL, action))
    np.testing.assert_array_equal(encoded[:3], np.eye(3)[int(action[0])])
    np.testing.assert_allclose(encoded[3:], np.tanh(outputs[3:]), atol=1e-5)
    assert output_size(CONTROL) == 5 and sense_size(Spec(4, CONTROL)) == 11
    steps = TimeStep(jnp.arange(4.0), jnp.float32(7), jnp.ones((), bool))
    sensed = sense(steps, jnp.arange(5.0))
    np.testing.assert_array_equal(sensed, [0, 1, 2, 3, 0, 1, 2, 3, 4, 7, 1])


def test_linear_layers_start_with_the_variance_they_state():
    layer = linear(KEY, 400, 300, 0.5)
    weight = np.asarray(layer.weight)
    assert weight.std() == pytest.approx(0.5 / np.sqrt(400), rel=0.02)
    assert (layer.bias == 0).all() and weight.shape == (400, 300)
    x = jnp.ones((7, 400))
    np.testing.assert_allclose(layer(x)[0], layer(x[0]), rtol=1e-5, atol=1e-5)
