"""Every agent in every environment: sound, pure, finite, equal in every form."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evolife import factored, perturbations
from evolife.base import Continuous, Discrete, Spec, TimeStep
from evolife.keys import root_key
from evolife.plugins import registry
from evolife.plugins.fit import check_fit
from tests import agent_tools
from tests.agent_tools import genome_like
from tests.worlds import WORLDS

AGENTS = {name: registry.load("agents", name) for name in registry.names("agents")}
# Every agent meets choices and numbers, every world a blind agent and one with memory.
PAIRS = [
    f"{agent} in {world}"
    for agent in AGENTS
    for world in WORLDS
    if world in {"bandit", "Pendulum-v1"} or agent in {"reflex", "gru"}
]
# Every agent and every world once more, for as long as a life can be.
LIFELONG = [f"{agent} in Pendulum-v1" for agent in AGENTS]
LIFELONG += [f"gru in {world}" for world in WORLDS if world != "Pendulum-v1"]
KEY = root_key(17)
STEPS = 100_000


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


def time_steps(spec: Spec, count: int) -> TimeStep:
    """Stacked along a leading axis."""
    rows = agent_tools.time_steps(spec, count)
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *rows)


def assert_same(one: Any, other: Any) -> None:
    for a, b in zip(*map(jax.tree.leaves, (one, other)), strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b), strict=True)


def assert_close(one: Any, other: Any, atol: float = 1e-4) -> None:
    for a, b in zip(*map(jax.tree.leaves, (one, other)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=atol)


def walk(pair: Pair, genome: Any, steps: TimeStep) -> list[tuple[Any, Any]]:
    """States and actions over a series of time steps."""
    state, rows = pair.state, []
    for i in range(len(steps.reward)):
        row = pair.step(genome, state, jax.tree.map(lambda x, at=i: x[at], steps), KEY)
        rows.append(row)
        state = row[0]
    return rows


def test_it_fits(pair):
    check_fit(pair.agent, pair.world)


@pytest.mark.parametrize("pair", LIFELONG, indirect=True)
def test_a_life_of_100_000_steps_stays_finite_and_within_bounds(pair):
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
    plan, centre = perturbations.layout(pair.genome, 1), genome_like(pair.genome, 1)
    sigma = jnp.float32(0.2)
    low = jax.jit(lambda i: perturbations.perturb(plan, centre, KEY, i, sigma))(3)
    full = perturbations.materialise(low)
    assert jax.tree.structure(low) != jax.tree.structure(full)
    assert jax.tree.structure(full) == jax.tree.structure(pair.genome)
    steps = time_steps(pair.agent.spec, 12)
    kept = jax.jit(functools.partial(factored.call, pair.agent.step))
    factors = dataclasses.replace(pair, step=kept)
    # Sums in another order, carried on through twelve steps of learning.
    assert_close(walk(factors, low, steps), walk(pair, full, steps), atol=1e-3)


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
