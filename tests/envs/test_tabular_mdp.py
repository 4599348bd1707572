"""Random worlds: their distribution, their episodes, and value iteration in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from evolife.envs.tabular_mdp import State, TabularMdp
from evolife.keys import root_key
from tests.envs.policies import life

KEY = root_key(61)
WORLD = TabularMdp()
SMALL = TabularMdp(states=4, actions=3, horizon=5)


def births(world: TabularMdp, count: int) -> State:
    return jax.jit(jax.vmap(world.reset))(jax.random.split(KEY, count))[0]


def chances_of(state: State) -> np.ndarray:
    """Transition chances ``(..., states, actions, states)`` in float64."""
    return np.diff(np.asarray(state.cumulative, np.float64), axis=-1, prepend=0)


def values(chances: np.ndarray, means: np.ndarray, horizon: int) -> np.ndarray:
    """Value of each state by steps to go, ``(horizon + 1, states)``, in plain loops."""
    table = [np.zeros(len(means))]
    for _ in range(horizon):
        later, now = table[-1], []
        for here in range(len(means)):
            options = [
                means[here, action] + sum(chances[here, action] * later)
                for action in range(means.shape[1])
            ]
            now.append(max(options))
        table.append(np.array(now))
    return np.stack(table)


def lives(world: TabularMdp, policy, steps: int, count: int):
    return life(world, policy, steps)(jax.random.split(KEY, count))


def at_random(world, state, sensed, key):
    return jax.random.randint(key, (), 0, world.actions)


def one_a_state(world, state, sensed, key):
    """A reflex: the same action wherever the world is in the same state."""
    return jnp.argmax(sensed.observation).astype(jnp.int32) % world.actions


def knows(world, state, sensed, key):
    """Looks into the state and plans to the end of the episode."""
    chances = jnp.diff(state.cumulative, axis=-1, prepend=0.0)
    value = jnp.zeros(world.states)
    best = jnp.zeros((), jnp.int32)
    for left in range(1, world.horizon + 1):
        options = state.means + chances @ value
        due = left == world.horizon - state.clock
        best = jnp.where(due, jnp.argmax(options[state.place]), best)
        value = options.max(axis=1)
    return best


def mean_error(scores: np.ndarray) -> float:
    return float(scores.std(ddof=1) / np.sqrt(len(scores)))


def test_worlds_follow_the_distributions_they_state():
    """Dirichlet(1, ..., 1) has Beta(1, S - 1) margins and covariance -1/(S^2 (S + 1)).

    Each p-value is below its bound once in 1e6 runs; the covariance is held to 5
    standard errors.
    """
    state = births(WORLD, 300)
    rows = chances_of(state).reshape(-1, 10)
    assert (rows >= 0).all() and np.abs(rows.sum(axis=1) - 1).max() < 1e-6
    for target in (0, 4, 9):
        margin = stats.kstest(rows[:, target], stats.beta(1, 9).cdf)
        assert margin.pvalue > 1e-6
    products = (rows[:, 2] - 0.1) * (rows[:, 7] - 0.1)
    assert abs(products.mean() + 1 / 1100) < 5 * mean_error(products)
    means = np.asarray(state.means).ravel()
    assert stats.kstest(means, stats.norm(1, 1).cdf).pvalue > 1e-6
    assert means.size == 300 * 50


def test_steps_go_where_the_rows_say_and_pay_the_means_with_unit_noise():
    """Both tests err once in 1e6 runs."""
    world, count = TabularMdp(states=4, actions=3, horizon=10), 20_000
    state = jax.tree.map(lambda leaf: leaf[0], births(world, 1))
    state = state._replace(place=jnp.int32(2))
    keys = jax.random.split(KEY, count)
    after, sensed = jax.jit(jax.vmap(world.step, (None, None, 0)))(state, 1, keys)
    went = np.bincount(np.asarray(after.place), minlength=4)
    assert stats.chisquare(went, chances_of(state)[2, 1] * count).pvalue > 1e-6
    noise = np.asarray(sensed.reward) - float(state.means[2, 1])
    assert stats.kstest(noise, "norm").pvalue > 1e-6
    assert abs(np.corrcoef(noise, after.place)[0, 1]) < 5 / np.sqrt(count)
    np.testing.assert_array_equal(
        np.asarray(sensed.observation).argmax(axis=1), after.place
    )


def test_rewards_beyond_eight_deviations_are_cut_off():
    low, high = WORLD.reward_range
    assert (low, high) == pytest.approx((1 - 8 * 2**0.5, 1 + 8 * 2**0.5))
    state = jax.tree.map(lambda leaf: leaf[0], births(WORLD, 1))
    for mean, bound in ((1e3, high), (-1e3, low)):
        rich = state._replace(means=jnp.full((10, 5), mean))
        _, sensed = WORLD.step(rich, jnp.int32(0), KEY)
        assert float(sensed.reward) == pytest.approx(bound)


def test_episodes_begin_in_state_0_of_the_same_world():
    steps = 23
    sensed, _, rewards, _, state, statistics = lives(SMALL, at_random, steps, 40)
    places = np.asarray(sensed.observation).argmax(axis=2)
    begins = np.arange(steps) % 5 == 0
    assert (np.asarray(sensed.first) == begins).all()
    assert (places[:, begins] == 0).all() and len(np.unique(places)) == 4
    again = jax.vmap(lambda key: SMALL.reset(jax.random.split(key)[0])[0])(
        jax.random.split(KEY, 40)
    )
    # Compiled with a life, a birth rounds differently than alone.
    np.testing.assert_allclose(state.means, again.means, atol=1e-5)
    np.testing.assert_allclose(state.cumulative, again.cumulative, atol=1e-5)
    assert len(np.unique(state.means)) == 40 * 12
    np.testing.assert_allclose(state.earned, rewards.sum(axis=1), rtol=1e-4, atol=1e-4)
    assert (np.asarray(state.episodes) == 4).all() and (state.clock == 3).all()
    assert set(statistics) == {"best", "score"}


@pytest.mark.parametrize(("world", "steps"), [(SMALL, 23), (WORLD, 20)])
def test_the_best_of_a_life_is_that_of_value_iteration_in_numpy(world, steps):
    *_, state, statistics = lives(world, at_random, steps, 6)
    episodes, rest = divmod(steps, world.horizon)
    for i in range(6):
        one = jax.tree.map(lambda leaf, at=i: np.asarray(leaf[at], np.float64), state)
        table = values(chances_of(one), one.means, world.horizon)
        best = episodes * table[world.horizon, 0] + table[rest, 0]
        assert float(statistics["best"][i]) == pytest.approx(best, rel=1e-5)
        score = float(state.earned[i]) / best
        assert float(statistics["score"][i]) == pytest.approx(score, rel=1e-4)


def test_a_world_that_pays_nothing_has_no_score():
    state = jax.tree.map(lambda leaf: leaf[0], births(SMALL, 1))
    poor = state._replace(
        means=jnp.full((4, 3), -1.0), episodes=jnp.int32(2), earned=jnp.float32(-9)
    )
    found = SMALL.statistics(poor)
    assert float(found["score"]) == 0
    assert float(found["best"]) == pytest.approx(-10)


@pytest.mark.parametrize(("world", "steps"), [(WORLD, 20), (SMALL, 23)])
def test_who_knows_the_world_reaches_the_optimum(world, steps):
    """Within 5 standard errors, of the lives and of the worlds of the oracle."""
    if steps % world.horizon:
        # Rests of episodes are planned for as if they were whole: leave them out.
        steps -= steps % world.horizon
    _, _, rewards, *_, statistics = lives(world, knows, steps, 3000)
    scores, best = np.asarray(rewards).sum(axis=1), np.asarray(statistics["best"])
    # In each life only the noise of rewards and of the way separates the two.
    assert abs((scores - best).mean()) < 5 * mean_error(scores - best)
    reach = 5 * np.hypot(mean_error(best), best.std() / np.sqrt(4000))
    assert abs(best.mean() - world.optimum(steps)) < reach < 0.03 * best.mean()
    assert world.optimum(0) == 0 and world.optimum(1) < world.optimum(2)


@pytest.mark.parametrize("policy", [at_random, one_a_state], ids=lambda p: p.__name__)
def test_who_forgets_earns_one_a_step(policy):
    """Within 5 standard errors of 4,000 lives."""
    _, _, rewards, *_ = lives(WORLD, policy, 100, 4000)
    scores = np.asarray(rewards).sum(axis=1)
    assert abs(scores.mean() - WORLD.memoryless(100)) < 5 * mean_error(scores) < 3


def test_acting_at_random_earns_under_half_of_what_there_is():
    """The mean of 1 a step over 2.2 a step, within 5 standard errors."""
    *_, statistics = lives(WORLD, at_random, 100, 4000)
    score = np.asarray(statistics["score"])
    ratio = WORLD.memoryless(100) / WORLD.optimum(100)
    assert 0.44 < ratio < 0.47
    assert abs(score.mean() - ratio) < 5 * mean_error(score) + 0.01


def test_lives_shorter_than_an_episode_are_refused():
    WORLD.check(10)
    with pytest.raises(ValueError, match=r"horizon = 10: a life of 9 steps"):
        WORLD.check(9)
