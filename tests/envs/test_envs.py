"""The bandit and the gymnax adapter against closed forms and the library itself."""

import itertools

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from evolife.agents.reflex import Reflex
from evolife.base import Continuous, Discrete
from evolife.engine import lifetime
from evolife.envs.bandit import Bandit, State, bayes_optimum
from evolife.envs.gymnax import REFUSED, Gymnax
from evolife.keys import root_key
from evolife.plugins import registry
from evolife.plugins.fit import check_fit

KEY = root_key(31)


def pull_many(world: Bandit, state: State, arms: np.ndarray):
    """Every pull starts from ``state``, with luck of its own."""
    keys = jax.random.split(KEY, len(arms))
    return jax.jit(jax.vmap(world.step, (None, 0, 0)))(state, jnp.asarray(arms), keys)


def test_pulls_pay_with_the_hidden_chance():
    """Each count of wins lies within bounds that chance exceeds once in 1e6."""
    world, pulls = Bandit(arms=4, pulls=10), 40_000
    chances = np.array([0.0, 0.2, 0.7, 1.0], np.float32)
    state = State(jnp.asarray(chances)[None], *(jnp.int32(0),) * 2, jnp.float32(0))
    for arm, chance in enumerate(chances):
        after, sensed = pull_many(world, state, np.full(pulls, arm, np.int32))
        won = int(np.asarray(sensed.reward).sum())
        low, high = stats.binom.ppf([1e-6, 1 - 1e-6], pulls, chance)
        assert low <= won <= high
        assert set(np.unique(sensed.reward)) <= {0.0, 1.0}
        assert (np.asarray(after.chances) == chances).all()


def test_trials_end_after_their_pulls_with_new_arms_and_the_regret_adds_up():
    world = Bandit(arms=3, pulls=5)
    state, sensed = world.reset(KEY)
    assert bool(sensed.first) and float(sensed.reward) == 0
    assert (sensed.observation == 1).all()
    regret, tables, step = 0.0, [np.asarray(state.chances)[0]], jax.jit(world.step)
    for t in range(23):
        arm = t % 3
        regret += tables[-1].max() - tables[-1][arm]
        state, sensed = step(state, jnp.int32(arm), jax.random.fold_in(KEY, t))
        ends = (t + 1) % 5 == 0
        assert bool(sensed.first) == ends
        assert np.array_equal(state.chances[0], tables[-1]) == (not ends)
        tables.append(np.asarray(state.chances)[0])
    assert float(world.statistics(state)["regret"]) == pytest.approx(regret, rel=1e-5)
    assert regret > 1


def test_hidden_chances_are_uniform_at_birth_and_in_later_trials():
    world = Bandit(arms=3, pulls=1)
    states, _ = jax.vmap(world.reset)(jax.random.split(KEY, 5000))
    later, _ = pull_many(world, State(*(x[0] for x in states)), np.zeros(5000, int))
    for chances in (np.asarray(states.chances), np.asarray(later.chances)):
        assert stats.kstest(chances.ravel(), "uniform").pvalue > 1e-5
        assert np.abs(
            np.corrcoef(chances.reshape(-1, 3).T) - np.eye(3)
        ).max() < 5 / np.sqrt(5000)


@pytest.mark.parametrize(
    ("arms", "pulls", "known"), [(2, 10, 6.0218), (5, 10, 6.660), (5, 20, 14.2873)]
)
def test_the_bayes_optimum_has_its_known_values(arms, pulls, known):
    assert bayes_optimum(arms, pulls) == pytest.approx(known, abs=6e-5)


@pytest.mark.parametrize(("arms", "pulls"), [(2, 1), (2, 2), (3, 2), (2, 3)])
def test_the_bayes_optimum_is_that_of_the_best_of_all_policies(arms, pulls):
    """Every map from histories to arms, its payout integrated over all chances.

    The integrands are polynomials of low degree, which Gauss-Legendre integrates
    exactly.
    """
    points, weights = np.polynomial.legendre.leggauss(8)
    grids = np.meshgrid(*[(points + 1) / 2] * arms, indexing="ij")
    chances = np.stack([grid.ravel() for grid in grids])
    measure = np.ones(1)
    for _ in range(arms):
        measure = np.multiply.outer(measure, weights / 2).ravel()
    histories = [h for n in range(pulls) for h in itertools.product((0, 1), repeat=n)]

    def payout(policy: dict) -> float:
        total = 0.0
        for luck in itertools.product((0, 1), repeat=pulls):
            chance = np.ones(chances.shape[1])
            for t, won in enumerate(luck):
                arm = chances[policy[luck[:t]]]
                chance = chance * (arm if won else 1 - arm)
            total += sum(luck) * float(chance @ measure)
        return total

    best = max(
        payout(dict(zip(histories, choices, strict=True)))
        for choices in itertools.product(range(arms), repeat=len(histories))
    )
    assert bayes_optimum(arms, pulls) == pytest.approx(best, rel=1e-9)


@pytest.mark.parametrize(("pulls", "contexts"), [(1, 2), (3, 2), (4, 3)])
def test_contexts_are_bandits_whose_turns_are_drawn(pulls, contexts):
    """Each context has a binomial number of pulls, and its agent must not know it.

    Summed over all orders of contexts, against the recursion; for one or two pulls of
    a context the optimum is that of a single bandit, whatever the horizon.
    """
    total = bayes_optimum(3, pulls, contexts)
    turns = stats.binom(pulls, 1 / contexts)
    known = sum(turns.pmf(n) * bayes_optimum(3, n) for n in range(pulls + 1))
    # To know the number of turns cannot hurt, and at most two turns leave no doubt.
    assert total <= contexts * known + 1e-12
    if pulls == 1:
        assert total == pytest.approx(0.5)
    world = Bandit(arms=3, pulls=pulls, contexts=contexts)
    assert world.optimum(2 * pulls) == pytest.approx(2 * total)
    assert world.spec.observation_size == 1 + contexts


def test_every_context_shows_itself_and_has_arms_of_its_own():
    world = Bandit(arms=2, pulls=1000, contexts=3)
    table = jnp.asarray([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]])
    state = world.reset(KEY)[0]._replace(chances=table)

    def pull(state, t):
        here = state.context
        state, sensed = world.step(state, jnp.int32(1), jax.random.fold_in(KEY, t))
        return state, (here, sensed.reward, state.context, sensed.observation)

    _, (here, rewards, after, seen) = jax.lax.scan(pull, state, jnp.arange(999))
    np.testing.assert_array_equal(rewards, np.asarray(here) == 0)
    np.testing.assert_array_equal(seen[:, 0], 1)
    np.testing.assert_array_equal(np.asarray(seen)[:, 1:].argmax(axis=1), after)
    counts = np.bincount(after, minlength=3)
    assert stats.chisquare(counts).pvalue > 1e-6


def test_restless_arms_walk_within_bounds_and_stay_uniform():
    world, steps = Bandit(arms=4, pulls=10**6, drift=0.1), 400
    states, _ = jax.vmap(world.reset)(jax.random.split(KEY, 2000))

    @jax.jit
    def walk(states):
        def step(states, t):
            keys = jax.random.split(jax.random.fold_in(KEY, t), 2000)
            after, _ = jax.vmap(world.step, (0, None, 0))(states, jnp.int32(0), keys)
            return after, after.chances[:, 0, 0] - states.chances[:, 0, 0]

        return jax.lax.scan(step, states, jnp.arange(steps))

    after, moves = walk(states)
    chances = np.asarray(after.chances).ravel()
    assert (chances >= 0).all() and (chances <= 1).all()
    assert stats.kstest(chances, "uniform").pvalue > 1e-5
    # Reflection only shortens a move.
    assert 0.07 < float(np.std(moves)) < 0.1
    assert world.optimum(50) == pytest.approx(40) and world.memoryless(50) == 25


def test_bounds_of_a_bandit_life():
    world = Bandit(arms=5, pulls=10)
    assert world.optimum(30) == pytest.approx(3 * bayes_optimum(5, 10))
    assert world.memoryless(30) == 15
    assert world.optimum(31) is None, "a trial that is cut off has another optimum"
    assert Bandit(arms=50, pulls=50).optimum(50) is None
    with pytest.raises(ValueError, match="pulls = 10"):
        world.check(9)
    world.check(10)


def test_pulling_at_random_scores_one_half_a_pull():
    """The mean of 20,000 lives lies within 5 standard errors."""
    world, steps = Bandit(arms=5, pulls=10), 20

    def live(key):
        def pull(carry, key):
            luck, choice = jax.random.split(key)
            arm = jax.random.randint(choice, (), 0, 5)
            state, sensed = world.step(carry, arm, luck)
            return state, sensed.reward

        begin, life = jax.random.split(key)
        state, _ = world.reset(begin)
        return jax.lax.scan(pull, state, jax.random.split(life, steps))[1].sum()

    scores = np.asarray(jax.jit(jax.vmap(live))(jax.random.split(KEY, 20_000)))
    error = scores.std() / np.sqrt(len(scores))
    assert abs(scores.mean() - world.memoryless(steps)) < 5 * error < 0.2


@pytest.mark.parametrize(
    "name", ["CartPole-v1", "Pendulum-v1", "MountainCar-v0", "FrozenLake-misc"]
)
def test_the_adapter_does_what_gymnax_itself_does(name):
    """Step by step with the same keys, through ends of episodes and truncations."""
    world, (there, parameters) = Gymnax(name), gymnax.make(name)
    steps = 450

    def see(observation):
        if name == "FrozenLake-misc":
            return jax.nn.one_hot(observation, 16)
        return jnp.ravel(observation)

    def act(key):
        space = world.spec.action_space
        if isinstance(space, Discrete):
            return jax.random.randint(key, (), 0, space.size)
        return jax.random.uniform(key, (space.size,), jnp.float32, -2, 2)

    @jax.jit
    def run():
        def step(carry, t):
            mine, theirs, trials = carry
            choice, luck = jax.random.split(jax.random.fold_in(KEY, t))
            action = act(choice)
            mine, sensed = world.step(mine, action, luck)
            seen, theirs, reward, terminated, truncated, _ = there.step(
                luck, theirs, action, parameters
            )
            ends = terminated | truncated
            trials = trials + ends
            rows = (sensed, (see(seen), reward, ends), (mine.trials, trials))
            return (mine, theirs, trials), rows

        mine, sensed = world.reset(KEY)
        seen, theirs = there.reset(KEY, parameters)
        theirs = jax.tree.map(jnp.asarray, theirs)
        rows = jax.lax.scan(step, (mine, theirs, 0), jnp.arange(steps))[1]
        return sensed, see(seen), rows

    born, seen, (sensed, (observations, rewards, ends), (mine, theirs)) = run()
    assert bool(born.first) and float(born.reward) == 0
    np.testing.assert_array_equal(born.observation, seen)
    np.testing.assert_allclose(sensed.observation, observations, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(sensed.reward, rewards, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(sensed.first, ends)
    np.testing.assert_array_equal(mine, theirs)
    assert np.asarray(ends).sum() >= 2, "no episode ended"
    assert len(np.unique(np.asarray(observations), axis=0)) > 3


@pytest.mark.parametrize("trials", [1, 3])
def test_only_the_first_trials_earn(trials):
    limited, endless = Gymnax("CartPole-v1", trials), Gymnax("CartPole-v1")
    agent = Reflex(limited.spec, (2,))
    genome = jax.tree.map(jnp.zeros_like, agent.init_genome(KEY))

    def outcome(world):
        live = jax.jit(lambda: lifetime.live(agent, world, genome, KEY, 80, 80))
        return live()

    full, cut = outcome(endless), outcome(limited)
    assert (full.curve == 1).all() and float(full.statistics["trials"]) > trials
    earned = int(cut.score)
    assert (cut.curve[:earned] == 1).all() and (cut.curve[earned:] == 0).all()
    assert float(cut.statistics["trials"]) == trials
    # Always pushing left drops the pole within 8 to 11 steps.
    assert 8 * trials <= earned <= 11 * trials


def test_what_gymnax_lacks_is_refused_with_the_nearest_name():
    with pytest.raises(ValueError, match=r"'CartPole-v7'.*did you mean 'CartPole-v1'"):
        Gymnax("CartPole-v7")
    for name in REFUSED:
        with pytest.raises(ValueError, match="not offered"):
            Gymnax(name)


def test_every_environment_of_gymnax_that_is_offered_fits():
    names = sorted(set(gymnax.registered_envs) - set(REFUSED))
    assert len(names) > 20
    kinds = set()
    for name in names:
        world = Gymnax(name)
        check_fit(Reflex(world.spec, (2,)), world)
        kinds.add(type(world.spec.action_space))
    assert kinds == {Discrete, Continuous}
    assert Gymnax("Pendulum-v1").spec.action_space == Continuous(1, -2.0, 2.0)


def test_a_kitchen_and_a_bandit_can_be_described():
    for name in registry.names("envs"):
        world = registry.load("envs", name)
        for sentence in (world.senses, world.acts, world.objective, world.generalises):
            assert len(sentence) > 10
