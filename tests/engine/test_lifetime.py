"""A life is the sum of its steps, wherever it is cut and however long it lasts."""

import dataclasses
import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evolife.agents.gru import Gru
from evolife.agents.reflex import Reflex
from evolife.base import Agent, Continuous, Environment, Spec, TimeStep
from evolife.engine import lifetime
from evolife.envs.gymnax import Gymnax
from evolife.keys import root_key

pytestmark = pytest.mark.fast

KEY = root_key(21)


@dataclasses.dataclass(frozen=True)
class Drift(Environment):
    """A random walk; pays for actions that agree with it. ``log`` keeps actions."""

    log: int = 0
    poison: float = 0.0
    senses = acts = objective = generalises = ""

    @property
    def spec(self) -> Spec:
        return Spec(3, Continuous(2))

    @property
    def reward_range(self) -> tuple[float, float]:
        return -3.0, 3.0

    def reset(self, key: Any) -> Any:
        state = (jnp.zeros(()), jnp.zeros((), jnp.int32), jnp.zeros((self.log, 2)))
        return state, self._sense(key, jnp.float32(0))

    def step(self, state: Any, action: Any, key: Any) -> Any:
        where, clock, log = state
        walk, sense = jax.random.split(key)
        where = where + jax.random.normal(walk)
        if self.log:
            log = log.at[clock].set(action)
        reward = jnp.tanh(where) * action[0] + 0.1 * action[1]
        bad = jax.random.uniform(walk) < self.poison
        reward = jnp.where(bad, jnp.nan, reward)
        return (where, clock + 1, log), self._sense(sense, reward)

    def _sense(self, key: Any, reward: Any) -> TimeStep:
        flags = jax.random.bernoulli(key, 0.5, (2,))
        seen = jnp.array([0.5, -1.0, 0.2]) * jnp.where(flags[0], 1.0, -1.0)
        return TimeStep(seen, reward, flags[1])

    def statistics(self, state: Any) -> dict[str, Any]:
        return {"where": state[0]}


PAIRS = {
    "drift": (Gru(Drift().spec, 4), Drift()),
    "cartpole": (Gru(Gymnax("CartPole-v1").spec, 4), Gymnax("CartPole-v1")),
}


def born(agent: Agent) -> Any:
    return agent.init_genome(root_key(1))


def assert_same_bits(one: Any, other: Any) -> None:
    for a, b in zip(*map(jax.tree.leaves, (one, other)), strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


@pytest.mark.parametrize("name", PAIRS)
def test_the_return_is_the_sum_of_an_explicit_loop(name):
    agent, world = PAIRS[name]
    genome, steps = born(agent), 60
    outcome = jax.jit(lambda g: lifetime.live(agent, world, g, KEY, steps, 7))(genome)
    birth, reset, thoughts, events = (jax.random.fold_in(KEY, i) for i in range(4))
    state, sensed = jax.jit(world.reset)(reset)
    mind = agent.init_state(genome, birth)
    think, turn, rewards = jax.jit(agent.step), jax.jit(world.step), []
    for t in range(steps):
        mind, action = think(genome, mind, sensed, jax.random.fold_in(thoughts, t))
        state, sensed = turn(state, action, jax.random.fold_in(events, t))
        rewards.append(float(sensed.reward))
    assert len(set(rewards)) > 1 or name == "cartpole"
    edges = lifetime.bin_edges(steps, 7)
    binned = [sum(rewards[a:b]) / (b - a) for a, b in itertools.pairwise(edges)]
    assert float(outcome.score) == pytest.approx(sum(rewards), abs=1e-3)
    np.testing.assert_allclose(outcome.curve, binned, rtol=1e-3, atol=1e-4)
    for key, value in world.statistics(state).items():
        assert float(outcome.statistics[key]) == pytest.approx(float(value), abs=1e-4)


@pytest.mark.parametrize(
    ("steps", "bins"), [(1, 32), (5, 32), (32, 32), (100, 7), (101, 32), (2**20, 1000)]
)
def test_bins_partition_the_life_evenly(steps, bins):
    edges = lifetime.bin_edges(steps, bins)
    lengths = np.diff(edges)
    assert edges[0] == 0 and edges[-1] == steps and edges.dtype == np.int32
    assert len(lengths) == min(steps, bins)
    assert lengths.min() >= 1 and lengths.max() - lengths.min() <= 1


@pytest.mark.parametrize(("steps", "bins"), [(100, 7), (64, 8), (9, 2), (3, 1)])
def test_curve_early_late_and_slope_are_what_numpy_says(steps, bins):
    rewards = np.random.default_rng(steps).normal(size=bins).astype(np.float32)
    world, edges = Drift(), lifetime.bin_edges(steps, bins)
    state, sensed = world.reset(KEY)
    life = lifetime.Life((), state, sensed, jnp.asarray(rewards))
    outcome = lifetime.judge(world, life, jnp.asarray(edges))
    lengths = np.diff(edges)
    close = {"rel": 1e-4, "abs": 1e-5}
    np.testing.assert_allclose(outcome.curve, rewards / lengths, rtol=1e-5)
    assert float((outcome.curve * lengths).sum()) == pytest.approx(
        float(outcome.score), **close
    )
    quarter = int(np.ceil(bins / 4))
    early = rewards[:quarter].sum() / lengths[:quarter].sum()
    late = rewards[-quarter:].sum() / lengths[-quarter:].sum()
    assert float(outcome.early) == pytest.approx(early, **close)
    assert float(outcome.late) == pytest.approx(late, **close)
    middles = (edges[:-1] + edges[1:]) / 2 / steps
    slope = np.polyfit(middles, rewards / lengths, 1)[0] if bins > 1 else 0.0
    assert float(outcome.slope) == pytest.approx(slope, **close)


@pytest.fixture(scope="module", params=PAIRS)
def cuttable(request):
    """Functions that begin and resume a life of 50 steps in 8 bins, and its genome."""
    agent, world = PAIRS[request.param]
    edges = jnp.asarray(lifetime.bin_edges(50, 8))

    @jax.jit
    def go_on(genome, life, begin, end):
        return lifetime.advance(agent, world, genome, life, KEY, edges, begin, end)

    genome = born(agent)
    life = lifetime.birth(agent, world, genome, KEY, 8)
    return genome, life, go_on, go_on(genome, life, 0, 8)


@pytest.mark.parametrize("cuts", [(0,), (1,), (4,), (7,), (8,), (2, 5), (1, 2, 3, 4)])
def test_a_life_paused_anywhere_and_resumed_has_the_same_bits(cuttable, cuts):
    genome, life, go_on, whole = cuttable
    for begin, end in zip((0, *cuts), (*cuts, 8), strict=True):
        life = go_on(genome, life, begin, end)
        # A pause goes through the host, as in a checkpoint.
        life = jax.tree.map(jnp.asarray, jax.device_get(life))
    assert_same_bits(life, whole)
    assert np.asarray(whole.rewards).any()


def test_memory_does_not_grow_with_the_length_of_life():
    agent, world = PAIRS["drift"]
    genome, needs = born(agent), []
    for steps in (1_000, 1_000_000):
        compiled = (
            jax.jit(lambda g, steps=steps: lifetime.live(agent, world, g, KEY, steps))
            .lower(genome)
            .compile()
        )
        needs.append(compiled.memory_analysis().temp_size_in_bytes)
    assert needs[1] <= needs[0] < 5_000


@pytest.mark.parametrize("learns", [False, True])
def test_without_learning_actions_depend_on_the_time_step_alone(learns):
    """Time steps take few values here, so equal ones meet different histories."""

    @dataclasses.dataclass(frozen=True)
    class Coarse(Drift):
        def step(self, state: Any, action: Any, key: Any) -> Any:
            state, sensed = super().step(state, action, key)
            return state, sensed._replace(reward=jnp.sign(state[0]))

    steps, world = 200, Coarse(200)
    agent = Gru(world.spec, 4, learns=learns)
    edges = jnp.asarray(lifetime.bin_edges(steps, steps))
    sensed: list[TimeStep] = []

    @jax.jit
    def go_on(genome, life, t):
        args = (agent, world, genome, life, KEY, edges, t, t + 1)
        return lifetime.advance(*args)

    genome = born(agent)
    life = lifetime.birth(agent, world, genome, KEY, steps)
    for t in range(steps):
        sensed.append(jax.device_get(life.timestep))
        life = go_on(genome, life, t)
    actions = np.asarray(life.environment[2])
    answers: dict[tuple, set[bytes]] = {}
    for step, action in zip(sensed, actions, strict=True):
        seen = (float(step.observation[0]), float(step.reward), bool(step.first))
        answers.setdefault(seen, set()).add(action.tobytes())
    assert len(answers) >= 8
    if learns:
        assert sum(map(len, answers.values())) > steps / 2
    else:
        assert set(map(len, answers.values())) == {1}


def test_skipping_what_earns_nothing_changes_no_outcome():
    world = Gymnax("CartPole-v1", trials=2)
    agent = Reflex(world.spec, (4,))
    edges = jnp.asarray(lifetime.bin_edges(1100, 22))

    def lives(axis):
        def live(number):
            key = jax.random.fold_in(KEY, number)
            genome = agent.init_genome(key)
            life = lifetime.birth(agent, world, genome, key, 22)
            args = (agent, world, genome, life, key, edges, 0, 22, axis)
            return lifetime.judge(world, lifetime.advance(*args), edges)

        return jax.jit(jax.vmap(live, axis_name="lives"))(jnp.arange(6))

    skipping, plodding = lives(("lives",)), lives(None)
    assert_same_bits(skipping, plodding)
    assert (np.asarray(skipping.curve)[:, -1] == 0).all(), "no life was over"
    assert (np.asarray(skipping.statistics["trials"]) == 2).all()


def test_a_nan_reward_stays_in_its_life():
    agent, worlds = Gru(Drift().spec, 4), (Drift(), Drift(poison=0.05))
    genome = born(agent)

    def lives(world):
        def live(number):
            key = jax.random.fold_in(KEY, number)
            return lifetime.live(agent, world, genome, key, 12, 4)

        return jax.device_get(jax.jit(jax.vmap(live))(jnp.arange(64)))

    clean, poisoned = map(lives, worlds)
    bad = np.isnan(poisoned.score)
    assert 10 < bad.sum() < 54
    assert np.isfinite(clean.score).all()
    np.testing.assert_array_equal(poisoned.score[~bad], clean.score[~bad])
    assert np.isnan(poisoned.curve[bad]).any(axis=1).all()


@dataclasses.dataclass(frozen=True)
class Still(Drift):
    """Steps without drawing anything, and so does not need the step's key."""

    def step(self, state: Any, action: Any, key: Any) -> Any:
        where, clock, log = state
        seen = jnp.full(3, where)
        return (where + action[0], clock + 1, log), TimeStep(seen, where, clock == 0)


@pytest.mark.parametrize(("world", "draws"), [(Still(), False), (Drift(), True)])
def test_a_step_hashes_nothing_where_neither_agent_nor_world_draws(world, draws):
    agent = Reflex(world.spec, hidden=(4,))
    genome = agent.init_genome(KEY)
    edges = jnp.asarray(lifetime.bin_edges(50, 1))
    life = lifetime.birth(agent, world, genome, KEY, 1)

    def advance(life: Any) -> Any:
        return lifetime.advance(agent, world, genome, life, KEY, edges, 0, 1)

    text = jax.jit(advance).lower(life).compile().as_text()
    # The generator's multiplier is in the program only where something is hashed.
    assert ("1664525" in text) == draws
