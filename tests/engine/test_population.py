"""A generation's numbers depend on the run alone: not on ranks, order or stops."""

import dataclasses
import functools
import math
import types
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from evolife.agents.gru import Gru
from evolife.agents.reflex import Reflex
from evolife.base import Agent, Continuous, Environment, Spec, TimeStep
from evolife.engine import evaluator, lifetime
from evolife.engine.evaluation import Evaluation, Gathered
from evolife.engine.evaluator import Evaluator
from evolife.engine.grid import Grid, lives_block
from evolife.engine.work import Interrupted, Partial, Task
from evolife.keys import Pool, life_key, pool_key
from evolife.perturbations import materialise
from evolife.ranks.mpi import Serial, share_of
from evolife.selection.shaping.raw import Raw
from evolife.strategies._search_gradient import MeanProposal
from evolife.strategies.low_rank import LowRank
from tests.thread_ranks import in_threads

POOL = pool_key(9, Pool.EVOLVE)


@dataclasses.dataclass(frozen=True)
class Walk(Environment):
    """Pays for following a drawn target; ``luck`` pays it without any action."""

    luck: bool = False
    poison: float = 0.0
    senses = acts = objective = generalises = ""

    @property
    def spec(self) -> Spec:
        return Spec(2, Continuous(1))

    @property
    def reward_range(self) -> tuple[float, float]:
        return -9.0, 9.0

    def reset(self, key: Any) -> Any:
        target = jax.random.normal(key)
        return target, self._sense(target, key, jnp.float32(0))

    def step(self, state: Any, action: Any, key: Any) -> Any:
        earned = jnp.float32(0) if self.luck else -((action[0] - state) ** 2)
        reward = earned + jax.random.normal(key)
        # Poisoned lives are those with a large target.
        reward = jnp.where(self.poison * state > 1, jnp.inf, reward)
        return state, self._sense(state, key, reward)

    def _sense(self, state: Any, key: Any, reward: Any) -> TimeStep:
        seen = jnp.stack([state, jax.random.normal(key)])
        return TimeStep(seen, reward, jnp.zeros((), bool))

    def statistics(self, state: Any) -> dict[str, Any]:
        return {"target": state}


class StopAfter(Serial):
    """A rank that is asked to stop once it has begun so many calls."""

    def __init__(self, calls: int):
        super().__init__()
        self.calls = calls

    def stop_requested(self) -> bool:
        self.calls -= 1
        return self.calls < 0


def make(world: Environment, steps: int = 24, **settings: Any) -> Evaluator:
    """Where only luck pays, a simpler agent will do: it compiles faster."""
    agent = mind(world)
    template = jax.eval_shape(agent.init_genome, POOL)
    strategy = LowRank(14, template, Raw(), sigma=0.3)
    return Evaluator(agent, world, strategy.member, steps, 8, **settings)


def mind(world: Any) -> Agent:
    return Reflex(world.spec, (2,)) if world.luck else Gru(world.spec, 4)


@functools.cache
def _proposal(world: Any) -> MeanProposal:
    genome = jax.jit(mind(world).init_genome)(POOL)
    return MeanProposal(genome, POOL, jnp.float32(0.3))


def task(generation: int = 3, world: Any = Walk()) -> Task:
    return Task(_proposal(world), POOL, np.int32(generation))


GRID = Grid(tuple(range(14)), range(6), 4, 2)
"""Four units across, the last with two padded lanes, by three down."""


@pytest.fixture(scope="module")
def walkers() -> Evaluator:
    return make(Walk())


@pytest.fixture(scope="module")
def whole(walkers):
    return walkers.live(GRID, task(), Serial())


@pytest.fixture
def short_calls(monkeypatch):
    """A unit of 4 x 2 lives of 24 steps takes four calls of two bins."""
    monkeypatch.setattr(evaluator, "_CALL_LIMIT", 48)


def assert_same_lives(one: Any, other: Any) -> None:
    for name in ("scores", "early", "late"):
        a, b = getattr(one.gathered, name), getattr(other.gathered, name)
        np.testing.assert_array_equal(a, b, strict=True)


def assert_same_outcomes(ones: Any, others: Any) -> None:
    for a, b in zip(*map(jax.tree.leaves, (ones, others)), strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


GRIDS = [
    GRID,
    Grid((0,), range(1), 1, 1),
    Grid(tuple(range(5)), range(3, 10), 8, 3),
    Grid(tuple(range(9)), range(2, 6), 3, 4),
    Grid(tuple(range(8)), range(1), 8, 1),
    Grid((7, 3, 11, 0, 2), range(5), 2, 2),
]


@pytest.mark.parametrize("grid", GRIDS)
def test_units_cover_every_life_of_every_member_in_its_place(grid):
    lanes = [grid.lanes(unit) for unit in range(grid.units)]
    rows = np.stack([np.stack(np.meshgrid(m, n, indexing="ij"), -1) for m, n in lanes])
    assert rows.shape == (grid.units, grid.tile, grid.block, 2)
    assembled = grid.assemble(rows)
    wanted = np.meshgrid(grid.members, list(grid.lives), indexing="ij")
    np.testing.assert_array_equal(assembled, np.stack(wanted, -1))
    for row, life in np.ndindex(len(grid.members), len(grid.lives)):
        assert (rows[grid.places(row, life)] == assembled[row, life]).all()
    across, down = -(-len(grid.members) // grid.tile), -(-len(grid.lives) // grid.block)
    assert grid.units == across * down


def test_short_lives_share_a_unit_and_long_ones_do_not():
    assert lives_block(16, 64, 10) == 16
    assert lives_block(16, 64, 10**6) == 1
    for lives, tile, steps in ((6, 8, 10_000), (7, 64, 1000), (16, 64, 600)):
        block = lives_block(lives, tile, steps)
        assert lives % block == 0
        assert block == 1 or block * tile * steps <= 2**18
        larger = [n for n in range(block + 1, lives + 1) if lives % n == 0]
        assert all(n * tile * steps > 2**18 for n in larger)


@pytest.mark.parametrize("size", [2, 3, 5, 13])
def test_any_number_of_ranks_gives_the_same_bits(walkers, whole, size):
    """Thirteen ranks are one more than there are units."""

    def work(rank):
        lived = walkers.live(GRID, task(), rank, note=b"rank %d" % rank.rank)
        return lived, lived.details([2, 13])

    expected = whole.details([2, 13])
    for result in in_threads(size, work):
        assert not isinstance(result, BaseException), result
        lived, details = result
        assert_same_lives(lived, whole)
        assert_same_outcomes(details, expected)
        assert lived.gathered.notes == [b"rank %d" % r for r in range(size)]
        np.testing.assert_array_equal(lived.fitness, whole.fitness)
    shares = [len(share_of(GRID.units, r, size)) for r in range(size)]
    assert sum(shares) == GRID.units


def test_the_order_of_members_and_the_padding_change_no_bit(walkers, whole):
    order = np.random.default_rng(0).permutation(14)
    shuffled = dataclasses.replace(GRID, members=tuple(order.tolist()))
    lived = walkers.live(shuffled, task(), Serial())
    np.testing.assert_array_equal(lived.scores, whole.scores[order])
    fewer = Grid((5, 6, 7), range(2, 5), 4, 2)
    part = walkers.live(fewer, task(), Serial())
    np.testing.assert_array_equal(part.scores, whole.scores[5:8, 2:5])


@pytest.mark.parametrize("size", [1, 3])
def test_outcomes_that_were_not_kept_are_lived_again(walkers, whole, size, monkeypatch):
    """Memory does not grow with the population; the details are the same."""
    monkeypatch.setattr(evaluator, "_KEPT", 1)

    def work(rank):
        lived = walkers.live(GRID, task(), rank)
        kept = len(lived._outcomes)
        return kept, lived.details([0, 7, 13])

    for kept, details in in_threads(size, work):
        assert kept == 1
        assert_same_outcomes(details, whole.details([0, 7, 13]))


def test_units_are_compiled_once_for_all_generations(short_calls):
    people = make(Walk(), 12)
    grid = Grid(tuple(range(6)), range(2), 4, 2)
    scores = [people.live(grid, task(g), Serial()).scores for g in range(4)]
    people.live(grid, task(5), Serial()).details([1])
    assert people.traces == 2, "one program begins units and one resumes them"
    assert len({array.tobytes() for array in scores}) == 4


def test_lives_in_a_block_equal_lives_alone(walkers, whole):
    alone = walkers.live(dataclasses.replace(GRID, block=1), task(), Serial())
    np.testing.assert_allclose(alone.scores, whole.scores, rtol=1e-4, atol=1e-3)
    late = alone.gathered.late, whole.gathered.late
    np.testing.assert_allclose(*late, rtol=1e-4, atol=1e-4)


def test_each_life_is_the_life_of_its_key(walkers, whole):
    """Genome, key, statistics and mean of a member, against one life at a time."""
    rows = [0, 9, 13]
    build = jax.jit(lambda i: materialise(walkers.member(task().proposal, i)))

    @jax.jit
    def live(genome, key):
        return lifetime.live(walkers.agent, walkers.environment, genome, key, 24, 8)

    for row, found in zip(rows, whole.details(rows), strict=True):
        outcomes = [live(build(row), life_key(POOL, 3, row, n)) for n in range(6)]
        for wanted, value in zip(
            jax.tree.leaves(jax.tree.map(lambda *x: np.mean(x, axis=0), *outcomes)),
            jax.tree.leaves(found),
            strict=True,
        ):
            np.testing.assert_allclose(value, wanted, rtol=1e-3, atol=1e-3)
        scores = [float(outcome.score) for outcome in outcomes]
        np.testing.assert_allclose(whole.scores[row], scores, rtol=1e-3, atol=1e-3)
        assert float(found.score) == pytest.approx(float(whole.fitness[row]), rel=1e-5)


def test_fitness_and_statistics_are_those_of_the_scores(whole):
    scores = whole.scores.astype(np.float64)
    assert scores.shape == (14, 6) and np.unique(scores).size == 14 * 6
    np.testing.assert_allclose(whole.fitness, scores.mean(1), rtol=1e-6)
    statistics = whole.statistics
    error = scores.std(1, ddof=1) / np.sqrt(6)
    np.testing.assert_allclose(statistics.standard_error, error, rtol=1e-5)
    early = whole.gathered.early.mean(1)
    np.testing.assert_allclose(statistics.early, early, rtol=1e-5)
    late = whole.gathered.late.mean(1)
    np.testing.assert_allclose(statistics.late, late, rtol=1e-5)
    assert whole.nonfinite == 0


@pytest.mark.parametrize("calls", [0, 1, 5, 11])
def test_a_generation_stopped_between_units_resumes_to_the_same_bits(
    walkers, whole, calls
):
    with pytest.raises(Interrupted) as stop:
        walkers.live(GRID, task(), StopAfter(calls))
    partial = stop.value.partial
    assert partial.done.sum() == calls < GRID.units
    resumed = walkers.live(GRID, task(), Serial(), partial)
    assert_same_lives(resumed, whole)
    assert_same_outcomes(resumed.details([0, 7]), whole.details([0, 7]))
    assert partial.done.sum() == calls, "the partial handed in was changed"


def test_a_stop_within_a_unit_discards_only_that_unit(whole, short_calls):
    people = make(Walk())
    with pytest.raises(Interrupted) as stop:
        people.live(GRID, task(), StopAfter(10))
    assert stop.value.partial.done.tolist() == [True] * 2 + [False] * 10
    resumed = people.live(GRID, task(), Serial(), stop.value.partial)
    assert_same_lives(resumed, people.live(GRID, task(), Serial()))
    np.testing.assert_allclose(resumed.scores, whole.scores, rtol=1e-4, atol=1e-3)


def test_one_stopping_rank_interrupts_all_with_what_all_had_done(walkers, whole):
    def work(rank):
        if rank.rank == 1:
            rank.stop_requested = StopAfter(2).stop_requested
        return walkers.live(GRID, task(), rank)

    stops = in_threads(3, work)
    assert all(isinstance(stop, Interrupted) for stop in stops)
    partials = [stop.partial for stop in stops]
    done = [True] * 4 + [True] * 2 + [False] * 2 + [True] * 4
    for partial in partials:
        assert partial.done.tolist() == done
        np.testing.assert_array_equal(partial.rows, partials[0].rows)
    for size in (1, 2):
        for resumed in in_threads(
            size, lambda rank: walkers.live(GRID, task(), rank, partials[0])
        ):
            assert_same_lives(resumed, whole)
    none = Partial.none(GRID)
    assert not none.done.any() and none.rows.shape == (12, 4, 2, 3)


def test_generations_and_pools_live_other_lives(walkers, whole):
    later = walkers.live(GRID, task(4), Serial()).scores
    other = task()._replace(pool=pool_key(9, Pool.VALIDATE))
    elsewhere = walkers.live(GRID, other, Serial()).scores
    everything = np.concatenate([whole.scores, later, elsewhere])
    assert np.unique(everything).size == everything.size


@pytest.mark.parametrize("same", [False, True])
def test_same_lives_gives_every_member_the_same_world(same):
    world = Walk(luck=True)
    people = make(world, 8, same_lives=same)
    lived = people.live(GRID, task(world=world), Serial())
    scores, targets = (
        lived.scores,
        [float(o.statistics["target"]) for o in lived.details(list(range(14)))],
    )
    assert np.unique(scores[0]).size == 6, "the lives of a member differ"
    assert np.unique(scores).size == (6 if same else 14 * 6)
    assert len(set(targets)) == (1 if same else 14)


def test_fitness_that_is_not_finite_becomes_the_worst_and_is_counted():
    grid = Grid(tuple(range(14)), range(2), 4, 2)
    clean, lived = (
        make(world, 8).live(grid, task(world=world), Serial())
        for world in (Walk(luck=True), Walk(luck=True, poison=3.0))
    )
    sick = ~np.isfinite(lived.scores).all(axis=1)
    assert 2 < lived.nonfinite == sick.sum() < 12
    np.testing.assert_array_equal(lived.fitness[~sick], clean.fitness[~sick])
    assert (lived.fitness[sick] == clean.fitness[~sick].min()).all()
    assert all(np.isfinite(part).all() for part in lived.statistics[:4])
    assert lived.fitness.dtype == np.float32


def measured(scores: Any, same_lives: bool) -> Evaluation:
    """A generation of these ``(members, lives)`` scores, with no life behind them."""
    scores = np.asarray(scores, np.float32)
    people: Any = types.SimpleNamespace(same_lives=same_lives)
    lived = Gathered(scores, scores / 8, scores / 4, [], {}, [])
    return Evaluation(people, None, None, lived, {}, Serial())  # type: ignore[arg-type]


@pytest.mark.parametrize("same", [False, True])
def test_a_generation_without_any_finite_fitness_has_none(same):
    lived = measured(np.full((14, 6), np.nan), same)
    assert lived.nonfinite == 14 and not lived.teaches
    assert np.isnan(lived.fitness).all()
    assert all(np.isfinite(part).all() for part in lived.statistics[:4])


def test_a_shared_life_that_is_finite_for_nobody_is_left_out_for_all():
    scores = np.random.default_rng(0).normal(size=(14, 12)).astype(np.float32)
    spoilt = np.arange(12) % 5 == 0
    rest, scores[:, spoilt] = scores[:, ~spoilt], [np.nan, -np.inf, np.inf]
    lived = measured(scores, same_lives=True)
    np.testing.assert_array_equal(lived.counted, ~spoilt)
    assert lived.nonfinite == 0 and lived.teaches
    np.testing.assert_allclose(lived.fitness, rest.mean(axis=1), rtol=1e-5)
    error = rest.std(axis=1, ddof=1) / math.sqrt(9)
    np.testing.assert_allclose(lived.statistics.standard_error, error, rtol=1e-5)
    assert (lived.statistics.lives == 9).all()
    early = rest.mean(axis=1) / 8
    np.testing.assert_allclose(lived.statistics.early, early, rtol=1e-5)
    scores[3, 1] = np.nan
    lived = measured(scores, same_lives=True)
    assert lived.nonfinite == 1 and lived.fitness[3] == lived.fitness.min()
    assert measured(scores, same_lives=False).nonfinite == 14


@given(
    hnp.arrays(
        np.float32, (5, 4), elements=st.sampled_from([-1.0, 0.0, 2.0, np.nan, np.inf])
    ),
    st.booleans(),
)
def test_who_is_best_is_finite_and_who_is_not_comes_last(scores, same):
    lived = measured(scores, same)
    finite = np.isfinite(lived.measured)
    ordered = lived.order
    assert sorted(ordered) == list(range(5))
    assert finite[ordered].tolist() == sorted(finite, reverse=True)
    best = lived.measured[ordered][: finite.sum()]
    assert (np.diff(best) <= 0).all()
    assert lived.teaches == finite.any()
    if finite.any():
        assert lived.best == ordered[0]
        assert np.isfinite(lived.fitness).all()
        assert (lived.fitness[~finite] == best[-1]).all()
    # Members are told apart by the lives that tell them apart.
    told = np.isfinite(scores).any(axis=0) if same else np.ones(4, bool)
    wanted = np.isfinite(scores[:, told]).all(axis=1) & told.any()
    np.testing.assert_array_equal(finite, wanted)
