"""The best of K is found within its budget and reported without winner's curse."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from evolife import keys
from evolife.config.layers import Layer
from evolife.config.model import RunConfig
from evolife.engine import tournament
from evolife.engine.archive import CENTRE, Archive, worth_of_best
from evolife.engine.evaluator import Evaluator
from evolife.engine.grid import Grid
from evolife.engine.tournament import interval_of_mean
from evolife.engine.work import Task
from evolife.plugins.build import build_run
from evolife.ranks.mpi import Serial
from evolife.selection.halving import sequential_halving

SEED = 4
MEMBERS, GENERATIONS, HELD_OUT = 64, 64, 512


class Field:
    """Candidates with known worth, measured with Gaussian noise; counts lives."""

    def __init__(self, worth: np.ndarray, noise: float, seed: int = 0) -> None:
        self.worth, self.noise = np.asarray(worth, float), noise
        self.rng, self.lived = np.random.default_rng(seed), 0
        self.seen: dict[int, list[int]] = {i: [] for i in range(len(self.worth))}

    def __call__(self, members: Any, lives: range) -> np.ndarray:
        for member in members:
            self.seen[member] += lives
        self.lived += len(members) * len(lives)
        noise = self.rng.normal(size=(len(members), len(lives)))
        scores = self.worth[list(members), None] + self.noise * noise
        return scores.astype(np.float32)


def test_without_noise_the_best_are_kept_in_order():
    worth = np.random.default_rng(0).permutation(37)
    field = Field(worth, 0.0)
    kept = sequential_halving(field, range(37), 5, 37 * 16)
    assert [worth[c] for c, _ in kept] == [36, 35, 34, 33, 32]
    assert [score for _, score in kept] == [36.0, 35.0, 34.0, 33.0, 32.0]


def test_under_noise_the_best_is_found_more_often_than_by_equal_shares():
    """32 candidates 0.5 sd apart, 512 lives. The bounds on the counts of successes in
    400 fields are exceeded with chance 1e-6 where the rates are 0.97 and 0.90."""
    fields, halved, equal = 400, 0, 0
    for seed in range(fields):
        worth = -0.5 * np.random.default_rng(seed).permutation(32)
        kept = sequential_halving(Field(worth, 1.0, seed), range(32), 1, 32 * 16)
        halved += kept[0][0] == np.argmax(worth)
        scores = Field(worth, 1.0, seed + 10**6)(range(32), range(16)).mean(1)
        equal += np.argmax(scores) == np.argmax(worth)
    assert halved >= stats.binom.ppf(1e-6, fields, 0.97)
    assert halved > equal


@pytest.mark.parametrize("count", [1, 2, 3, 8, 9, 33])
@pytest.mark.parametrize("keep", [1, 2, 8])
@pytest.mark.parametrize("lives", [2, 16, 61])
def test_the_budget_is_kept_and_no_life_is_used_twice(count, keep, lives):
    field = Field(np.arange(count), 1.0)
    kept = sequential_halving(field, range(count), keep, count * lives)
    assert len(kept) == min(keep, count) == len(set(kept))
    rounds = max(1, int(np.ceil(np.log2(max(count / keep, 1)))))
    survivors, most = count, 0
    for _ in range(rounds):
        # Two lives a candidate are a round's least, whatever the budget is.
        most += max(2 * survivors, count * lives // rounds)
        survivors = max(keep, -(-survivors // 2))
    assert field.lived <= most
    assert lives == 2 or field.lived <= count * lives
    assert field.lived > 0.5 * count * lives
    for seen in field.seen.values():
        assert len(set(seen)) == len(seen) and seen == list(range(len(seen)))
    scores = [score for _, score in kept]
    assert scores == sorted(scores, reverse=True)


def test_the_score_is_the_mean_of_all_lives_of_all_rounds():
    calls = []

    def measure(members, lives):
        table = np.array([[10 * m + n for n in lives] for m in members], np.float32)
        calls.append((list(members), lives))
        return table

    kept = sequential_halving(measure, [0, 1, 2, 3], 1, 32)
    assert [len(members) for members, _ in calls] == [4, 2]
    assert [lives for _, lives in calls] == [range(4), range(4, 12)]
    assert kept == [(3, 30 + np.mean(range(12)))]


def test_ties_go_to_the_earlier_candidate_and_broken_ones_last():
    scores = {4: 1.0, 7: 2.0, 2: 2.0, 9: np.nan, 1: np.inf, 8: 2.0}

    def measure(members, lives):
        return np.array([[scores[m]] * len(lives) for m in members], np.float32)

    kept = sequential_halving(measure, list(scores), 3, 600)
    assert kept == [(7, 2.0), (2, 2.0), (8, 2.0)]


@pytest.mark.parametrize(("size", "level"), [(5, 0.95), (64, 0.95), (20, 0.8)])
def test_intervals_cover_the_truth_as_often_as_they_say(size, level):
    """The bounds on the count are exceeded with chance 1e-6."""
    rng, trials = np.random.default_rng(size), 4000
    covered = 0
    for _ in range(trials):
        low, high = interval_of_mean(rng.normal(3.0, 2.0, size), level)
        covered += low <= 3.0 <= high
    least, most = stats.binom.ppf([1e-6, 1 - 1e-6], trials, level)
    assert least <= covered <= most


def test_an_interval_is_student_s_t():
    scores = np.array([1.0, 2.0, 4.0, 9.0], np.float32)
    expected = stats.t.interval(0.95, 3, scores.mean(), stats.sem(scores))
    assert interval_of_mean(scores) == pytest.approx(expected)


def test_an_archive_keeps_the_highest_the_newest_and_a_place_for_the_centre():
    archive = Archive.empty({"w": jax.ShapeDtypeStruct((2,), jnp.float32)}, 5)
    assert archive.candidates == []
    scores = np.random.default_rng(0).permutation(20).astype(float)
    for number, score in enumerate(scores, start=1):
        archive.offer({"w": np.full(2, score)}, score, number, 100 + number)
    assert sorted(archive.selected[:3].tolist()) == [17.0, 18.0, 19.0]
    assert sorted(archive.generation[3:5].tolist()) == [19, 20]
    for place in archive.candidates:
        score = archive.selected[place]
        assert (archive.genomes["w"][place] == score).all()
        assert scores[archive.generation[place] - 1] == score
        assert archive.member[place] == 100 + archive.generation[place]
    archive.offer_centre({"w": np.zeros(2)}, 20)
    held = {(g, m) for g, m in zip(archive.generation, archive.member, strict=True)}
    assert len(archive.candidates) == len(held)
    assert archive.member[5] == CENTRE and archive.selected[5] == -np.inf


def test_an_archive_of_one_holds_the_highest_score():
    archive = Archive.empty({"w": jax.ShapeDtypeStruct((), jnp.float32)}, 1)
    for number, score in enumerate([1.0, 3.0, 2.0], start=1):
        archive.offer({"w": np.float32(score)}, score, number, number)
    assert archive.candidates == [0] and archive.selected[0] == 3.0


@pytest.fixture(scope="module")
def luck():
    """A world in which only luck decides, and an archive of each generation's best.

    A memoryless agent always pulls the same arm of a bandit: its trials of ten pulls
    pay 0 to 10 with equal chance (a Beta-binomial), so the mean of 16 has variance
    10 / 16 and all members are equals.
    """
    data: dict[str, Any] = {
        "name": "luck",
        "seed": SEED,
        "env": {"name": "bandit", "arms": 2, "pulls": 10},
        "agent": {"name": "reflex", "hidden": [2]},
        "lifetime": {"steps": 10, "lives": 16, "bins": 4},
        "population": {"size": MEMBERS, "tile": 64},
        "generations": GENERATIONS,
        "best_of_k": {
            "keep": GENERATIONS, "lives": HELD_OUT, "archive": 2 * GENERATIONS
        },
    }  # fmt: skip
    experiment = build_run(RunConfig.parsed(Layer(data))).experiment
    archive = experiment.empty_archive()
    strategy = experiment.newborn()
    ask = jax.jit(experiment.strategy.ask)
    pool = keys.pool_key(SEED, keys.Pool.EVOLVE)
    centre = jax.device_get(experiment.strategy.centre(strategy))
    fitness = []
    for generation in range(GENERATIONS):
        proposal = ask(strategy, np.int32(generation))
        task = Task(proposal, pool, np.int32(generation))
        lived = experiment.evaluator.live(experiment.grid, task, Serial())
        best = int(np.argmax(lived.fitness))
        archive.offer(centre, float(lived.fitness[best]), generation + 1, best)
        fitness.append(lived.fitness)
    return experiment, archive, np.stack(fitness)


@pytest.fixture(scope="module")
def held(luck):
    """The champions of pure luck, and which lives of which pool they had."""
    experiment, archive, _ = luck
    tasks: list[tuple[Task, Grid]] = []
    live = Evaluator.live

    def spy(self, grid, task, *rest):
        tasks.append((task, grid))
        return live(self, grid, task, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Evaluator, "live", spy)
        champions = tournament.hold(experiment, archive, Serial())
    return champions, tasks


def test_the_score_that_selects_by_luck_is_too_high_by_the_winners_curse(luck, held):
    _, archive, fitness = luck
    champions, _ = held
    deviation = np.sqrt(10 / 16)
    assert fitness.std() == pytest.approx(deviation, rel=0.05)
    grid = np.linspace(-8, 8, 20_001)
    tops = MEMBERS * stats.norm.cdf(grid) ** (MEMBERS - 1) * stats.norm.pdf(grid)
    curse = np.trapezoid(grid * tops, grid) * deviation
    gaps = np.array([champion.selected - champion.held_out for champion in champions])
    assert len(gaps) == GENERATIONS
    # The bounds: 5 standard errors and 5% for the mean of 16 not being quite normal.
    reach = 5 * gaps.std() / np.sqrt(GENERATIONS) + 0.05 * curse
    assert abs(gaps.mean() - curse) < reach < 0.4 * curse
    held_out = np.array([champion.held_out for champion in champions])
    assert np.abs(held_out - 5).max() < 6 * np.sqrt(10 / HELD_OUT)
    assert archive.selected[:-1].min() > 5.5


def test_the_gap_is_between_two_measurements_that_all_champions_share(held):
    """Equals choose nothing: whichever generation's luck they had, the gap is that of
    512 lives against 512 others."""
    for champion in held[0]:
        assert champion.gap == champion.validated - champion.held_out
        assert abs(champion.gap) < 5 * np.sqrt(2 * 10 / HELD_OUT)


@given(
    hnp.arrays(np.float32, (6, 9), elements=st.integers(-50, 50), unique=True),
    hnp.arrays(np.float32, 6, elements=st.integers(-1000, 1000)),
)
def test_luck_that_a_generation_shares_chooses_no_candidate(fitness, luck):
    """Six generations of nine members; what is added to all of one changes nothing."""

    def kept(tables, same_lives):
        archive = Archive.empty({"w": jax.ShapeDtypeStruct((), jnp.float32)}, 6)
        for number, table in enumerate(tables, start=1):
            best, worth = int(np.argmax(table)), worth_of_best(table, same_lives)
            score = float(table[best])
            archive.offer({"w": np.float32(score)}, score, number, best, worth)
            assert worth == (score - np.median(table) if same_lives else score)
        places = zip(archive.generation.tolist(), archive.member.tolist(), strict=True)
        return list(places)

    assert kept(fitness + luck[:, None], True) == kept(fitness, True)
    above = fitness.max(axis=1) - np.median(fitness, axis=1)
    told = sorted(above[g - 1] for g, _ in kept(fitness, True)[:3])
    assert told == np.sort(above)[-3:].tolist()
    top = {g for g, _ in kept(fitness, False)[:3]}
    assert {fitness[g - 1].max() for g in top} == set(np.sort(fitness.max(1))[-3:])


def test_champions_say_what_was_measured(luck, held):
    _, archive, _ = luck
    for champion in held[0]:
        assert champion.lives == HELD_OUT == len(champion.returns)
        assert champion.held_out == champion.returns.mean(dtype=np.float64)
        assert champion.unlearned is None, "a memoryless agent has nothing to lose"
        low, high = champion.interval
        assert low < champion.held_out < high
        half = stats.t.ppf(0.975, HELD_OUT - 1) * champion.deviation / HELD_OUT**0.5
        assert high - champion.held_out == pytest.approx(half, rel=1e-5)
        assert 10 * champion.early == pytest.approx(champion.held_out, abs=1.5)
        place = int(np.flatnonzero(archive.generation == champion.generation)[0])
        assert champion.selected == archive.selected[place]
        assert champion.source == f"member {archive.member[place]}"
        wanted = jax.tree.map(lambda leaf, at=place: leaf[at], archive.genomes)
        for a, b in zip(*map(jax.tree.leaves, (champion.genome, wanted)), strict=True):
            np.testing.assert_array_equal(a, b)
    scores = [champion.validated for champion in held[0]]
    assert scores == sorted(scores, reverse=True)
    assert {c.generation for c in held[0]} == set(range(1, GENERATIONS + 1))


def test_champions_are_reported_on_lives_nothing_was_chosen_by(luck, held):
    _, tasks = held
    assert len(tasks) == 2, "one round of the tournament, then the report"

    def lives(task: Task, grid: Grid) -> set[bytes]:
        key = jax.jit(lambda n: keys.life_key(task.pool, task.generation, 0, n))
        data = jax.vmap(lambda n: jax.random.key_data(key(n)))
        return {row.tobytes() for row in np.asarray(data(jnp.asarray(grid.lives)))}

    validate, report = (lives(*task) for task in tasks)
    assert len(validate) == len(report) == HELD_OUT
    assert not validate & report
    evolve = Task(None, keys.pool_key(SEED, keys.Pool.EVOLVE), np.int32(0))
    assert not lives(evolve, tasks[0][1]) & (validate | report)


def test_the_centre_has_the_score_of_the_tournament(luck):
    experiment, archive, _ = luck
    few = Archive.empty(experiment.template(), 2)
    genome = jax.tree.map(lambda leaf: leaf[0], archive.genomes)
    few.offer(genome, 9.0, 1, 5)
    few.offer_centre(genome, 3)
    fewer = dataclasses.replace(experiment.settings, keep=2, held_out_lives=64)
    small = dataclasses.replace(experiment, settings=fewer)
    champions = {c.source: c for c in tournament.hold(small, few, Serial())}
    assert set(champions) == {"centre", "member 5"}
    centre, member = champions["centre"], champions["member 5"]
    assert centre.selected == centre.validated and centre.generation == 3
    assert member.selected == 9.0
    # The same genome in the same lives.
    assert centre.held_out == member.held_out and centre.validated == member.validated


def test_remeasured_scores_depend_on_the_seed_alone(luck):
    experiment, archive, _ = luck
    stack = jax.tree.map(lambda leaf: leaf[:2], archive.genomes)

    def scores(steps, lives, seed):
        args = (experiment, stack, 2, steps, lives, seed, Serial())
        return tournament.remeasure(*args).scores

    once = scores(10, 8, 1)
    assert once.shape == (2, 8)
    np.testing.assert_array_equal(once, scores(10, 8, 1))
    np.testing.assert_array_equal(once[0], once[1], "the same genome, the same lives")
    assert not (once == scores(10, 8, 2)).all()
    assert scores(30, 8, 1).mean() > 1.5 * once.mean()
