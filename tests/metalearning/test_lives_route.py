"""Operators trained by evolutions of real agents: three nested loops in one program."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evolife.engine.work import Task
from evolife.errors import InvalidInput
from evolife.keys import root_key
from evolife.metalearning.benchmark.partial_lives import compare_partial
from evolife.metalearning.estimators.lives import Lives, measure
from evolife.metalearning.estimators.regret import weights_seen
from evolife.ranks.mpi import Serial
from evolife.selection import operator as operators
from evolife.selection.operator import Architecture
from evolife.selection.shaping.learned import Learned

pytestmark = pytest.mark.slow

KEY = root_key(7)
TINY = (
    "env={arms: 2, pulls: 6}",
    "agent={name: reflex, hidden: [2], sample: true}",
    "lifetime={steps: 6, lives: 1, same_lives: false}",
    "population={size: 8, tile: 4}",
    "control=null",
)
CLONES = (*TINY, "strategy={name: low_rank, sigma: 1e-7}")
FRESH = jax.jit(operators.init, static_argnums=1)(KEY, Architecture())


def route(overrides=TINY, **settings) -> Lives:
    sizes = {"lives": 3, "judging_lives": 2, "generations": 3, "evolutions": 2}
    return Lives(
        **{
            "config": "bandit",
            "overrides": overrides,
            "shorter": 2,
            **sizes,
            **settings,
        }
    )


@functools.cache
def compiled(lives: Lives):
    return jax.jit(functools.partial(lives.gradient, 0))


@functools.cache
def begun(lives: Lives, shard: int = 0, seed: int = 7):
    return jax.jit(functools.partial(lives.begin, shard))(root_key(seed))


def leaves(tree) -> list[np.ndarray]:
    plain = jax.tree.map(
        lambda x: (
            jax.random.key_data(x)
            if jnp.issubdtype(x.dtype, jax.dtypes.prng_key)
            else x
        ),
        tree,
    )
    return [np.asarray(leaf) for leaf in jax.tree.leaves(plain)]


def same(a, b) -> bool:
    return all((x == y).all() for x, y in zip(leaves(a), leaves(b), strict=True))


def test_the_same_key_gives_the_same_bits_and_another_gives_others():
    lives = route()
    carry = begun(lives)
    results = [compiled(lives)(FRESH, carry, root_key(k)) for k in (1, 1, 2)]
    assert same(results[0], results[1])
    assert not same(results[0][0], results[2][0])
    assert not same(begun(lives, 0, 8).state, carry.state)
    assert set(results[0][2]) == {"loss", "chosen", "fittest", "score"}


def test_evolutions_begin_anew_when_their_generations_are_over():
    lives = route()
    for shard, expected in ((0, [1, 2, 0, 1, 2, 0]), (1, [1, 0, 1, 2, 0, 1])):
        carry, seen = begun(lives, shard), []
        before = carry.state
        for number in range(6):
            key = jax.random.fold_in(KEY, number)
            _, carry, _ = compiled(lives)(FRESH, carry, key)
            seen.append(int(carry.generation))
            assert float(carry.state.selection.trail.generation) == seen[-1]
            if not seen[-1]:
                assert not same(carry.state.mean, before.mean), "of another newborn"
                assert (leaves(carry.state.optimizer)[0] == 0).all()
        assert seen == expected


def test_evolution_goes_on_under_the_operator_that_is_trained():
    lives = route()
    carry = begun(lives)
    other = FRESH._replace(anchor=-FRESH.anchor)
    _, first, _ = compiled(lives)(FRESH, carry, KEY)
    _, second, _ = compiled(lives)(other, carry, KEY)
    assert same(first.state.selection.operator, FRESH)
    assert same(second.state.selection.operator, other)
    assert same(first.state.selection.seen, second.state.selection.seen)
    assert not same(first.state.mean, second.state.mean)


def test_the_gradient_is_that_of_the_loss_in_any_direction():
    lives = route()
    carry = begun(lives)
    slope, _, _ = compiled(lives)(FRESH, carry, KEY)
    rng = np.random.default_rng(3)
    way = [rng.normal(size=leaf.shape) for leaf in FRESH]

    def at(step: float) -> float:
        moved = (jnp.float32(x + step * d) for x, d in zip(FRESH, way, strict=True))
        told = compiled(lives)(operators.Operator(*moved), carry, KEY)[2]
        return float(told["loss"])

    expected = sum(float((s * d).sum()) for s, d in zip(slope, way, strict=True))
    assert abs(expected) > 1e-3
    assert (at(2e-3) - at(-2e-3)) / 4e-3 == pytest.approx(expected, rel=0.02)


def fittest(lives: Lives, generations: int = 300) -> np.ndarray:
    """Standardised worth of the fittest, generation by generation."""

    def step(carry, number):
        key = jax.random.fold_in(KEY, number)
        slope, carry, told = lives.gradient(0, FRESH, carry, key)
        return carry, (told["fittest"], jnp.max(jnp.abs(slope.judged)))

    run = jax.jit(lambda carry: jax.lax.scan(step, carry, jnp.arange(generations)))
    return np.asarray(run(begun(lives))[1])


def test_worth_is_measured_in_lives_that_nobody_was_weighed_by():
    """Clones differ by luck alone: with 4 sigma, a right program fails 1 in 15000."""
    worth, slopes = fittest(route(CLONES, shorter=1))
    error = worth.std(ddof=1) / np.sqrt(len(worth))
    assert abs(worth.mean()) < 4 * error
    # If luck were shared, the fittest of 8 would be worth more than 1.
    assert error < 0.1 and (slopes > 0).mean() > 0.9


def test_an_operator_learns_nothing_where_all_are_worth_the_same():
    alike = (*CLONES, "lifetime.same_lives=true", "agent.sample=false")
    worth, slopes = fittest(route(alike), 20)
    assert (worth == 0).all() and (slopes == 0).all()


def test_lives_within_a_program_are_those_of_the_engine():
    experiment = route((*TINY, "lifetime.lives=3")).experiment
    proposal = experiment.strategy.ask(experiment.newborn(), jnp.int32(0))
    program = jax.jit(lambda pool: measure(experiment, proposal, pool, 6, 3))
    fitness, told = program(KEY)
    task = Task(proposal, KEY, np.int32(0))
    engine = experiment.evaluator.live(experiment.grid, task, Serial())
    np.testing.assert_allclose(fitness, engine.fitness, rtol=1e-6)
    for name in ("early", "late", "standard_error", "lives"):
        wanted = getattr(engine.statistics, name)
        np.testing.assert_allclose(getattr(told, name), wanted, rtol=1e-5, err_msg=name)


def test_several_distributions_weigh_their_own_members():
    lives = route((*TINY, "strategy={name: SV_Open_ES}"), evolutions=1)
    carry = jax.eval_shape(functools.partial(lives.begin, 0), KEY)
    _, after, _ = jax.eval_shape(compiled(lives), FRESH, carry, KEY)
    assert after.state.selection.seen.shape == (2, 4, 13)
    assert jax.tree.leaves(after) == jax.tree.leaves(carry)
    seen = jax.random.normal(KEY, (2, 4, 13))
    together = weights_seen(FRESH, seen, False)
    np.testing.assert_allclose(together.sum(axis=1), 1, rtol=1e-5)
    for one, row in zip(seen, together, strict=True):
        np.testing.assert_allclose(weights_seen(FRESH, one, False)[0], row, rtol=1e-5)


def test_what_does_not_fit_is_refused():
    with pytest.raises(InvalidInput, match=r"shorter = 7.*steps = 6.*1 to 6"):
        route(shorter=7).begin(0, KEY)
    with pytest.raises(InvalidInput, match="bandti"):
        route(config="bandti").begin(0, KEY)
    with pytest.raises(InvalidInput, match="hiden"):
        route((*TINY, "agent.hiden=3")).begin(0, KEY)


def test_an_operator_that_reads_ranks_alone_chooses_as_fitness_does():
    plain = FRESH._replace(judged=jnp.zeros_like(FRESH.judged))
    told = compare_partial(
        *(Learned("", Architecture(), plain), "bandit", TINY, 2, 3, KEY),
        generations=4, lives=4, judging_lives=2,
    )  # fmt: skip
    assert told["steps"] == 3
    for part in ("best", "tenth"):
        assert told["gains"][f"{part} over fitness"]["interval"] == [0, 0]
        assert told["scores"][f"operator {part}"] == told["scores"][f"fitness {part}"]
    others = ("best over late", "best over whole", "tenth over late")
    assert all(told["gains"][name]["interval"][1] != 0 for name in others)
    assert 0 < told["scores"]["anyone"] < 6
