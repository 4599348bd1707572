"""Survivors of best-of-K: halving's own choices, its budget, and exact gradients."""

import dataclasses
import functools
import itertools
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize, stats

from evolife import keys
from evolife.base import LifeStatistics
from evolife.config.bundled import bundled_folder
from evolife.config.model import load_config
from evolife.engine.evolution import begin, evolve
from evolife.engine.tournament import hold
from evolife.errors import InvalidInput
from evolife.metalearning.estimators.survivors import Drawn, Survivors, episode, trained
from evolife.metalearning.tasks import candidates as family
from evolife.metalearning.tasks import sampling, survivors
from evolife.metalearning.tasks.candidates import NULL, Candidates, Ranges
from evolife.plugins.build import build_run
from evolife.ranks.mpi import Serial
from evolife.selection import features, halving
from evolife.selection.halving import (
    Shrinkage,
    learned_halving,
    plan,
    sequential_halving,
)
from evolife.selection.operator import Architecture, init
from evolife.selection.shaping.centered_rank import CenteredRank
from evolife.selection.shaping.learned import Learned

LITTLE = (
    *("agent={name: reflex, hidden: [2]}", "env={arms: 2, pulls: 5}", "control=null"),
    *("lifetime={steps: 5, lives: 2}", "population={size: 8, tile: 8}"),
    *("generations=2", "best_of_k={keep: 2, lives: 8, archive: 4}"),
)
KEY = keys.root_key(11)
ERROR = 1e-6
SHAPE = Architecture(width=4, queries=2)
drawn_from = jax.jit(family.draw, static_argnums=(1, 2))
TINY = Survivors(candidates=(4,), lives=(8,), tasks=4, architecture=SHAPE)


def scattered(seed: int, scale: float = 0.5):
    """An operator that begins far from ranks."""
    drawn = init(jax.random.fold_in(KEY, seed), SHAPE)
    noise = jax.random.normal(jax.random.fold_in(KEY, seed + 100), (17,))
    return drawn._replace(
        judged=scale * noise[:10].reshape(5, 2), anchor=jnp.array([1.0, -2.0])
    )


def learned(operator) -> Learned:
    return Learned("", SHAPE, tuple(operator))


def by_rank() -> Learned:
    """A learned operator whose logits are four times the rank, and nothing else."""
    zeros = jax.tree.map(jnp.zeros_like, init(KEY, SHAPE))
    return learned(zeros._replace(anchor=jnp.array([4.0, -2.0])))


class Field:
    """Candidates of known worth and noise; the same luck whoever asks."""

    def __init__(self, count: int, seed: int, whole: bool = False) -> None:
        rng = np.random.default_rng(seed)
        self.worth = rng.normal(size=(count, 1))
        self.noise = np.exp(rng.normal(size=(count, 1)))
        self.seed, self.whole = seed, whole
        self.calls: list[tuple[int, int]] = []
        self.seen: dict[int, list[int]] = {place: [] for place in range(count)}

    def __call__(self, members, lives: range) -> np.ndarray:
        self.calls.append((len(members), len(lives)))
        for member in members:
            self.seen[member] += lives
        rng = np.random.default_rng((self.seed, lives.start))
        luck = rng.normal(size=(len(self.worth), len(lives)))
        scores = (self.worth + self.noise * luck)[list(members)]
        return (np.round(scores) if self.whole else scores).astype(np.float32)

    @property
    def lived(self) -> int:
        return sum(members * lives for members, lives in self.calls)


@pytest.mark.parametrize("operator", [CenteredRank(), by_rank()], ids=["fixed", "net"])
@pytest.mark.parametrize("whole", [False, True], ids=["real", "tied"])
@pytest.mark.parametrize(("count", "keep"), [(1, 1), (9, 1), (33, 8)])
def test_who_ranks_by_fitness_chooses_like_sequential_halving(
    operator, whole, count, keep
):
    fields = [Field(count, keep, whole) for _ in range(2)]
    budget = 5 * count
    expected = sequential_halving(fields[0], range(count), keep, budget)
    found = learned_halving(fields[1], range(count), keep, budget, operator)
    assert found == expected
    assert fields[0].seen == fields[1].seen


def test_broken_candidates_come_last_like_in_sequential_halving():
    scores = {4: 1.0, 7: 2.0, 2: 2.0, 9: np.nan, 1: np.inf, 8: 2.0, 3: -np.inf}

    def measure(members, lives):
        return np.array([[scores[m]] * len(lives) for m in members], np.float32)

    for names in (list(scores), [9, 1]):
        expected = sequential_halving(measure, names, 2, 600)
        found = learned_halving(measure, names, 2, 600, by_rank())
        np.testing.assert_equal(found, expected)


@pytest.mark.parametrize(
    ("count", "keep", "lives"),
    [(1, 1, 2), (2, 2, 8), (8, 1, 6), (32, 1, 64), (33, 8, 61), (100, 3, 20)],
)
def test_plans_keep_the_budget_and_no_life_is_used_twice(count, keep, lives):
    budget = count * lives
    rounds = plan(count, keep, budget)
    field = Field(count, 0)
    kept = learned_halving(field, range(count), keep, budget, Shrinkage())
    assert field.calls == list(rounds)
    assert budget / 2 < field.lived == sum(n * each for n, each in rounds) <= budget
    for seen in field.seen.values():
        assert seen == list(range(len(seen)))
    assert len({place for place, _ in kept}) == len(kept) == keep


def test_the_operator_of_a_run_is_read_once_when_it_is_built(tmp_path):
    """Hours later the file may be gone, or another."""
    file = tmp_path / "operator.safetensors"
    shutil.copy(bundled_folder("operators") / "survivors.safetensors", file)
    plain = build_run(load_config("bandit", LITTLE)).experiment
    assert plain.judge is None
    judged = build_run(
        load_config("bandit", [*LITTLE, f"best_of_k.operator={file}"])
    ).experiment
    file.unlink()
    *_, last = evolve(judged, begin(judged), 0, Serial(), pytest.fail)
    champions = hold(judged, last.progress.archive, Serial())
    asked = []

    class Asked(CenteredRank):
        def weights(self, fitness, statistics, state):
            asked.append(fitness.shape)
            return super().weights(fitness, statistics, state)

    other = dataclasses.replace(judged, judge=Asked())
    assert len(hold(other, last.progress.archive, Serial())) == len(champions) == 2
    assert asked == [(3,)], "traced once: each generation's best, and the centre"


def test_the_score_is_the_mean_of_all_lives():
    field = Field(8, 3)
    kept = learned_halving(field, range(8), 1, 128, learned(scattered(1)))
    winner, score = kept[0]
    scores, start = [], 0
    for _, lives in list(field.calls):
        scores += field([winner], range(start, start + lives)).tolist()[0]
        start += lives
    assert score == pytest.approx(np.mean(scores), abs=1e-9)


@functools.cache
def traced_choice():
    def choose(number, merits, stay):
        return sampling.largest(merits, stay), ()

    @jax.jit
    def chosen(operator, drawn, lucks):
        memory = features.start()
        merits, entrants, _ = survivors.play(
            drawn, lucks, trained(operator), memory, choose
        )
        return entrants[jnp.argmax(merits[entrants])]

    return chosen


@pytest.mark.parametrize("seed", range(4))
def test_training_and_use_choose_the_same(seed):
    """The traced halving of drawn candidates, against the one that measures."""
    selection = learned(scattered(3))
    drawn = drawn_from(jax.random.fold_in(KEY, seed), 8, Ranges())
    worth, noise = (np.asarray(part)[:, None] for part in drawn)
    rng = np.random.default_rng(seed)
    tables = [rng.normal(size=sizes) for sizes in plan(8, 1, 80)]
    left = iter(tables)

    def measure(members, lives):
        luck = np.empty((len(members), len(lives)))
        luck[np.argsort(members)] = next(left)
        return worth[list(members)] + noise[list(members)] * luck

    (chosen, _), *_ = learned_halving(measure, range(8), 1, 80, selection)
    lucks = [halving.moments(jnp.asarray(table, jnp.float32)) for table in tables]

    assert int(traced_choice()(scattered(3), drawn, lucks)) == chosen


def test_evidence_of_two_rounds_is_that_of_all_lives_together():
    scores = np.random.default_rng(0).normal(3, 2, (5, 12))
    parts = [halving.moments(part) for part in (scores[:, :5], scores[:, 5:])]
    both = halving.pooled(*parts)
    for found, expected in zip(both, halving.moments(scores), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    alone = halving.pooled(halving.nothing_known(5), parts[0])
    for found, expected in zip(alone, parts[0], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    fitness, known = halving.statistics(both)
    np.testing.assert_allclose(fitness, scores.mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(known.standard_error, stats.sem(scores.T), rtol=1e-5)
    np.testing.assert_array_equal(known.lives, 12)


def test_a_life_is_the_true_value_and_its_candidate_s_noise():
    scores = np.random.default_rng(0).normal(size=(2, 7))
    drawn = Candidates(np.array([5.0, 1.0, -3.0]), np.array([1.0, 3.0, 0.5]))
    who = np.array([2, 0])
    lived = family.live(drawn, who, halving.moments(scores))
    written_out = drawn.value[who, None] + drawn.deviation[who, None] * scores
    for found, expected in zip(lived, halving.moments(written_out), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("prior", "law"),
    [("normal", stats.norm()), ("skewed", stats.expon()), ("heavy", stats.t(3))],
)
def test_true_values_have_the_prior_s_shape(prior, law):
    """The quantiles of 200,000, freed of offset and scale; each is within 2%, which is
    more than six standard errors."""
    ranges = Ranges(priors=(prior,))
    values = np.asarray(drawn_from(KEY, 200_000, ranges).value, np.float64)
    if prior == "skewed" and stats.skew(values) < 0:
        values = -values
    levels = np.array([0.02, 0.25, 0.5, 0.75, 0.98])
    found, exact = np.quantile(values, levels), law.ppf(levels)
    unit = (found[3] - found[1]) / (exact[3] - exact[1])
    reached = (found - found[2]) / unit
    np.testing.assert_allclose(reached, exact - exact[2], rtol=0.02, atol=1e-12)


def test_noise_is_as_unlike_and_as_correlated_as_the_ranges_say():
    """Of 100,000 candidates; six standard errors, or 2%."""
    ranges = Ranges(("normal",), (2.0, 2.0), (0.7, 0.7), 1.0)
    for seed in range(3):
        value, deviation = drawn_from(jax.random.fold_in(KEY, seed), 100_000, ranges)
        value, loud = np.asarray(value, np.float64), np.log(np.asarray(deviation))
        assert loud.std() == pytest.approx(0.7, rel=0.02)
        ratio = np.exp(np.median(loud)) / value.std()
        assert ratio == pytest.approx(2, rel=0.05)
    drawn = jax.vmap(lambda key: drawn_from(key, 50, ranges))
    tasks = drawn(jax.random.split(KEY, 400))
    shared = [np.corrcoef(a, np.log(b))[0, 1] for a, b in zip(*tasks, strict=True)]
    assert np.min(shared) < -0.9 and np.max(shared) > 0.9
    equal = drawn_from(KEY, 30, NULL)
    np.testing.assert_allclose(equal.deviation, equal.deviation[0], rtol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_shrinkage_is_empirical_bayes_by_another_solver(seed):
    rng = np.random.default_rng(seed)
    s = np.exp(rng.normal(0, 1, 12))
    x = 50 + 3 * rng.normal(size=12) + s * rng.normal(size=12)

    def misfit(t):
        w = 1 / (t + s**2)
        return np.sum(w * (x - np.sum(w * x) / w.sum()) ** 2) - 11

    t = optimize.brentq(misfit, 1e-6, 1e6)
    w = 1 / (t + s**2)
    m = np.sum(w * x) / w.sum()
    posterior = (x * t + m * s**2) / (t + s**2)
    expected = stats.zscore(posterior) / 12
    zero = np.zeros(12, np.float32)
    weights, _ = Shrinkage().weights(
        jnp.asarray(x, jnp.float32), LifeStatistics(zero, zero, jnp.float32(s)), ()
    )
    np.testing.assert_allclose(weights, expected, atol=2e-5)


def test_shrinkage_without_noise_or_without_difference():
    zero = jnp.zeros(4)
    x = jnp.array([3.0, 1.0, 0.0, 9.0])
    weights, _ = Shrinkage().weights(x, LifeStatistics(zero, zero, zero), ())
    np.testing.assert_allclose(weights, stats.zscore(np.asarray(x)) / 4, rtol=1e-5)
    weights, _ = Shrinkage().weights(zero, LifeStatistics(zero, zero, zero + 1), ())
    np.testing.assert_array_equal(weights, 0)


@pytest.fixture(scope="module")
def compared():
    """Shrinkage in the operator's place, where candidates are unlike in noise."""
    ranges = Ranges(("normal",), (3.0, 3.0), (1.5, 1.5), 0.0)
    setting = survivors.Setting(candidates=4, lives=32, ranges=ranges)
    found = survivors.compare(Shrinkage(), setting, 8000, KEY)
    return {name: np.asarray(values) for name, values in found.items()}


def test_ways_of_choosing_differ_as_they_should(compared):
    """In pairs over 8,000 tasks; each holds by chance in one of a million where there
    is no difference."""
    assert (compared["learned"] == compared["shrinkage"]).all()
    assert (compared["learned_half"] == compared["shrinkage_half"]).all()
    for better, worse in (
        ("halving", "argmax"),
        ("shrinkage", "halving"),
        ("shrinkage_half", "halving_half"),
        ("halving", "halving_half"),
    ):
        gap = compared[better] - compared[worse]
        error = gap.std(ddof=1) / np.sqrt(gap.size)
        assert gap.mean() > stats.norm.isf(ERROR) * error


@pytest.fixture(scope="module")
def task():
    """Four candidates, the luck of two rounds, and an operator."""
    rounds = TINY.plan(0)
    assert [entrants for entrants, _ in rounds] == [4, 2]
    drawn, lucks = family.task(jax.random.fold_in(KEY, 5), rounds, Ranges())
    return scattered(3), drawn, lucks


def enumerated(operator, drawn, lucks, draws_alone):
    """The expected loss over all draws; if so, with a gradient through these alone."""
    pairs = np.array(list(itertools.permutations(range(4), 2)))

    def one(pair):
        def choose(number, merits, stay):
            chance = sampling.log_probability(merits, pair)
            return pair, Drawn(chance, sampling.hard_mask(4, pair))

        return episode(operator, drawn, lucks, choose)

    losses, chances = jax.vmap(one)(pairs)
    losses = jnp.where(draws_alone, jax.lax.stop_gradient(losses), losses)
    return jnp.exp(chances) @ losses


def test_the_gradient_is_on_average_the_enumerated_one(task, monkeypatch):
    """4,000 estimates along 12 directions, and their losses; one of the 13 fails by
    chance once in a million."""
    operator, drawn, lucks = task
    monkeypatch.setattr(family, "task", lambda *_: (drawn, lucks))
    route = dataclasses.replace(TINY, tasks=1, samples=2)
    directions = jax.tree.map(
        lambda leaf, key: jax.random.normal(key, (12, *leaf.shape)),
        operator,
        type(operator)(*jax.random.split(KEY, len(operator))),
    )

    def along(slope):
        products = jax.tree.map(
            lambda d, leaf: jnp.sum(d * leaf, axis=range(1, d.ndim)), directions, slope
        )
        return sum(products)

    def estimate(key):
        slope, _, measured = route.gradient(0, operator, (), key)
        return jnp.append(along(slope), measured["loss"])

    def exact(draws_alone):
        value, slope = jax.value_and_grad(enumerated)(
            operator, drawn, lucks, draws_alone
        )
        return jnp.append(along(slope), value)

    found = jax.jit(jax.vmap(estimate))(jax.random.split(KEY, 4000))
    found = np.asarray(found, np.float64)
    reach = stats.norm.isf(ERROR / 26) * found.std(axis=0, ddof=1) / np.sqrt(4000)
    whole, part = jax.jit(jax.vmap(exact))(jnp.array([False, True]))
    assert (np.abs(found.mean(axis=0) - whole) < reach).all()
    # The part through the draws is large enough to be missed if it were left out.
    assert (np.abs(part[:-1]) > 2 * reach[:-1]).any()


def test_straight_through_gradients_are_finite_and_every_key_draws_new_tasks():
    route = dataclasses.replace(TINY, candidates=(2, 3), lives=(8, 16), samples=2)
    budgets = [sum(n * each for n, each in route.plan(shard)) for shard in range(4)]
    assert route.shards == 4 and budgets == [16, 32, 24, 48]
    straight = dataclasses.replace(route, estimator="straight_through")
    operator, carry = scattered(3), route.begin(3, KEY)
    run = jax.jit(functools.partial(straight.gradient, 3))
    slope, after, measured = run(operator, carry, KEY)
    assert after == carry and set(measured) == {"loss", "regret"}
    assert jax.tree.map(jnp.shape, slope) == jax.tree.map(jnp.shape, operator)
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in slope)
    assert float(jnp.abs(slope.judged).max()) > 1e-4
    other = run(operator, carry, jax.random.fold_in(KEY, 1))[2]
    assert float(other["loss"]) != float(measured["loss"])
    assert min(float(found["regret"]) for found in (measured, other)) >= 0


def test_the_trained_logits_are_those_of_a_learned_selection():
    operator = scattered(2)
    evidence = halving.moments(jax.random.normal(KEY, (6, 9)))
    logits, trail = jax.jit(trained(operator))(evidence, features.start())
    selection = learned(operator)
    fitness, known = halving.statistics(evidence)
    weights, state = jax.jit(selection.weights)(fitness, known, selection.init())
    np.testing.assert_allclose(jax.nn.softmax(logits), weights, rtol=1e-5)
    np.testing.assert_allclose(trail, state.trail)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Ranges(priors=("hevy",)), "no 'hevy'.*'heavy'.*normal, skewed, heavy"),
        (lambda: Ranges(priors=()), "at least one of: normal"),
        (lambda: Ranges(noise=(3.0, 1.0)), r"noise = .*\[1\.0, 3\.0\]"),
        (lambda: Ranges(spread=(-1.0, 1.0)), r"spread = .*at least 0"),
        (lambda: Survivors(candidates=()), "at least one of each"),
        (lambda: Survivors(keep=8), "candidates = 8.*at least 9"),
        (lambda: Survivors(architecture=Architecture(signed=True)), "signed: false"),
    ],
)
def test_what_cannot_be_trained_on_is_refused_with_a_remedy(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("name", ["candidates", "keep"])
def test_nothing_to_choose_from_is_refused_with_a_remedy(name):
    numbers = {"candidates": 4, "keep": 1, name: 0}
    with pytest.raises(InvalidInput, match=f"{name} = 0.*set it to 1"):
        plan(numbers["candidates"], numbers["keep"], 8)
