"""Runs and sweeps read back: the numbers of the files, and champions that act."""

import dataclasses
import json
import math
import shutil
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import evolife
from evolife import keys
from evolife.config.model import load_config
from evolife.engine import lifetime
from evolife.errors import EvolifeError, InvalidInput
from evolife.plugins.build import build_run
from evolife.ranks.mpi import Serial
from evolife.results.agent_program import AgentProgram
from evolife.results.life import Life
from evolife.results.load import Sweep
from evolife.run.evaluate import evaluate
from evolife.storage.run_folder import RunFolder
from evolife.storage.sweep_folder import Entry, SweepFolder, write_entries
from tests.cli_tools import TINY, metrics
from tests.compiler import assert_same_bits

SMALL = (
    "control=null",
    "agent.hidden=8",
    "population={size: 16, tile: 8}",
    "lifetime.lives=2",
    "best_of_k={keep: 2, lives: 8, archive: 4}",
    "generations=2",
)
WORLDS = {
    # Agents that draw, that do not, numbers for actions, forgetting, a wrapped world.
    "bandit drawn": ("bandit", "lifetime.steps=10"),
    "bandit": ("bandit", "lifetime.steps=10", "agent.sample=false"),
    "oven": ("oven", "lifetime.steps=40", "env.delay=10"),
    "mover": ("mover", "lifetime.steps=40", "env.course=20", "env.strikes=20"),
    "unlearning": ("bandit", "lifetime.steps=10", "agent.learns=false"),
    "wrapped": ("recall", "lifetime.steps=40", "env.delay=3", "wrap=[{switch: 15}]"),
}


@pytest.fixture(scope="module")
def loaded(trained_run):
    """A run of a bandit with its control, read back."""
    return evolife.load(trained_run)


def by_hand(agent, environment, steps):
    """What lives a life in a loop that a user might write: life, actions, rewards."""
    hand = AgentProgram(agent)
    reset, step = jax.jit(environment.reset), jax.jit(environment.step)

    def live(genome, key):
        events = jax.random.fold_in(key, lifetime._ENVIRONMENT)
        world, sensed = reset(jax.random.fold_in(key, lifetime._RESET))
        life, actions, rewards = Life(hand, genome, key), [], []
        for t in range(steps):
            actions.append(life.act(sensed.observation, sensed.reward, sensed.first))
            now = jax.random.fold_in(events, t)
            world, sensed = step(world, actions[-1], now)
            rewards.append(np.asarray(sensed.reward))
        return life, actions, np.asarray(rewards)

    return live


def by_the_engine(agent, environment, steps):
    """What lives a life as evolution does, one bin a step."""
    edges = jnp.arange(steps + 1)

    @jax.jit
    def live(genome, key):
        life = lifetime.birth(agent, environment, genome, key, steps)
        return lifetime.advance(
            agent, environment, genome, life, key, edges, 0, steps, axis=None
        )

    return live


@pytest.mark.fast
@pytest.mark.parametrize("world", WORLDS)
def test_acting_by_hand_replays_a_life_bit_for_bit(world):
    name, *words = WORLDS[world]
    experiment = build_run(load_config(name, [*SMALL, *words])).experiment
    agent, environment = experiment.agent, experiment.environment
    steps, seen = experiment.settings.steps, set()
    one = by_hand(agent, environment, steps)
    other = by_the_engine(agent, environment, steps)
    for number in range(4):
        key = keys.life_key(keys.pool_key(5, keys.Pool.EVALUATE), 0, 0, number)
        genome = jax.device_get(agent.init_genome(jax.random.fold_in(key, 77)))
        life, actions, rewards = one(genome, key)
        wanted = other(genome, key)
        assert_same_bits(rewards, wanted.rewards)
        jax.tree.map(assert_same_bits, life.state, wanted.agent)
        assert life.steps == steps
        seen.add(np.asarray(actions).tobytes())
    assert len(seen) > 1, "other lives are other lives"


@pytest.mark.parametrize("sample", [True, False])
def test_a_champion_by_hand_lives_the_lives_that_evaluate_measures(loaded, sample):
    """Its start draws what evaluate draws; only the last digits could differ."""
    run = loaded
    champion = run.champions[1]
    words = [*TINY, f"agent.sample={sample}".lower()]
    built = build_run(load_config("bandit", words))
    experiment = built.experiment
    live = by_hand(experiment.agent, experiment.environment, 5)
    pool = keys.pool_key(3, keys.Pool.EVALUATE)
    found = [
        live(champion.genome, key)[2]
        for key in (keys.life_key(pool, 0, 0, number) for number in range(6))
    ]
    changed = dataclasses.replace(run)
    changed.__dict__["config"] = built.config
    wanted = changed.champions[1].live(lives=6, seed=3)
    np.testing.assert_array_equal(found, wanted)
    assert len(np.unique(wanted, axis=0)) > 1


def test_start_is_born_in_the_life_that_is_asked_for(loaded):
    champion = loaded.champions[0]
    pool = keys.pool_key(9, keys.Pool.EVALUATE)
    size = loaded.stages.experiment.environment.spec.observation_size
    senses = np.zeros(size)

    def acts(life):
        return [int(life.act(senses, 1.0, t == 0)) for t in range(30)]

    for number in (0, 4):
        key = keys.life_key(pool, 0, 0, number)
        other = Life(loaded.stages.hand, champion.genome, key)
        assert acts(champion.start(9, number)) == acts(other)
    assert acts(champion.start(9)) != acts(champion.start(9, 1))
    assert acts(champion.start(9)) != acts(champion.start(8))


@pytest.mark.parametrize("lives", [1, 16, 70, 200])
def test_live_earns_what_evaluate_measures(loaded, lives):
    """To the last bit: a life here has no more steps than bins."""
    config = load_config(str(loaded.folder.config_path), ["seed=11"])
    report = evaluate(RunFolder(loaded.path), config, max(lives, 2), Serial())
    for champion, row in zip(loaded.champions, report["champions"], strict=True):
        rewards = champion.live(lives=lives, seed=11)
        assert rewards.shape == (lives, 5) and rewards.dtype == np.float32
        if lives > 1:
            assert rewards.sum(1).mean(dtype=np.float64) == row["held_out"]
            assert champion.live(lives=1, seed=11)[0].tolist() == rewards[0].tolist()


def test_live_agrees_over_many_bins_and_in_other_worlds(loaded):
    """Sums in another order: equal but for rounding."""
    words = {"lives": 50, "steps": 100, "env": {"name": "bandit", "pulls": 20}}
    report = evolife.evaluate(loaded, **words)
    rewards = loaded.champions[0].live(**words, seed=loaded.config.seed)
    assert rewards.shape == (50, 100)
    wanted = report["champions"][0]["held_out"]
    assert rewards.sum(1).mean() == pytest.approx(wanted, rel=1e-6)
    assert set(np.unique(rewards)) == {0.0, 1.0}


def test_live_agrees_with_the_held_out_score(loaded):
    """Welch's test at one in ten thousand: other lives, the same champion."""
    from scipy import stats

    for champion in loaded.champions:
        score = champion.live(lives=1000, seed=123).sum(1)
        found = score.mean(), score.std(ddof=1), len(score)
        known = champion.held_out, champion.deviation, champion.lives
        test = stats.ttest_ind_from_stats(*found, *known, equal_var=False)
        assert test.pvalue > 1e-4


def test_tables_hold_what_the_files_say(loaded):
    lines = metrics(loaded.path)
    table = loaded.metrics
    assert table["generation"].tolist() == [1, 2, 3, 4]
    for key in ("fitness/best", "wall_s", "life/late", "env_steps"):
        assert table[key].tolist() == [line[key] for line in lines]
    assert table["digest"].tolist() == [line["digest"] for line in lines]
    assert table["life/best"][1] == lines[1]["life/best"]
    curves = loaded.life_curves
    assert curves.index.tolist() == [1, 2, 4], "record.every is 2"
    assert curves.index.name == "generation" and curves.columns.tolist() == [*range(5)]
    for generation in curves.index:
        wanted = lines[generation - 1]["life/best"]
        assert curves.loc[generation].tolist() == wanted


def test_champions_are_those_of_the_table(loaded):
    rows = json.loads((loaded.path / "champions/champions.json").read_text())
    for champion, row in zip(loaded.champions, rows["champions"], strict=True):
        for name in ("rank", "source", "selected", "held_out", "gap", "early", "lives"):
            assert getattr(champion, name) == row[name]
        assert list(champion.interval) == row["interval"]
    from safetensors.numpy import load_file

    found = load_file(loaded.path / "champions/agent_002.safetensors")
    leaves = jax.tree_util.tree_flatten_with_path(loaded.champions[1].genome)[0]
    assert {jax.tree_util.keystr(path) for path, _ in leaves} == found.keys()
    for path, leaf in leaves:
        np.testing.assert_array_equal(leaf, found[jax.tree_util.keystr(path)])


def test_a_run_has_its_config_its_manifest_and_its_control(loaded):
    assert loaded.config == load_config(str(loaded.path / "config.yaml"))
    assert loaded.manifest["sessions"][0]["exit_reason"] == "done"
    control = loaded.control
    assert control.config.agent.name == "reflex" and control.control is None
    assert len(control.champions) == 2 and len(control.metrics) == 4
    assert control.champions[0].live(lives=2).shape == (2, 5)


def test_nothing_is_read_before_it_is_asked_for(loaded, trained_copy):
    for name in ("metrics.jsonl", "manifest.json", "champions/champions.json"):
        (trained_copy / name).write_text("{\n")
    run = evolife.load(trained_copy)
    assert run.config == loaded.config
    for part in ("metrics", "life_curves", "manifest", "champions"):
        with pytest.raises(InvalidInput):
            getattr(run, part)


def test_a_run_that_has_just_begun_is_empty(loaded, tmp_path):
    (tmp_path / "config.yaml").write_text(loaded.config.to_yaml())
    run = evolife.load(tmp_path)
    assert len(run.metrics) == 0 and len(run.life_curves) == 0
    assert run.manifest is None and run.control is None
    with pytest.raises(InvalidInput, match="no champions yet"):
        run.champions  # noqa: B018
    with pytest.raises(InvalidInput, match="is not a run folder"):
        evolife.load(tmp_path.parent)
    with pytest.raises(InvalidInput, match="there is no run folder"):
        evolife.load(str(tmp_path / "none"))


def test_missing_pandas_is_named_with_its_extra(loaded, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    run = evolife.load(loaded.path)
    with pytest.raises(EvolifeError, match=r"pip install 'evolife\[report\]'"):
        run.metrics  # noqa: B018
    assert len(run.champions) == 2


BAD_SENSES = {
    "too many": ((np.zeros(9),), r"observation has shape \(9,\); it must have shape"),
    "words": ((["a"],), "observation = .*must be numbers"),
    "nan": (([math.nan],), r"observation\[0\] is not finite"),
    "huge": (([1e300],), r"observation\[0\] is not finite in float32"),
    "rewards": (([0.0], [1.0, 2.0]), r"reward has shape \(2,\); it must be one number"),
    "infinite": (([0.0], math.inf), "reward is not finite"),
    "first": (([0.0], 0.0, 1), "first = 1: must be True or False"),
}


@pytest.mark.parametrize("name", BAD_SENSES)
def test_what_cannot_be_sensed_is_refused_and_the_life_goes_on(loaded, name):
    size = loaded.stages.experiment.environment.spec.observation_size
    words, told = BAD_SENSES[name]
    if name not in ("too many", "words") and size != 1:
        words = (np.resize(np.asarray(words[0]), size), *words[1:])
    life, other = (loaded.champions[0].start() for _ in range(2))
    with np.errstate(over="ignore"), pytest.raises(InvalidInput, match=told):
        life.act(*words)
    assert life.steps == 0
    good = np.zeros(size), np.ones(1), np.bool_(True)
    assert life.act(*good) == other.act(*good)
    jax.tree.map(np.testing.assert_array_equal, life.state, other.state)


def test_numbers_out_of_range_are_refused(loaded):
    champion = loaded.champions[0]
    for words, told in (
        ({"lives": 0}, "lives = 0: allowed are 1"),
        ({"lives": 1.5}, "lives = 1.5"),
        ({"seed": -1}, "seed = -1"),
        ({"steps": 0}, "steps = 0"),
        ({"steps": 3}, "a life of 3 steps"),
        ({"env": "bandti"}, "mean 'bandit'"),
        ({"env": {"name": "bandit", "arms": 7}}, "evaluate it with the agent"),
    ):
        with pytest.raises(InvalidInput, match=told):
            champion.live(**words)
    with pytest.raises(InvalidInput, match="seed = 4294967296"):
        champion.start(2**32)


def test_a_damaged_table_is_told(trained_copy):
    path = trained_copy / "champions/champions.json"
    table = json.loads(path.read_text())
    del table["champions"][0]["early"]
    path.write_text(json.dumps(table))
    with pytest.raises(InvalidInput, match="a champion has no early"):
        evolife.load(trained_copy).champions  # noqa: B018


@pytest.fixture
def swept(loaded, tmp_path):
    """A sweep of which one run is done, one has stopped and one waits."""
    folder = SweepFolder(tmp_path / "sweep")
    folder.path.mkdir()
    folder.spec_path.write_text(
        "name: s\nmetric: {name: fitness/mean, goal: maximize}\nparameters: {}\n"
    )
    folder.base_path.write_text(loaded.config.to_yaml())
    entries = [
        Entry("a", {"seed": 0, "agent": {"name": "gru"}}, ("seed=0",)),
        Entry("b", {"seed": 1}, ("seed=1",)),
        Entry("c", {"seed": 2, "env.arms": 3}, ("seed=2", "env.arms=3")),
    ]
    write_entries(folder, entries)
    for name in ("a", "b"):
        shutil.copytree(loaded.path, folder.run(name).path)
    manifest = json.loads(folder.run("b").manifest_path.read_text())
    manifest["sessions"][-1]["exit_reason"] = "stopped"
    folder.run("b").manifest_path.write_text(json.dumps(manifest))
    return folder


def test_a_sweep_is_a_table_and_its_runs(loaded, swept):
    sweep = evolife.load(swept.path)
    assert isinstance(sweep, Sweep)
    table = sweep.table
    assert table.index.tolist() == ["a", "b", "c"]
    assert table["state"].tolist() == ["done", "stopped", "waiting"]
    assert table["seed"].tolist() == [0, 1, 2]
    assert table["agent"]["a"] == {"name": "gru"}
    assert np.isnan(table["env.arms"]["a"]) and table["env.arms"]["c"] == 3
    assert table["generation"].tolist() == [4, 4, 0]
    last = metrics(loaded.path)[-1]["fitness/mean"]
    assert table["fitness/mean"]["a"] == table["fitness/mean"]["b"] == last
    assert table["held_out"]["a"] == loaded.champions[0].held_out
    assert np.isnan(table["held_out"]["c"]) and np.isnan(table["fitness/mean"]["c"])
    assert [*sweep.runs] == ["a", "b"]
    assert (
        sweep.runs["b"].metrics["digest"].tolist() == loaded.metrics["digest"].tolist()
    )
    assert sweep.spec["name"] == "s"


def test_a_sweep_by_held_out_score_has_that_column_once(loaded, swept):
    swept.spec_path.write_text("name: s\nmetric: {name: held_out, goal: maximize}\n")
    table = evolife.load(swept.path).table
    assert table.columns.tolist().count("held_out") == 1
    assert table["held_out"]["a"] == loaded.champions[0].held_out
