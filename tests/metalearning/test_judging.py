"""Contenders meet the same tasks, are what they are called, and verdicts add up."""

import dataclasses
import functools
import json
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evolife import keys
from evolife.base import LifeStatistics
from evolife.engine.fitness import worst_for_nonfinite
from evolife.errors import InvalidInput
from evolife.metalearning.benchmark import baselines, statistics
from evolife.metalearning.benchmark.baselines import (
    HAND_MADE,
    CmaLog,
    Contender,
    Recipe,
    Shuffled,
    exchange,
)
from evolife.metalearning.benchmark.bench import Bench, Setting, measure, trials
from evolife.metalearning.benchmark.report import (
    BEST_OF_EACH,
    judge,
    markdown,
    standard,
)
from evolife.metalearning.tasks import draw
from evolife.selection import operator as operators
from evolife.selection.operator import Architecture, Operator
from evolife.selection.shaping import Shaping
from evolife.selection.shaping.learned import Learned

SMALL = Setting(2, 8, 2)
FEW = Bench(3, families=("alpine", "salomon"))
SHAPE = Architecture(width=4, queries=2)


@pytest.fixture(scope="module", autouse=True)
def compiled_quickly():
    """Many programs that run for a moment: most of the time would go into XLA."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


def drawn(seed: int, shape: Architecture = SHAPE) -> Learned:
    return Learned(f"drawn {seed}", shape, operators.init(keys.root_key(seed), shape))


def pure_ranks(slope: float) -> Learned:
    """An operator that sees nothing but the rank: softmax(slope rank)."""
    blank = Operator(*(np.zeros_like(leaf) for leaf in drawn(0).parameters))
    return Learned("ranks", SHAPE, blank._replace(anchor=np.array([slope, 0.0], "f4")))


def weigh(selection, fitness, generation: int = 0) -> np.ndarray:
    fitness = jnp.asarray(fitness, jnp.float32)
    state = selection.init()
    if isinstance(selection, Learned):
        trail = state.trail._replace(generation=jnp.float32(generation))
        state = state._replace(trail=trail)
    lives = LifeStatistics(*(fitness, fitness, jnp.zeros_like(fitness)))
    return np.asarray(compiled(selection)(fitness, lives, state)[0])


@functools.cache
def compiled(selection):
    return jax.jit(selection.weights)


def softmax_of_ranks(fitness, slope: float) -> np.ndarray:
    place = np.argsort(np.argsort(fitness))
    grown = np.exp(slope * ((place + 0.5) / len(fitness) - 0.5))
    return grown / grown.sum()


FITNESS = np.random.default_rng(0).normal(size=9)


def test_an_operator_that_sees_only_ranks_is_their_softmax():
    expected = softmax_of_ranks(FITNESS, 5.0)
    np.testing.assert_allclose(weigh(pure_ranks(5.0), FITNESS), expected, rtol=1e-5)


@dataclasses.dataclass(frozen=True)
class ByHand(Shaping):
    """The same, written out as a formula."""

    def shape(self, fitness, places):
        place = jnp.sum(fitness[:, None] > fitness[None, :], axis=1)
        grown = jnp.exp(5.0 * ((place + 0.5) / fitness.size - 0.5))
        return grown / jnp.sum(grown)


def test_parameters_reach_the_search_and_decide_it():
    found = [
        measure(baselines.weights("SNES", one, keys.root_key(0))[0], SMALL, FEW)
        for one in (pure_ranks(5.0), pure_ranks(-5.0))
    ]
    by_hand = measure(Contender("hand", Recipe("SNES", ByHand())), SMALL, FEW)
    np.testing.assert_allclose(found[0], by_hand, atol=1e-3)
    # Who follows the worst goes another way.
    assert np.abs(found[1] - by_hand).max() > 0.1


def test_a_contender_builds_with_its_own_operator():
    built = baselines.weights("SNES", drawn(3), keys.root_key(0))[0].build(8, 2)
    state = built.init(keys.root_key(1), lambda key: jnp.zeros(2))
    for mine, held in zip(drawn(3).parameters, state.selection.operator, strict=True):
        assert (mine == held[0]).all()


@pytest.mark.parametrize("signed", [False, True])
def test_the_sham_deals_the_same_weights_to_others(signed):
    shape = dataclasses.replace(SHAPE, signed=signed)
    honest, sham = drawn(4, shape), Shuffled("", shape, drawn(4, shape).parameters)
    orders = []
    for generation in range(3):
        told, dealt = (weigh(one, FITNESS, generation) for one in (honest, sham))
        np.testing.assert_allclose(np.sort(dealt), np.sort(told), rtol=1e-5)
        trail = honest.init().trail._replace(generation=jnp.float32(generation))
        order = np.asarray(exchange(trail, 9))
        np.testing.assert_allclose(dealt, told[order], rtol=1e-5)
        orders.append(tuple(order))
    assert len(set(orders)) == 3


@pytest.mark.parametrize("size", [3, 8])
def test_cma_log_is_the_recombination_of_cma(size):
    fitness = np.random.default_rng(size).normal(size=size)
    place = np.arange(1, size + 1)
    utility = np.maximum(0, np.log((size + 1) / 2) - np.log(place))
    expected = np.empty(size)
    expected[np.argsort(-fitness)] = utility / utility.sum()
    np.testing.assert_allclose(weigh(CmaLog(), fitness), expected, atol=1e-6)
    native = Recipe("CMA_ES").build(size, 2)._params.weights
    np.testing.assert_allclose(np.maximum(native, 0)[: size // 2], expected[
        np.argsort(-fitness)][: size // 2], atol=1e-6)  # fmt: skip


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_cma_log_prefers_nobody_among_equals(size):
    np.testing.assert_allclose(weigh(CmaLog(), np.full(size, 0.3)), 1 / size)
    tied = weigh(CmaLog(), [2.0, 1.0, 2.0, 0.0])
    assert tied[0] == tied[2] == 0.5


def test_argmax_follows_the_best_alone():
    expected = np.eye(9)[np.argmax(FITNESS)]
    np.testing.assert_array_equal(weigh(HAND_MADE["argmax"], FITNESS), expected)


class Seen(NamedTuple):
    key: Any
    fitness: Any


@dataclasses.dataclass(frozen=True)
class Still:
    """A strategy that stays where it is put; as its centre it gives what it saw."""

    strategy: str
    size: int = 8
    spread: float = 0.0
    at: float = 0.5
    tells: bool = False

    population_size = property(lambda self: self.size)

    def build(self, size, dimensions):
        return self

    def newborn(self, key, dimensions):
        return jnp.full(dimensions, self.at)

    def init(self, key, newborn):
        return Seen(newborn(key), jnp.zeros(()))

    def ask(self, state, generation):
        return state.key

    def member(self, proposal, index):
        return proposal + self.spread * index

    def tell(self, state, proposal, generation, fitness, statistics):
        assert statistics.lives is None
        return Seen(state.key, state.fitness + jnp.sum(fitness))

    def centre(self, state):
        return jnp.full_like(state.key, jnp.tanh(state.fitness)) if self.tells else (
            state.key
        )  # fmt: skip


def stay(**settings) -> np.ndarray:
    return measure(Contender("still", Still(**settings)), SMALL, FEW)


def test_all_contenders_meet_the_same_tasks():
    """Two programs that stay at a point find there what the tasks say is there."""
    first, second = stay(strategy="a"), stay(strategy="b", spread=0.3)
    assert (first == second).all()
    trial = trials(SMALL, FEW)
    for f in range(2):
        for s in range(3):
            one = jax.tree.map(lambda leaf, at=(f, s): leaf[at], trial.task)
            ratio = draw.value(one, FEW.families, jnp.full(2, 0.5)) / draw.value(
                one, FEW.families, jnp.zeros(2)
            )
            assert first[f, s] == pytest.approx(np.log10(ratio), abs=1e-4)
    assert len(np.unique(first)) == 6


def test_all_contenders_hear_the_same_noise():
    one, other = (stay(strategy=name, tells=True) for name in "ab")
    assert (one == other).all()
    assert (one != stay(strategy="a", tells=True, spread=0.1)).any()


def test_more_seeds_leave_the_first_tasks_alone():
    more = trials(SMALL, dataclasses.replace(FEW, seeds=5))
    for few, many in zip(trials(SMALL, FEW).task, more.task, strict=True):
        assert (few == many[:, :3]).all()
    other = trials(SMALL, dataclasses.replace(FEW, seed=1))
    assert not (other.task.optimum == trials(SMALL, FEW).task.optimum).any()


def test_who_ends_nowhere_has_not_moved():
    assert (stay(strategy="a", at=float("nan")) == 0).all()
    assert np.isfinite(stay(strategy="a", at=1e30)).all()


def test_fitness_that_is_not_finite_is_the_worst():
    found = worst_for_nonfinite(
        jnp.array([1.0, jnp.nan, -2.0, -jnp.inf, jnp.inf]), 0.0, jnp
    )
    assert found.tolist() == [1, -2, -2, -2, -2]
    assert worst_for_nonfinite(jnp.full(2, jnp.nan), 0.0, jnp).tolist() == [0, 0]


def test_other_numbers_of_evaluations_are_refused():
    with pytest.raises(InvalidInput, match=r"evaluates 10 members .* evaluate 8"):
        stay(strategy="a", size=10)


@functools.cache
def every() -> dict[str, dict[str, Contender]]:
    rows = standard([drawn(1)], "SNES", keys.root_key(0))
    return {row: {p[0].name: p[0] for p in peers} for row, peers in rows.items()}


NAMES = [
    *(("weights", n) for n in ("learned", *HAND_MADE, "untrained")),
    ("weights", "shuffled features"),
    *(("strategies", n) for n in baselines.STRATEGIES),
    ("cma", "learned"),
]


@pytest.mark.parametrize(("row", "name"), NAMES)
def test_every_contender_runs(row, name):
    gaps = measure(every()[row][name], SMALL, FEW)
    assert gaps.shape == (2, 3) and np.isfinite(gaps).all()
    assert (gaps != 0).any()


@pytest.mark.parametrize("name", ["SNES", "Open_ES", "ASEBO", "CMAAnchoredLES", "LGA"])
def test_strategies_start_around_the_origin_with_deviation_one(name):
    recipe = Recipe(name)
    if name == "LGA":
        split = jax.random.split(keys.root_key(5), 256)
        members = jax.vmap(lambda key: recipe.newborn(key, 2))(split)
    else:
        strategy = recipe.build(256, 2)
        newborn = functools.partial(recipe.newborn, dimensions=2)
        state = strategy.init(keys.root_key(5), newborn)
        assert (strategy.centre(state) == 0).all()
        members = strategy.ask(state, jnp.int32(0)).population
    # The standard deviation of 512 normal numbers is known to 1 / sqrt(1024).
    assert np.std(members) == pytest.approx(1, abs=4.5 / 32)
    assert np.abs(np.mean(members, axis=0)).max() < 4.5 / 16


@pytest.mark.parametrize("name", baselines.STRATEGIES)
def test_every_strategy_is_told_its_first_deviation(name):
    assert Recipe(name).settings()["std_init"] == 1


def test_every_contender_is_tried():
    listed = {(row, name) for row, names in every().items() for name in names}
    twice = {("strategies", "learned"), ("cma", "CMA_ES")}
    assert listed - twice == set(NAMES)


def test_slow_contenders_are_left_out_of_large_settings():
    slow = Contender("EvoTF_ES", Recipe("EvoTF_ES"))
    assert slow.affordable(10, 16, 50) and not slow.affordable(20, 32, 50)
    assert Contender("LES", Recipe("LES")).affordable(160, 256, 5000)


LARGE = Setting(100, 100, 100)
FAMILIES = ("alpine", "brown", "levy", "salomon", "griewank")
MADE = {"learned": -2.0, "nes": -1.5, "argmax": -1.0, "EvoTF_ES": -4.0}
"""Synthetic gaps, before what families and tasks add."""


def synthetic(contender, setting, bench) -> np.ndarray:
    """Learned is a whole better than nes on family 0, argmax is best on family 1."""
    generator = np.random.default_rng(setting.size)
    of_tasks = 10 * generator.normal(size=(len(bench.families), bench.seeds))
    gaps = MADE[contender.name] + of_tasks - of_tasks.mean(axis=1, keepdims=True)
    gaps[0] -= contender.name == "learned"
    gaps[1] -= 3 * (contender.name == "argmax")
    # The second operator is half a unit better than the first everywhere.
    second = contender.parameters is not None and (
        contender.parameters.anchor[0] == pure_ranks(2.0).parameters.anchor[0]
    )
    return gaps - 0.5 * bool(second)


@functools.cache
def verdict() -> dict[str, Any]:
    judged = [pure_ranks(1.0), pure_ranks(2.0)]
    whole = standard(judged, "SNES", keys.root_key(0))
    by_name = {p[0].name: p for row in whole.values() for p in row}
    learned = whole["weights"][0]
    rows = {
        "weights": [learned, by_name["nes"], by_name["argmax"]],
        "strategies": [learned, by_name["EvoTF_ES"]],
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("evolife.metalearning.benchmark.report.measure", synthetic)
        found = judge(
            judged, "SNES", 6, (SMALL, LARGE), families=FAMILIES, rows=rows
        )  # fmt: skip
    return json.loads(json.dumps(found))


def entries(row: str, table: int) -> dict[str, dict[str, Any]]:
    found = verdict()["rows"][row]["tables"][table]["entries"]
    return {entry["contender"]: entry for entry in found}


@pytest.mark.parametrize(("table", "settings"), [(0, 2), (1, 1), (2, 1)])
def test_a_verdict_says_what_was_measured(table, settings):
    """Tasks cancel in pairs; operators, 0.25 to either side, are all that varies."""
    found = entries("weights", table)
    assert (
        verdict()["rows"]["weights"]["tables"][table]["settings"]
        == ([[str(SMALL), str(LARGE)], [str(SMALL)], [str(LARGE)]][table])
    )
    against = found["nes"]
    expected = dict.fromkeys(FAMILIES, -0.75) | {"alpine": -1.75}
    for family, value in expected.items():
        estimate = against["families"][family]
        wanted = (value, value - 0.25, value + 0.25)
        assert tuple(estimate.values()) == pytest.approx(wanted)
    # Of ten values, -1 four times and -0.5 twice are left; of twenty, 7 and 3 times.
    middle = {1: -5 / 6, 2: -8.5 / 10}[settings]
    assert against["difference"]["value"] == pytest.approx(middle)
    assert (against["better"], against["worse"], against["ahead"]) == (5, 0, 5)
    assert against["improvement"]["value"] == 1
    assert against["settings"] == settings
    # On brown: -2.25 against -4; the intervals of both counts are clear of zero.
    other = found["argmax"]
    assert other["families"]["brown"]["value"] == pytest.approx(1.75)
    assert (other["better"], other["worse"], other["ahead"]) == (4, 1, 4)


def test_gaps_are_interquartile_means_over_operators_settings_and_families():
    gaps = np.stack(
        [synthetic(Contender("nes", Recipe("")), s, Bench(6, families=FAMILIES))
         for s in (SMALL, LARGE)]
    )  # fmt: skip
    expected = statistics.iqm(gaps.mean(axis=-1))
    assert entries("weights", 0)["nes"]["gap"]["value"] == pytest.approx(expected)


def test_the_best_by_hand_is_picked_in_aggregate_and_on_each_family():
    assert verdict()["rows"]["weights"]["best by hand"] == "nes"
    assert verdict()["rows"]["strategies"]["best by hand"] is None
    for table in range(3):
        found = entries("weights", table)
        assert found["nes"]["gap"]["value"] == pytest.approx(-1.5)
        for family, estimate in found[BEST_OF_EACH]["families"].items():
            best = "argmax" if family == "brown" else "nes"
            assert estimate == found[best]["families"][family]


def test_the_slow_are_compared_where_they_were_measured():
    found = verdict()["rows"]["strategies"]
    whole, small, large = (
        {e["contender"] for e in t["entries"]} for t in found["tables"]
    )
    assert whole == small == {"learned", "EvoTF_ES"} and large == {"learned"}
    assert entries("strategies", 0)["EvoTF_ES"]["settings"] == 1
    measured = entries("strategies", 0)["EvoTF_ES"] | {"settings": 1}
    assert measured == entries("strategies", 1)["EvoTF_ES"]
    assert "| EvoTF_ES (1 setting) |" in "\n".join(markdown(verdict()))


def test_a_copy_of_the_operator_differs_by_exactly_nothing():
    judged = [drawn(1)]
    one = standard(judged, "SNES", keys.root_key(0))["weights"][0]
    copy = [dataclasses.replace(one[0], name="copy")]
    rows = {"weights": [one, copy]}
    heard: list[str] = []
    found = judge(
        judged, "SNES", 3, (SMALL,), families=FEW.families, rows=rows, tell=heard.append
    )
    entry = found["rows"]["weights"]["tables"][0]["entries"][1]
    assert set(entry["difference"].values()) == {0.0}
    assert set(entry["improvement"].values()) == {0.5}
    assert entry["better"] == entry["worse"] == entry["ahead"] == 0
    assert [line.split(",")[0] for line in heard] == ["learned in SNES", "copy in SNES"]


def test_a_page_holds_every_contender_and_number():
    page = "\n".join(markdown(verdict()))
    for row in verdict()["rows"].values():
        for entry in (e for table in row["tables"][1:] for e in table["entries"]):
            gap = entry["gap"]
            cell = f"{gap['value']:.2f} ({gap['low']:.2f} .. {gap['high']:.2f})"
            assert f"| {entry['contender']} | {cell} |" in page
    assert "All 2 settings" in page and "2 operators trained in SNES" in page
    assert "in aggregate are those of nes: learned is clearly better on 5 of 5" in page
    assert "favoured: 4, 1 and 4." in page
    assert "SNES (std_init = 1), EvoTF_ES (std_init = 1, max_context_len = 50)" in page
    assert "| alpine | -1.75 (-2.00 .. -1.50) | 0.02 |" in page


@pytest.mark.parametrize(
    ("judged", "seeds", "message"),
    [
        ([], 4, "at least one"),
        ([drawn(1)], 1, "seeds = 1: at least 2"),
        ([drawn(1), drawn(2, Architecture(width=5))], 4, "drawn 1 and drawn 2 have"),
    ],
)
def test_what_cannot_be_judged_is_refused(judged, seeds, message):
    with pytest.raises(InvalidInput, match=message):
        judge(judged, "SNES", seeds)


def test_unknown_strategies_and_families_are_refused():
    with pytest.raises(InvalidInput, match="did you mean 'SNES'"):
        judge([drawn(1)], "SNESS", 2, (SMALL,), families=FEW.families)
    with pytest.raises(InvalidInput, match="did you mean 'alpine'"):
        judge([drawn(1)], "SNES", 2, (SMALL,), families=("alpin",))
    with pytest.raises(InvalidInput, match="seeds = 0"):
        Bench(0)
