"""Wrappers change what they say and nothing else."""

import inspect
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evolife.config.model import load_config
from evolife.envs.bandit import Bandit
from evolife.envs.gymnax import Gymnax
from evolife.envs.oven import Oven
from evolife.envs.wrappers import innermost
from evolife.envs.wrappers.delay_reward import DelayReward
from evolife.envs.wrappers.hide import Hide
from evolife.envs.wrappers.permute import Permute
from evolife.envs.wrappers.switch import Switch
from evolife.errors import InvalidInput
from evolife.keys import root_key
from evolife.plugins import registry
from evolife.plugins.build import build_run
from evolife.plugins.fit import check_fit
from evolife.plugins.registry import build_environment
from evolife.plugins.schema import json_schema
from evolife.plugins.wrappers import setting
from tests.cli_tools import complaint, run_here

KEY = root_key(41)
STEPS = 60
VALUES = {"delay_reward": "7", "hide": "[1, 3]", "permute": "true", "switch": "20"}


def live(world, steps=STEPS, key=KEY, action=1):
    """Time steps of a life in which the same is done at every step."""

    @jax.jit
    def run():
        def step(state, t):
            return world.step(state, jnp.int32(action), jax.random.fold_in(key, t))

        state, born = world.reset(key)
        end, sensed = jax.lax.scan(step, state, jnp.arange(steps))
        return born, sensed, world.statistics(end)

    return jax.device_get(run())


@pytest.mark.parametrize("steps", [1, 7])
def test_rewards_arrive_late_and_nothing_else_changes(steps):
    inner = Bandit(arms=3, pulls=10)
    _, plain, regret = live(inner)
    _, late, same = live(DelayReward(inner, steps))
    assert 10 < plain.reward.sum() < STEPS
    assert (late.reward[:steps] == 0).all()
    np.testing.assert_array_equal(late.reward[steps:], plain.reward[:-steps])
    np.testing.assert_array_equal(late.first, plain.first)
    assert same == regret


def test_what_is_owed_keeps_a_life_going():
    inner = Gymnax("CartPole-v1", trials=1)
    world = DelayReward(inner, 5)

    @jax.jit
    def ends():
        def step(state, t):
            key = jax.random.fold_in(KEY, t)
            state, sensed = world.step(state, jnp.int32(0), key)
            return state, (inner.over(state.inner), world.over(state), sensed.reward)

        return jax.lax.scan(step, world.reset(KEY)[0], jnp.arange(40))[1]

    inside, outside, rewards = jax.device_get(ends())
    begins, over = int(inside.argmax()), int(outside.argmax())
    assert inside[begins:].all() and outside[over:].all()
    assert begins < over <= begins + 5
    assert rewards[: over + 1].sum() == rewards.sum() > 0


def test_hidden_numbers_are_zero_and_the_others_are_as_they_were():
    inner = Gymnax("CartPole-v1")
    born, plain, _ = live(inner)
    dark, hidden, _ = live(Hide(inner, (1, 3)))
    for seen, all_of_it in ((hidden, plain), (dark, born)):
        assert (seen.observation[..., [1, 3]] == 0).all()
        assert (all_of_it.observation[..., [1, 3]] != 0).all()
        kept = all_of_it.observation[..., [0, 2]]
        # Two programs round differently in the last digit.
        np.testing.assert_allclose(seen.observation[..., [0, 2]], kept, rtol=1e-4)
    np.testing.assert_array_equal(hidden.reward, plain.reward)


def test_an_order_holds_for_a_life_and_all_orders_come_up():
    inner = Gymnax("CartPole-v1")

    @jax.jit
    @jax.vmap
    def lives(key):
        state, born = Permute(inner).reset(key)
        after, _ = Permute(inner).step(state, jnp.int32(1), KEY)
        original = inner.reset(jax.random.split(key)[0])[1].observation
        return state.order, after.order, born.observation, original

    orders = set()
    keys = jnp.stack([root_key(seed) for seed in range(60)])
    for order, later, seen, original in zip(*lives(keys), strict=True):
        found = [int(np.flatnonzero(original == x)[0]) for x in seen]
        assert sorted(found) == [0, 1, 2, 3]
        assert order.tolist() == later.tolist() == found
        orders.add(tuple(found))
    # 60 draws of 24 orders show 22 on average; fewer than 15 once in 10^6.
    assert len(orders) >= 15


def test_the_world_switches_on_time_and_unannounced():
    world, steps = Switch(Bandit(arms=4, pulls=1000), 20), 65
    state, _ = world.reset(KEY)
    step, tables, firsts = jax.jit(world.step), [np.asarray(state.inner.chances)], []
    for t in range(steps):
        state, sensed = step(state, jnp.int32(0), jax.random.fold_in(KEY, t))
        tables.append(np.asarray(state.inner.chances))
        firsts.append(bool(sensed.first))
    changed = [not np.array_equal(a, b) for a, b in itertools.pairwise(tables)]
    assert [t + 1 for t in range(steps) if changed[t]] == [20, 40, 60]
    assert not any(firsts)


def test_the_list_goes_from_the_inside_out():
    words = ["wrap=[{hide: [0]}, {permute: true}, {delay_reward: 3}]", "env.trials=2"]
    world = build_environment(load_config("cartpole", words))
    kinds = [type(world), type(world.inner), type(world.inner.inner)]
    assert kinds == [DelayReward, Permute, Hide]
    assert innermost(world) == world.inner.inner.inner == Gymnax("CartPole-v1", 2)
    assert world.steps == 3 and world.inner.inner.indices == (0,)
    assert "hidden; in an order" in world.senses
    assert "arrive late" in world.objective
    assert world.optimum(500) is None and world.memoryless(500) is None


@pytest.mark.parametrize("name", registry.names("wrappers"))
def test_every_wrapper_fits_runs_and_is_in_the_schema(name):
    words = [f"wrap=[{{{name}: {VALUES[name]}}}]", "lifetime.steps=60"]
    built = build_run(load_config("cartpole", words))
    assert built.config.env.settings["id"] == "CartPole-v1"
    assert next(iter(built.config.wrap)).keys() == {name}
    experiment = built.experiment
    check_fit(experiment.agent, experiment.environment)
    _, sensed, _ = live(experiment.environment)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(sensed))
    items = json_schema()["properties"]["wrap"]["items"]["anyOf"]
    assert name in [next(iter(item["properties"])) for item in items]
    cls = registry.load("wrappers", name)
    assert inspect.getdoc(cls) and setting(cls) != "inner"


@pytest.mark.parametrize(
    ("wrap", "message"),
    [
        (
            "[{delay_rewards: 2}]",
            "permute, switch; did you mean 'delay_reward'?",
        ),
        ("[{hide: [1], permute: true}]", "must be one wrapper and its value"),
        ("[{}]", "must be one wrapper and its value"),
        ("[{delay_reward: 0}]", "must be an integer from 1 to 1024"),
        ("[{delay_reward: 600}]", "a life of 500 steps ends before anything is paid"),
        ("[{hide: [4]}]", "hide = [4]: the observation has 4 numbers"),
        ("[{hide: []}]", "must be a list with at least 1 item"),
        ("[{permute: false}]", "must be true"),
        ("[{switch: 500}]", "a life of 500 steps ends before the first change"),
        ("[3]", "must be a mapping"),
    ],
)
def test_bad_wrappers_are_refused_with_their_place(wrap, message):
    with pytest.raises(InvalidInput) as refusal:
        build_environment(load_config("cartpole", [f"wrap={wrap}"]))
    text = str(refusal.value)
    assert message in text and "wrap" in text
    assert len(text.splitlines()) == 1


def test_a_wrapped_world_is_evolved_in_and_goes_on(tmp_path):
    words = ("population.size=8", "lifetime.steps=30", "generations=1", "--ranks", 1)
    wrap = "wrap=[{delay_reward: 3}, {permute: true}]"
    best = "best_of_k={keep: 1, lives: 2, archive: 1}"
    folder = tmp_path / "run"
    first = run_here("train", "cartpole", *words, wrap, best, "--out", folder)
    assert first.returncode == 0, first.stderr
    more = run_here("train", "--resume", folder, "generations=2", "--ranks", 1)
    assert more.returncode == 0, more.stderr
    assert "permute: true" in (folder / "config.yaml").read_text()
    changed = run_here(
        "train", "--resume", folder, "wrap=[{permute: true}]", "--ranks", 1
    )
    assert "another config" in complaint(changed) or "wrap" in complaint(changed)


def test_an_oven_that_pays_late_still_reports_its_dishes():
    inner = Oven(delay=20)
    _, _, plain = live(inner, 200, action=0)
    _, _, late = live(DelayReward(inner, 9), 200, action=0)
    assert plain == late and plain
