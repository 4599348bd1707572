"""Every environment keeps its contract: replayed, repeated, compiled, in a batch."""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evolife.agents.gru import Gru
from evolife.base import Environment, TimeStep
from evolife.envs.bandit import Bandit
from evolife.envs.gymnax import Gymnax
from evolife.envs.wrappers.delay_reward import DelayReward
from evolife.envs.wrappers.hide import Hide
from evolife.envs.wrappers.permute import Permute
from evolife.envs.wrappers.switch import Switch
from evolife.keys import PCG4D, root_key
from evolife.plugins import registry
from evolife.plugins.fit import check_fit
from tests.agent_tools import genome_like
from tests.worlds import ALL_WORLDS, MODES, SETTINGS

KEY = root_key(37)
STEPS, COUNT, LONG = 120, 4, 4000
WRAPPED = {
    "delay_reward": DelayReward(Bandit(arms=3), 7),
    "hide": Hide(Gymnax("CartPole-v1"), (1, 3)),
    "permute": Permute(Gymnax("CartPole-v1")),
    "switch": Switch(Bandit(arms=3), 20),
}


class Record(NamedTuple):
    """Steps of lives, ``(lives, steps, ...)``."""

    state: Any
    action: Any
    wish: Any
    """What the agent would have done by its own will."""
    key: Any
    """Words of the key that the world was handed."""
    after: Any
    then: TimeStep

    def inputs(self, life: Any, t: int) -> Any:
        """State, action and key of one step."""
        parts = (self.state, self.action, self.key)
        *inputs, key = jax.tree.map(lambda leaf: jnp.asarray(leaf[life, t]), parts)
        return *inputs, jax.random.wrap_key_data(key, impl=PCG4D)

    def outputs(self, life: Any, t: int) -> Any:
        return jax.tree.map(lambda leaf: leaf[life, t], (self.after, self.then))


class Program:
    """Lives of a recurrent agent, which may be made to act as a script says.

    Both kinds of lives are lived by the same compiled program, because two programs
    may round differently.
    """

    def __init__(self, world: Environment) -> None:
        self.world, self.agent = world, Gru(world.spec, 8, sample=True)
        self.keys = jax.random.split(KEY, COUNT)
        axes = (None, 0, 0, None)
        self._run = jax.jit(jax.vmap(self._live, in_axes=axes))
        self.recorded = self.run(1, self.keys)

    def run(self, seed: int, keys: Any, script: Any = None) -> Record:
        genome = genome_like(self.agent.init_genome(KEY), seed, 2.0)
        obeys = script is not None
        if not obeys:
            _, action = jax.eval_shape(self._think, genome, keys[0])
            script = jax.tree.map(
                lambda leaf: jnp.zeros((COUNT, STEPS, *leaf.shape), leaf.dtype), action
            )
        return jax.device_get(self._run(genome, keys, script, obeys))

    def _think(self, genome: Any, key: Any) -> Any:
        _, sensed = self.world.reset(key)
        return self.agent.step(genome, self.agent.init_state(genome, key), sensed, key)

    def _live(self, genome: Any, key: Any, script: Any, obeys: Any) -> Record:
        def step(carry: Any, row: Any) -> Any:
            mind, state, sensed = carry
            t, said = row
            think, turn = jax.random.split(jax.random.fold_in(key, t))
            mind, wish = self.agent.step(genome, mind, sensed, think)
            action = jax.tree.map(functools.partial(jnp.where, obeys), said, wish)
            after, then = self.world.step(state, action, turn)
            words = jax.random.key_data(turn)
            return (mind, after, then), Record(state, action, wish, words, after, then)

        mind = self.agent.init_state(genome, key)
        begin = (mind, *self.world.reset(jax.random.fold_in(key, STEPS)))
        return jax.lax.scan(step, begin, (jnp.arange(STEPS), script))[1]


@pytest.fixture(scope="module", params=ALL_WORLDS | WRAPPED)
def program(request):
    return Program((ALL_WORLDS | WRAPPED)[request.param])


def same(one: Any, other: Any) -> bool:
    pairs = zip(*map(jax.tree.leaves, (one, other)), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def assert_close(found: Any, wanted: Any) -> None:
    for a, b in zip(*map(jax.tree.leaves, (found, wanted)), strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def test_no_environment_and_no_wrapper_is_left_out():
    assert set(SETTINGS) == set(registry.names("envs"))
    assert {name for name, _ in MODES.values()} <= set(SETTINGS)
    assert set(WRAPPED) == set(registry.names("wrappers"))


def test_recorded_actions_give_the_recorded_life_whoever_acts(program):
    """Bit for bit, while another agent watches that would have done otherwise."""
    recorded = program.recorded
    replayed = program.run(2, program.keys, recorded.action)
    assert not same(replayed.wish, replayed.action)
    assert same(replayed.action, recorded.action)
    assert same(replayed.then, recorded.then)
    assert same(replayed.after, recorded.after)
    other = program.run(2, program.keys)
    assert not same(other.action, recorded.action)


def test_a_life_depends_on_its_key_and_on_nothing_else(program):
    assert same(program.run(1, program.keys), program.recorded)
    turned = jnp.roll(program.keys, 1)
    script = program.recorded.action
    moved = program.run(1, turned, script)
    for life in range(COUNT):
        pair = [
            jax.tree.map(lambda leaf, at=life: leaf[at], (record.after, record.then))
            for record in (moved, program.recorded)
        ]
        assert not same(*pair), "other keys, the same actions and the same life"


def test_shapes_and_dtypes_are_those_of_the_contract_at_every_step(program):
    check_fit(program.agent, program.world)
    size, shape = program.world.spec.observation_size, (COUNT, STEPS)
    then = program.recorded.then
    found = [(leaf.shape, leaf.dtype) for leaf in then]
    assert found == [((*shape, size), np.float32), (shape, np.float32), (shape, bool)]
    assert all(np.isfinite(leaf).all() for leaf in then)
    low, high = program.world.reward_range
    assert low - 1e-6 <= then.reward.min() <= then.reward.max() <= high + 1e-6


@pytest.mark.parametrize("t", [0, STEPS - 1])
def test_a_step_is_what_its_source_says_without_a_compiler(program, t):
    record = program.recorded
    with jax.disable_jit():
        plain = program.world.step(*record.inputs(0, t))
    assert_close(plain, record.outputs(0, t))


def test_a_birth_is_what_its_source_says_without_a_compiler(program):
    with jax.disable_jit():
        plain = program.world.reset(KEY)
    state, sensed = jax.jit(program.world.reset)(KEY)
    assert_close(plain, (state, sensed))
    assert bool(sensed.first) and float(sensed.reward) == 0
    many = jax.jit(jax.vmap(program.world.reset))(KEY[None])
    assert_close(jax.tree.map(lambda leaf: leaf[0], many), (state, sensed))


def test_a_batch_of_worlds_turns_as_each_alone(program):
    record, turn = program.recorded, program.world.step
    many = jax.jit(jax.vmap(turn))(*record.inputs(slice(None), STEPS // 2))
    alone = jax.jit(turn)
    for life in range(COUNT):
        one = jax.tree.map(lambda leaf, at=life: leaf[at], many)
        assert_close(one, alone(*record.inputs(life, STEPS // 2)))


def test_a_step_leaves_no_trace(program):
    """Neither in its inputs, nor in the world, nor in what comes after."""
    world, record = program.world, program.recorded
    inputs, settings = record.inputs(0, 3), dict(vars(world))
    before = jax.tree.map(np.array, inputs[:2])
    with jax.disable_jit():
        first = world.step(*inputs)
        world.reset(KEY)
        world.step(*record.inputs(1, 5))
        again, fresh = (w.step(*inputs) for w in (world, dataclasses.replace(world)))
    assert same(first, again) and same(first, fresh)
    assert same(inputs[:2], before)
    assert vars(world) == settings


def test_what_is_reported_of_a_life_is_sound(program):
    world, record = program.world, program.recorded
    born, _ = world.reset(KEY)
    state, _ = record.outputs(0, STEPS - 1)
    reports = [world.statistics(s) for s in (born, state)]
    assert set(reports[0]) == set(reports[1])
    for value in [*reports[0].values(), *reports[1].values()]:
        assert jnp.shape(value) == () and np.isfinite(value)
    over = world.over(born)
    assert over is None or not over, "a life is over before it has begun"
    world.check(LONG)
    known = [world.memoryless(LONG), world.optimum(LONG)]
    if None not in known:
        assert known[0] <= known[1]
