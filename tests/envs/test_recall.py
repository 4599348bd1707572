"""Recall in its three modes: the rules by hand, chance and the optimum exactly."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from evolife.envs.recall import Recall
from evolife.keys import root_key
from tests.envs.policies import life

KEY = root_key(51)
WORLDS = {
    "delayed": Recall("delayed", delay=5, symbols=3),
    "at once": Recall("delayed", delay=0, symbols=2),
    "tmaze": Recall("tmaze", delay=4, symbols=2),
    "copy": Recall("copy", delay=3, symbols=4, length=3),
}
LONG = 240


@pytest.fixture(scope="module", params=WORLDS)
def world(request):
    return WORLDS[request.param]


def walking(world: Recall) -> bool:
    return world.mode == "tmaze"


def whole(state):
    return state


def lives(world: Recall, policy, steps: int, count: int):
    return life(world, policy, steps, whole)(jax.random.split(KEY, count))


def fumbles(world, state, sensed, key):
    """Anything at random; in a maze it mostly walks."""
    lucky, choice = jax.random.split(key)
    action = jax.random.randint(choice, (), 0, world.spec.action_space.size)
    on = walking(world) & (jax.random.uniform(lucky) < 0.6)
    return jnp.where(on, world.symbols, action)


def knows(world, state, sensed, key):
    """Looks into the state for what was shown."""
    place = state.clock - world.length - world.delay
    answer = jnp.sum(jnp.where(jnp.arange(world.length) == place, state.cues, 0))
    return jnp.where((place < 0) & walking(world), world.symbols, answer)


def guesses(world, state, sensed, key):
    """Answers at random wherever it is asked, and walks wherever it is not."""
    answer = jax.random.randint(key, (), 0, world.symbols)
    asked = sensed.observation[-1] > 0
    return jnp.where(walking(world) & ~asked, world.symbols, answer)


def habit(world, state, sensed, key):
    """Always the same answer."""
    asked = sensed.observation[-1] > 0
    return jnp.where(walking(world) & ~asked, world.symbols, 1)


def reference(world: Recall, symbols: np.ndarray, actions: np.ndarray):
    """The rules in plain Python: flags, whether it begins, whether it earns."""
    place, cues, moved = 0, [], True
    last = 2 * world.length + world.delay - 1
    for t, action in enumerate(actions):
        cue = place < world.length
        asks = place >= world.length + world.delay
        if cue and len(cues) <= place:
            cues.append(symbols[t])
        begins = place == 0 and moved
        right = asks and action == cues[place - world.length - world.delay]
        yield (cue, asks, begins, right, cues[place] if cue else None)
        moved = not walking(world) or (action == world.symbols) != asks
        if moved:
            place += 1
            if place > last:
                place, cues = 0, []


def test_the_rules_are_those_of_plain_python(world):
    sensed, _, rewards, actions, *_ = lives(world, fumbles, LONG, 3)
    seen, earned = np.asarray(sensed.observation), np.asarray(rewards)
    trials = 0
    for i in range(3):
        shown = seen[i, :, : world.symbols]
        symbols = shown.argmax(axis=1)
        rows = list(reference(world, symbols, np.asarray(actions[i])))
        cue, asks, begins, right, kept = map(np.array, zip(*rows, strict=True))
        np.testing.assert_array_equal(seen[i, :, -2], cue)
        np.testing.assert_array_equal(seen[i, :, -1], asks)
        np.testing.assert_array_equal(sensed.first[i], begins)
        np.testing.assert_array_equal(earned[i], right)
        np.testing.assert_array_equal(shown.sum(axis=1), ~asks)
        np.testing.assert_array_equal(symbols[cue], kept[cue].astype(int))
        trials += begins.sum()
    assert trials > 40 and 0 < earned.sum() < trials * world.length


def test_a_maze_is_walked_and_nothing_else_moves():
    world = Recall("tmaze", delay=2, symbols=2)
    step, walk = jax.jit(world.step), 2
    state, sensed = world.reset(KEY)
    cue = int(sensed.observation[:2].argmax())
    rows = []
    # Turn at the start, walk 3, turn while walking, bump into the wall, turn rightly.
    for t, action in enumerate([0, walk, walk, 1, walk, walk, walk, cue]):
        state, sensed = step(state, action, jax.random.fold_in(KEY, t))
        rows.append((int(state.clock), float(sensed.reward), bool(sensed.first)))
    assert [clock for clock, _, _ in rows] == [0, 1, 2, 2, 3, 3, 3, 0]
    assert [reward for _, reward, _ in rows] == [0] * 7 + [1]
    assert [first for _, _, first in rows] == [False] * 7 + [True]


@pytest.mark.parametrize("steps", [1, 17, 40])
def test_who_remembers_earns_the_optimum_of_any_number_of_steps(world, steps):
    _, _, rewards, *_, statistics = lives(world, knows, steps, 50)
    scores = np.asarray(rewards).sum(axis=1)
    assert (scores == world.optimum(steps)).all()
    np.testing.assert_array_equal(statistics["answers"], scores)
    assert (np.asarray(statistics["accuracy"]) == (scores > 0)).all()


def test_the_optimum_counts_questions_of_a_trial_that_is_cut_off():
    world = WORLDS["copy"]
    assert [world.optimum(n) for n in (6, 7, 8, 9, 15, 16, 18)] == [
        0, 1, 2, 3, 3, 4, 6
    ]  # fmt: skip


@pytest.mark.parametrize("policy", [guesses, habit], ids=lambda policy: policy.__name__)
def test_who_forgets_earns_by_chance(world, policy):
    """Rights are binomial: outside the bounds once in 1e6 runs."""
    steps, count = 61, 2000
    _, _, rewards, *_, statistics = lives(world, policy, steps, count)
    answers = round(world.optimum(steps))
    assert (np.asarray(statistics["answers"]) == answers).all()
    chance = 1 / world.symbols
    bounds = stats.binom.ppf([5e-7, 1 - 5e-7], count * answers, chance)
    assert bounds[0] <= np.asarray(rewards).sum() <= bounds[1]
    assert world.memoryless(steps) == pytest.approx(answers * chance)


def test_cues_and_distractions_are_uniform_and_independent():
    world = Recall("copy", delay=3, symbols=3, length=2)
    sensed, *_ = lives(world, habit, world.trial, 9000)
    shown = np.asarray(sensed.observation)[:, :5, :3].argmax(axis=2)
    for i in range(5):
        assert stats.chisquare(np.bincount(shown[:, i], minlength=3)).pvalue > 1e-6
        for j in range(i):
            table = np.zeros((3, 3))
            np.add.at(table, (shown[:, i], shown[:, j]), 1)
            assert stats.chi2_contingency(table).pvalue > 1e-6


def test_a_probe_of_the_current_observation_finds_the_cue_only_while_it_is_shown(world):
    """The most frequent cue of each observation, learned on one half of the lives.

    On the other half its hits are binomial, at chance but once in 1e6 steps probed.
    """
    count = 4000
    sensed, states, *_ = lives(world, guesses, world.trial, count)
    seen, cues = np.asarray(sensed.observation), np.asarray(states.cues)[:, -1]
    for t in range(world.trial):
        kinds = seen[:, t] @ 2.0 ** np.arange(seen.shape[-1])
        table = np.zeros((int(kinds.max()) + 1, world.symbols))
        half = count // 2
        for place in range(world.length):
            table[:] = 0
            np.add.at(table, (kinds[:half].astype(int), cues[:half, place]), 1)
            found = table.argmax(axis=1)[kinds[half:].astype(int)]
            hits = int((found == cues[half:, place]).sum())
            if t == place:
                assert hits == half
                continue
            low, high = stats.binom.ppf([1e-6, 1 - 1e-6], half, 1 / world.symbols)
            assert low <= hits <= high, (t, place)


def test_what_makes_no_sense_is_refused():
    Recall("tmaze", delay=8).check(10)
    with pytest.raises(ValueError, match=r"delay = 8: a trial takes 10 steps .* has 9"):
        Recall("tmaze", delay=8).check(9)
    with pytest.raises(ValueError, match="length = 2: the mode delayed has one cue"):
        Recall("delayed", length=2)
