"""The mover: its physics in NumPy, its damage, its bounds by duality and by search."""

import dataclasses
import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evolife.base import Continuous
from evolife.envs.mover import Mover
from evolife.keys import root_key

KEY = root_key(81)
BODIES = {
    "none": Mover(damage="none"),
    "dead": Mover(limbs=5, damage="dead", drift=2.0, course=8),
    "flipped": Mover(limbs=4, damage="flipped", course=10),
    "unseen": Mover(limbs=3, damage="flipped", bodies="unseen", course=6),
    "weak": Mover(limbs=3, damage="weak", drift=0.5, course=7),
    "struck": Mover(limbs=5, damage="dead", strikes=16, course=8, drift=2.0),
}


def legs(limbs: int) -> np.ndarray:
    angles = 2 * np.pi * np.arange(limbs) / limbs
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def push_of(gains, target, drift: float, limbs: int):
    """The best push of who knows the gains, by duality; in JAX, for use in a life.

    ``max_a F . d - drift |F . n| = min_{|m| <= drift} sum_i |g_i u_i . (d + m n)|``
    with ``F = sum_i g_i a_i u_i``. The minimum lies at the rim or where some leg is at
    right angles to ``d + m n``; all other legs push fully, and that one evens out.
    """
    arms = gains[:, None] * jnp.asarray(legs(limbs), jnp.float32)
    ahead, across = arms @ target, arms @ jnp.stack([-target[1], target[0]])
    kinks = jnp.clip(-ahead / jnp.where(across == 0, 1e-9, across), -drift, drift)
    rims = jnp.array([-drift, drift])
    points = jnp.concatenate([kinks, rims])
    costs = jnp.abs(ahead + points[:, None] * across).sum(axis=1)
    sides = ahead + points[jnp.argmin(costs)] * across
    loose = jnp.abs(sides) < 1e-5
    full = jnp.where(loose, 0.0, jnp.sign(sides))
    spare = jnp.sum(jnp.where(loose, jnp.abs(across), 0.0))
    lean = full @ across / jnp.where(spare > 0, spare, 1.0)
    return jnp.where(loose, -jnp.sign(across) * jnp.clip(lean, -1, 1), full)


def knows(world, state, sensed):
    gains = jnp.where(state.age >= world.strikes, state.gains, 1.0)
    return push_of(gains, state.target, world.drift, world.limbs)


def thinks_it_sound(world, state, sensed):
    target = sensed.observation[:2]
    return push_of(jnp.ones(world.limbs), target, world.drift, world.limbs)


def stands(world, state, sensed):
    return jnp.zeros(world.limbs)


def along_each_leg(world, state, sensed):
    return jnp.sign(jnp.asarray(legs(world.limbs)) @ sensed.observation[:2])


def turns_back(world, state, sensed):
    """A reflex that pushes as it would in a sound body, unless it goes backwards."""
    target, velocity = sensed.observation[:2], sensed.observation[2:]
    forwards = jnp.where(velocity @ target < 0, -1.0, 1.0)
    return forwards * along_each_leg(world, state, sensed)


@functools.cache
def life(world: Mover, policy, steps: int):
    """Compile ``key -> (states, sensed, actions, last state)`` over lives."""

    @jax.jit
    @jax.vmap
    def live(key):
        def step(carry, key):
            state, sensed = carry
            action = policy(world, state, sensed)
            after, then = world.step(state, action, key)
            return (after, then), (state, then, action)

        born, days = jax.random.split(key)
        (state, _), rows = jax.lax.scan(
            step, world.reset(born), jax.random.split(days, steps)
        )
        return *rows, state

    return live


def lives(world: Mover, policy, steps: int, count: int):
    return life(world, policy, steps)(jax.random.split(KEY, count))


def returns(world: Mover, policy, steps: int, count: int = 3000) -> np.ndarray:
    _, sensed, *_ = lives(world, policy, steps, count)
    return np.asarray(sensed.reward).sum(axis=1)


def error(scores: np.ndarray) -> float:
    return float(scores.std(ddof=1) / np.sqrt(len(scores)))


@pytest.mark.parametrize("world", BODIES.values(), ids=BODIES)
def test_the_body_moves_by_the_physics_it_states(world):
    """Step by step in float64, with pushes drawn at random."""
    steps, rng = 40, np.random.default_rng(0)
    state, sensed = world.reset(KEY)
    gains, velocity = np.asarray(state.gains, np.float64), np.zeros(2)
    limbs, way, step = world.limbs, 0.0, jax.jit(world.step)
    assert world.spec.action_space == Continuous(limbs)
    for t in range(steps):
        target = np.asarray(state.target, np.float64)
        np.testing.assert_allclose(np.hypot(*target), 1, rtol=1e-6)
        seen = np.concatenate([target, velocity])
        np.testing.assert_allclose(sensed.observation, seen, atol=1e-6)
        assert bool(sensed.first) == (t % world.course == 0)
        action = rng.uniform(-1, 1, limbs).astype(np.float32)
        state, sensed = step(state, jnp.asarray(action), jax.random.fold_in(KEY, t))
        working = gains if t >= world.strikes else np.ones(limbs)
        push = sum(working[i] * action[i] * legs(limbs)[i] for i in range(limbs))
        velocity = (1 - world.damping) * velocity + world.damping * push / limbs
        across = abs(velocity @ [-target[1], target[0]])
        reward = velocity @ target - world.drift * across
        way += velocity @ target
        assert float(sensed.reward) == pytest.approx(reward, abs=1e-6)
        if (t + 1) % world.course == 0:
            velocity = np.zeros(2)
            assert not np.allclose(state.target, target)
        else:
            np.testing.assert_array_equal(state.target, target.astype(np.float32))
    assert float(world.statistics(state)["distance"]) == pytest.approx(way, abs=1e-5)


def kinds_of(world: Mover, count: int = 4000) -> tuple[set, np.ndarray]:
    gains = np.asarray(jax.vmap(world.reset)(jax.random.split(KEY, count))[0].gains)
    rows, counts = np.unique(gains, axis=0, return_counts=True)
    return {tuple(row) for row in rows.astype(float).round(6).tolist()}, counts / count


def flips(limbs: int, odd: int) -> set:
    rows = itertools.product((1.0, -1.0), repeat=limbs)
    return {row for row in rows if row.count(-1.0) % 2 == odd}


def losses(limbs: int, odd: int) -> set:
    return {tuple((1 - np.eye(limbs)[leg]).tolist()) for leg in range(odd, limbs, 2)}


@pytest.mark.parametrize("limbs", [3, 4, 5])
def test_bodies_are_drawn_evenly_from_sets_that_share_none(limbs):
    """Shares lie within 5 standard errors."""
    expected = {
        "flipped": {"seen": flips(limbs, 0), "unseen": flips(limbs, 1)},
        "dead": {"seen": losses(limbs, 0), "unseen": losses(limbs, 1)},
        "weak": {"seen": {(0.8,) * limbs}, "unseen": {(0.6,) * limbs}},
    }
    for damage, sets in expected.items():
        for bodies, rows in sets.items():
            found, shares = kinds_of(Mover(limbs, damage, bodies))
            assert found == rows
            share = 1 / len(rows)
            reach = 5 * np.sqrt(share * (1 - share) / 4000)
            assert (np.abs(shares - share) <= reach).all()
        assert not sets["seen"] & sets["unseen"]
    assert kinds_of(Mover(limbs, "none"))[0] == {(1.0,) * limbs}


def test_targets_are_uniform_on_the_circle_in_each_course():
    """Each p-value is below its bound once in 1e6 runs."""
    from scipy import stats

    world = Mover(course=2)
    states, *_ = lives(world, stands, 4, 3000)
    targets = np.asarray(states.target)
    angles = np.arctan2(targets[..., 1], targets[..., 0]) / (2 * np.pi) % 1
    np.testing.assert_array_equal(angles[:, 0], angles[:, 1])
    for t in (0, 2):
        assert stats.kstest(angles[:, t], "uniform").pvalue > 1e-6
    turn = (angles[:, 2] - angles[:, 0]) % 1
    assert stats.kstest(turn, "uniform").pvalue > 1e-6


@pytest.mark.parametrize("world", BODIES.values(), ids=BODIES)
def test_who_knows_the_gains_reaches_the_optimum(world):
    """Within 5 standard errors and 0.1% for the targets that stand for all."""
    steps = 3 * world.course + 2
    scores = returns(world, knows, steps)
    reach = 5 * error(scores) + 1e-3 * world.optimum(steps)
    assert abs(scores.mean() - world.optimum(steps)) < reach < 0.05 * scores.mean()


def test_without_a_price_for_drift_the_bounds_are_sums_of_cosines():
    """A push along each leg's side of the target earns ``2 / pi`` a leg."""
    world = Mover(limbs=5, damage="flipped", drift=0.0, course=4, damping=0.25)
    world = dataclasses.replace(world, felt=False)
    speeds = 1 - 0.75 ** np.array([1, 2, 3, 4, 1, 2, 3])
    sound = 2 / np.pi * speeds.sum()
    assert world.optimum(7) == pytest.approx(sound, rel=1e-3)
    assert world.memoryless(7) == pytest.approx(0, abs=1e-9)
    late = dataclasses.replace(world, strikes=4)
    assert late.optimum(7) == pytest.approx(sound, rel=1e-3)
    part = 2 / np.pi * speeds[:4].sum()
    assert late.memoryless(7) == pytest.approx(part, rel=1e-3)
    dead = dataclasses.replace(world, damage="dead")
    assert dead.optimum(7) == pytest.approx(0.8 * sound, rel=1e-3)
    assert dead.memoryless(7) == pytest.approx(0.8 * sound, rel=1e-3)
    for body, policy in ((late, along_each_leg), (dead, along_each_leg)):
        scores = returns(body, policy, 7, 20_000)
        assert abs(scores.mean() - body.memoryless(7)) < 5 * error(scores) + 2e-3


@pytest.mark.parametrize("bodies", ["seen", "unseen"])
def test_weaker_legs_change_what_is_earned_and_not_what_is_best(bodies):
    world = Mover(limbs=5, damage="weak", bodies=bodies, course=6)
    sound = Mover(limbs=5, damage="none", course=6)
    scale = {"seen": 0.8, "unseen": 0.6}[bodies]
    assert world.optimum(20) == pytest.approx(scale * sound.optimum(20), rel=1e-6)
    assert world.memoryless(20) == pytest.approx(world.optimum(20), rel=1e-6)
    scores = returns(world, thinks_it_sound, 20)
    assert abs(scores.mean() - world.optimum(20)) < 5 * error(scores) + 0.01


@pytest.mark.parametrize("limbs", [3, 4])
@pytest.mark.parametrize("bodies", ["seen", "unseen"])
def test_flips_leave_nothing_to_a_fixed_map(limbs, bodies):
    """Every leg is flipped in half the bodies, and drifting off costs."""
    world = Mover(limbs=limbs, bodies=bodies, course=10, felt=False)
    assert world.memoryless(30) == pytest.approx(0, abs=1e-9)
    assert (returns(world, stands, 30, 10) == 0).all()
    scores = returns(world, along_each_leg, 30)
    assert scores.mean() < -5 * error(scores)
    assert world.optimum(30) > 5


@pytest.mark.parametrize("world", [BODIES["dead"], BODIES["struck"]])
def test_the_best_fixed_map_is_the_best_of_a_search(world):
    """All pushes of a grid with 3 legs, for each of 40 targets; a finer one finds more.

    The grid misses the edges on which drift is nil, which costs up to 3%.
    """
    world = dataclasses.replace(world, limbs=3, drift=3.0, felt=False)
    steps, grid = 24, np.linspace(-1, 1, 65)
    pushes = np.stack(np.meshgrid(*[grid] * 3), axis=-1).reshape(-1, 3)
    speeds = 1 - 0.5 ** (np.arange(steps) % 8 + 1)
    struck = speeds[np.arange(steps) >= world.strikes].sum()
    cases = [(np.ones(3), speeds.sum() - struck)]
    cases += [(1 - np.eye(3)[leg], struck / 2) for leg in (0, 2)]
    forces = [((pushes * gains) @ legs(3) / 3, weight) for gains, weight in cases]
    best = []
    for angle in (np.arange(40) + 0.5) * np.pi / 40:
        target = np.array([np.cos(angle), np.sin(angle)])
        total = 0.0
        for force, weight in forces:
            across = np.abs(force @ [-target[1], target[0]])
            total = total + weight * (force @ target - 3 * across)
        best.append(total.max())
    found = np.mean(best)
    assert 0.97 * world.memoryless(steps) < found <= 1.002 * world.memoryless(steps)
    assert world.memoryless(steps) < 0.99 * world.optimum(steps)


def test_a_reflex_that_feels_its_velocity_may_exceed_the_fixed_maps():
    """So claims about memory are held against an evolved reflex."""
    world = Mover(limbs=4, course=20, drift=0.2)
    scores = returns(world, turns_back, 40)
    blind = dataclasses.replace(world, felt=False)
    assert scores.mean() - 5 * error(scores) > blind.memoryless(40)
    for damage, known in {"dead": 0, "flipped": 0, "weak": 1, "none": 1}.items():
        bound = dataclasses.replace(world, damage=damage).memoryless(40)
        assert (bound is not None) == known
    assert blind.spec.observation_size == 2
    _, sensed = blind.reset(KEY)
    np.testing.assert_array_equal(sensed.observation, world.reset(KEY)[0].target)


def test_a_life_can_be_differentiated_with_respect_to_a_push():
    """As finite differences say, in a body whose damage is known."""
    world = Mover(limbs=4, damage="none", course=30)
    state, _ = world.reset(KEY)

    def earned(push):
        def step(state, key):
            state, sensed = world.step(state, push, key)
            return state, sensed.reward

        return jax.lax.scan(step, state, jax.random.split(KEY, 12))[1].sum()

    push = jnp.array([0.3, -0.2, 0.5, 0.1])
    slope = jax.jit(jax.grad(earned))(push)
    shifts = 1e-2 * jnp.eye(4)
    rises = jax.vmap(lambda shift: earned(push + shift) - earned(push - shift))(shifts)
    np.testing.assert_allclose(slope, rises / 2e-2, rtol=1e-2, atol=1e-2)


def test_rewards_of_two_pushes_worked_out_by_hand():
    world = Mover(limbs=4, damage="none", damping=1.0, drift=1.0)
    state, _ = world.reset(KEY)
    state = state._replace(target=jnp.array([1.0, 0.0]))
    _, sensed = world.step(state, jnp.array([1.0, 0.0, -1.0, 0.0]), KEY)
    assert float(sensed.reward) == pytest.approx(0.5)
    _, sensed = world.step(state, jnp.array([-1.0, 1.0, 1.0, -1.0]), KEY)
    assert float(sensed.reward) == pytest.approx(-1.0)
    low, high = world.reward_range
    assert (low, high) == pytest.approx((-(2**0.5), 1))


def test_what_makes_no_sense_is_refused():
    Mover(course=25, strikes=50).check(51)
    with pytest.raises(ValueError, match="strikes = 30: must be a multiple"):
        Mover(course=25, strikes=30)
    with pytest.raises(ValueError, match="bodies = unseen: a body without damage"):
        Mover(damage="none", bodies="unseen")
    with pytest.raises(ValueError, match="course = 25: a life of 24 steps"):
        Mover(course=25).check(24)
    with pytest.raises(ValueError, match="strikes = 50: a life of 50 steps"):
        Mover(course=25, strikes=50).check(50)
