"""The kitchen: its rules by hand, and its bounds by dynamic programming."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from evolife.envs.oven import GARNISH, MIX, OVEN, WORK, Oven
from evolife.keys import root_key

KEY = root_key(41)
KITCHEN = Oven(delay=8, spread=2.0, window=0.25, pay=0.5, spoil=0.5, mistake=0.02)
"""Delays of 4 to 16 steps."""
ON, BELL, GOOD, RAW, BURNT = range(5)


@functools.cache
def cooking(world: Oven):
    return jax.jit(world.step), jax.jit(world.reset)


def kitchen(delay: int, world: Oven = KITCHEN):
    """A new life in a kitchen of a known delay."""
    state, sensed = cooking(world)[1](KEY)
    return state._replace(delay=jnp.int32(delay)), sensed


def cook(actions: list[int], delay: int = 8, world: Oven = KITCHEN):
    """Rewards, flags of each time step, and the last state."""
    state, _ = kitchen(delay, world)
    rewards, flags = [], []
    for action in actions:
        state, sensed = cooking(world)[0](state, jnp.int32(action), KEY)
        rewards.append(float(sensed.reward))
        flags.append(np.asarray(sensed.observation))
    return np.array(rewards), np.stack(flags), state


def totals(state) -> list[int]:
    names = ("served", "raw", "burnt", "mistakes")
    return [int(KITCHEN.statistics(state)[name]) for name in names]


def reference(actions: list[int], delay: int, world: Oven):
    """The rules in plain Python: rewards and flags."""
    stage, age, dishes, tallies = "empty", 0, 0, [0, 0, 0, 0]
    for action in actions:
        reward, result, first = 0.0, None, dishes == 0
        rings = False
        if action == WORK:
            reward = world.pay / world.delay
        elif (stage, action) == ("empty", MIX):
            stage, reward = "mixed", 0.25
        elif (stage, action) == ("mixed", OVEN):
            stage, reward, age = "baking", 0.25, -1
        elif (stage, action) == ("baking", OVEN):
            late = age > delay * (1 + world.window)
            result = RAW if age < delay else BURNT if late else GOOD
            stage = "baked" if result == GOOD else "empty"
            reward = 0.25 if result == GOOD else -world.spoil
            if result != GOOD:
                tallies[result - RAW + 1] += 1
            dishes += result != GOOD
        elif (stage, action) == ("baked", GARNISH):
            stage, reward = "empty", 0.25
            tallies[0] += 1
            dishes += 1
        else:
            reward = -world.mistake
            tallies[3] += 1
        if stage == "baking":
            age += 1
            rings = first and age >= delay
        flags = [stage == "baking", rings, *(result == r for r in (GOOD, RAW, BURNT))]
        yield reward, flags, list(tallies)


def test_a_dish_served_is_worth_one_and_takes_its_delay_and_four_steps():
    actions = [MIX, OVEN] + [WORK] * 8 + [OVEN, GARNISH, WORK]
    rewards, flags, state = cook(actions)
    wage = KITCHEN.wage
    assert wage == 0.5 / 8
    np.testing.assert_allclose(rewards.sum(), 1 + 9 * wage, rtol=1e-6)
    np.testing.assert_allclose(rewards[2:10], wage, rtol=1e-6)
    assert flags[:, ON].tolist() == [0] + [1] * 9 + [0] * 3
    assert np.flatnonzero(flags[:, BELL]).tolist() == [9], "when the dish is ready"
    assert np.flatnonzero(flags[:, GOOD]).tolist() == [10]
    assert totals(state) == [1, 0, 0, 0]


@pytest.mark.parametrize(
    ("wait", "result"), [(0, RAW), (7, RAW), (8, GOOD), (10, GOOD), (11, BURNT)]
)
def test_a_dish_is_good_from_its_delay_to_the_end_of_its_window(wait, result):
    rewards, flags, state = cook([MIX, OVEN] + [WORK] * wait + [OVEN, GARNISH])
    spoiled = result != GOOD
    assert flags[-2].tolist() == [float(i == result) for i in range(5)]
    assert (rewards[-2] == -KITCHEN.spoil) == spoiled
    assert totals(state) == [
        result == GOOD, result == RAW, result == BURNT, spoiled
    ]  # fmt: skip
    assert rewards[-1] == pytest.approx(-KITCHEN.mistake if spoiled else 0.25)


@pytest.mark.parametrize(
    ("before", "wrong"),
    [
        ([], [OVEN, GARNISH]),
        ([MIX], [MIX, GARNISH]),
        ([MIX, OVEN], [MIX, GARNISH]),
        ([MIX, OVEN, *[WORK] * 8, OVEN], [MIX, OVEN]),
    ],
)
def test_what_does_not_fit_the_stage_is_a_mistake_and_changes_nothing(before, wrong):
    for action in wrong:
        rewards, _, state = cook([*before, action])
        assert rewards[-1] == pytest.approx(-KITCHEN.mistake)
        _, _, clean = cook([*before, WORK])
        assert int(state.mistakes) == 1 and int(clean.mistakes) == 0
        assert state._replace(mistakes=clean.mistakes) == clean


def test_random_cooks_get_what_the_rules_in_plain_python_say():
    rng = np.random.default_rng(0)
    world = dataclasses.replace(KITCHEN, mistake=0.03, spoil=0.7, window=0.6)
    results = set()
    for delay in (1, 3, 5):
        # Mostly sensible, so that all stages are seen.
        actions = rng.choice([WORK, MIX, OVEN, GARNISH], 300, p=[0.4, 0.2, 0.3, 0.1])
        rewards, flags, state = cook(actions.tolist(), delay, world)
        expected = list(reference(actions.tolist(), delay, world))
        np.testing.assert_allclose(rewards, [row[0] for row in expected], rtol=1e-5)
        np.testing.assert_array_equal(flags, [row[1] for row in expected])
        assert totals(state) == expected[-1][2]
        results |= set(np.flatnonzero(flags.any(0)))
    assert results == {ON, BELL, GOOD, RAW, BURNT}


def test_the_bell_rings_while_the_first_dish_is_ready_and_for_no_other():
    dish = [MIX, OVEN, *[WORK] * 9, OVEN, GARNISH]
    _, flags, state = cook(dish * 3)
    assert np.flatnonzero(flags[:, BELL]).tolist() == [9, 10]
    assert int(state.served) == 3
    _, flags, _ = cook([MIX, OVEN, OVEN, *dish])
    assert flags[:, BELL].sum() == 0, "the first dish was raw"
    _, flags, _ = cook([MIX, OVEN, *[WORK] * 40])
    assert np.flatnonzero(flags[:, BELL]).tolist() == list(range(9, 42))


def test_delays_are_log_uniform_within_their_range():
    world = Oven(delay=5000, spread=3.0)
    states, sensed = jax.vmap(world.reset)(jax.random.split(KEY, 20_000))
    delays = np.asarray(states.delay)
    assert delays.min() >= round(5000 / 3) and delays.max() <= 15_000
    place = (np.log(delays / 5000) / np.log(3) + 1) / 2
    assert stats.kstest(place, "uniform").pvalue > 1e-5
    assert np.asarray(sensed.first).all() and not np.asarray(sensed.observation).any()
    fixed, _ = jax.vmap(Oven(delay=20, spread=1.0).reset)(jax.random.split(KEY, 50))
    assert (np.asarray(fixed.delay) == 20).all()


def test_only_working_earns_exactly_the_wages():
    rewards, _, state = cook([WORK] * 100, 7)
    assert rewards.sum() == pytest.approx(100 * KITCHEN.wage, rel=1e-5)
    assert totals(state) == [0, 0, 0, 0]


def delays_of(world: Oven) -> tuple[np.ndarray, np.ndarray]:
    """Every delay a kitchen can have, and its chance."""
    low, high = world.delay / world.spread, world.delay * world.spread
    delays = np.arange(max(1, round(low)), round(high) + 1)
    cuts = np.clip(np.stack([delays - 0.5, delays + 0.5]), low, high)
    places = np.log(cuts / world.delay) / np.log(world.spread)
    return delays, (places[1] - places[0]) / 2


def best_return(world: Oven, delay: int, steps: int) -> float:
    """The best a cook who knows ``delay`` can earn, by dynamic programming."""
    last = int(delay * (1 + world.window)) + 1
    empty, mixed, baked, baking = 0, 1, 2, 3
    value = np.zeros(baking + last + 1)
    ages = np.arange(last + 1)
    for _ in range(steps):
        older = value[np.minimum(baking + ages + 1, baking + last)]
        good = (ages >= delay) & (ages <= delay * (1 + world.window))
        opened = np.where(good, 0.25 + value[baked], value[empty] - world.spoil)
        work = world.wage + value
        work[baking:] = world.wage + older
        act = np.zeros_like(value)
        act[empty] = 0.25 + value[mixed]
        act[mixed] = 0.25 + value[baking]
        act[baked] = 0.25 + value[empty]
        act[baking:] = opened
        value = np.maximum(work, act)
    return float(value[empty])


@pytest.mark.parametrize("steps", [20, 33, 64, 200])
@pytest.mark.parametrize("world", [KITCHEN, Oven(delay=11, spread=1.5)])
def test_the_optimum_is_that_of_dynamic_programming(world, steps):
    delays, chances = delays_of(world)
    assert chances.sum() == pytest.approx(1)
    best = [best_return(world, int(delay), steps) for delay in delays]
    assert world.optimum(steps) == pytest.approx(float(chances @ best), rel=1e-3)


def returns(world: Oven, policy, lives: int, steps: int) -> np.ndarray:
    """Returns of ``policy(state, sensed, key) -> action`` over many lives."""

    def live(key):
        def step(carry, key):
            state, sensed = carry
            think, turn = jax.random.split(key)
            action = policy(state, sensed, think)
            state, sensed = world.step(state, action, turn)
            return (state, sensed), sensed.reward

        born, life = jax.random.split(key)
        keys = jax.random.split(life, steps)
        return jax.lax.scan(step, world.reset(born), keys)[1].sum()

    return np.asarray(jax.jit(jax.vmap(live))(jax.random.split(KEY, lives)))


def test_a_cook_who_knows_the_delay_reaches_the_optimum():
    """Within 5 standard errors of 4,000 lives."""
    choice = jnp.array([MIX, OVEN, WORK, GARNISH])

    def oracle(state, sensed, key):
        ready = (state.stage == 2) & (state.timer >= state.delay)
        return jnp.where(ready, OVEN, choice[state.stage])

    scores = returns(KITCHEN, oracle, 4000, 200)
    error = scores.std() / np.sqrt(len(scores))
    assert abs(scores.mean() - KITCHEN.optimum(200)) < 5 * error < 0.05 * scores.mean()


def forgetful(on: list[float], off: list[float]):
    """Draws from ``on`` or ``off``; opens at the bell, garnishes what is good."""

    def policy(state, sensed, key):
        flags = sensed.observation > 0
        odds = jnp.where(flags[ON], jnp.array(on), jnp.array(off))
        action = jax.random.categorical(key, jnp.log(odds))
        action = jnp.where(flags[BELL], OVEN, action)
        return jnp.where(flags[GOOD], GARNISH, action)

    return policy


def by_reward(state, sensed, key):
    """Mixes, then puts in what was just paid for, and never opens without a bell."""
    flags, paid = sensed.observation > 0, sensed.reward > 0.2
    off = jnp.where(flags[GOOD], GARNISH, jnp.where(paid, OVEN, MIX))
    return jnp.where(flags[ON], jnp.where(flags[BELL], OVEN, WORK), off)


def guesses(state, sensed, key):
    """As above, but opens at random, about once a middling delay."""
    lucky = jax.random.uniform(key) < 0.11
    known = by_reward(state, sensed, key)
    return jnp.where((sensed.observation[ON] > 0) & lucky, OVEN, known)


NEVER = [1.0, 0.0, 0.0, 0.0]
FORGETFUL = {
    "works": forgetful(NEVER, NEVER),
    "by reward": by_reward,
    "guesses": guesses,
    "hasty": forgetful([0.8, 0, 0.2, 0], [0.4, 0.3, 0.3, 0]),
    "patient": forgetful([0.99, 0, 0.01, 0], [0.9, 0.05, 0.05, 0]),
    "one dish": forgetful(NEVER, [0.0, 0.5, 0.5, 0]),
    "at random": forgetful([0.25] * 4, [0.25] * 4),
}


@pytest.mark.parametrize(
    ("name", "world", "steps"),
    [(name, KITCHEN, 200) for name in FORGETFUL]
    + [(name, Oven(delay=60), 400) for name in ("by reward", "one dish")]
    + [("guesses", Oven(delay=8, spoil=spoil), 1000) for spoil in (0.5, 1.0)],
)
def test_no_cook_without_memory_exceeds_the_bound(name, world, steps):
    scores = returns(world, FORGETFUL[name], 1000, steps)
    error = scores.std() / np.sqrt(len(scores))
    assert scores.mean() <= world.memoryless(steps) + 5 * error
    assert steps * world.wage + 1.5 <= world.memoryless(steps) < world.optimum(steps)


def test_lives_too_short_for_a_dish_are_refused():
    Oven(delay=500).check(1004)
    with pytest.raises(ValueError, match=r"delay = 500.*1004 steps.*has 1003"):
        Oven(delay=500).check(1003)


def test_no_cook_without_memory_is_said_to_beat_the_one_who_knows():
    """In a life that ends with its first dish, wages and lucky guesses are few."""
    for steps in (504, 600, 1004):
        world = Oven(delay=500, spread=1.0)
        assert world.memoryless(steps) <= world.optimum(steps)
