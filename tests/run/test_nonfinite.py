"""What is not finite teaches nothing, is said and counted, and ends a lost run."""

import json
import math
import warnings
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest

import evolife
from evolife.config.model import load_config
from evolife.config.recording import Nonfinite
from evolife.engine.evolution import begin, evolve
from evolife.errors import EvolifeError
from evolife.plugins.build import build_run
from evolife.ranks.mpi import Serial
from evolife.run.nonfinite import NonfiniteCount
from evolife.storage import checkpoint
from evolife.storage.run_folder import RunFolder
from tests.cli_tools import check_every_json, metrics

WORLD = '''
"""Pays for hitting a hidden target; not for going far, nor in a rotten world."""

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp

from evolife.base import Continuous, Environment, Spec, TimeStep


@dataclasses.dataclass(frozen=True)
class Brittle(Environment):
    """NaN is what actions beyond ``limit`` and the share ``rotten`` of worlds pay."""

    senses: ClassVar[str] = ""
    acts: ClassVar[str] = ""
    objective: ClassVar[str] = ""
    generalises: ClassVar[str] = ""

    limit: float = 0.9
    """Of actions."""
    rotten: float = 0.0
    """Share of worlds."""

    @property
    def spec(self):
        return Spec(1, Continuous(1))

    @property
    def reward_range(self):
        return -9.0, 0.0

    def reset(self, key):
        state = jax.random.uniform(key, (2,))
        return state, self._sense(state, jnp.float32(0))

    def step(self, state, action, key):
        spoilt = (jnp.abs(action[0]) > self.limit) | (state[1] < self.rotten)
        reward = -jnp.square(action[0] - state[0])
        return state, self._sense(state, jnp.where(spoilt, jnp.nan, reward))

    def _sense(self, state, reward):
        return TimeStep(state[:1], reward, jnp.zeros((), bool))

    def statistics(self, state):
        return {"rotten": jnp.where(state[1] < self.rotten, jnp.nan, 0.0)}
'''
GENERATIONS = 8


@pytest.fixture(scope="module")
def plugins(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("plugins")
    (folder / "envs").mkdir()
    (folder / "envs" / "brittle.py").write_text(WORLD)
    return folder


def config(plugins: Path, **env: float) -> dict:
    return {
        "name": "brittle",
        "plugins": [str(plugins)],
        "env": {"name": "brittle", **env},
        "agent": {"name": "reflex", "hidden": [4]},
        "lifetime": {"steps": 2, "lives": 4, "bins": 2, "same_lives": True},
        "population": {"size": 8, "tile": 8},
        "strategy": {"name": "low_rank", "sigma": 0.3, "learning_rate": 0.05},
        "generations": GENERATIONS,
        "best_of_k": {"keep": 2, "lives": 16, "archive": 4},
        "checkpoint": {"every": 5},
        "record": {"every": 3},
    }


def train(plugins: Path, out: Path, *overrides: str, **env: float) -> None:
    evolife.train(config(plugins, **env), *overrides, out=out)


def test_a_generation_of_nothing_finite_changes_nothing(plugins, tmp_path):
    """Neither the strategy nor the archive; the next one draws other members."""
    file = tmp_path / "c.yaml"
    file.write_text(json.dumps(config(plugins, limit=0.0)))
    experiment = build_run(load_config(str(file))).experiment
    start = begin(experiment)
    before = jax.device_get(start.strategy.mean)
    steps = list(evolve(experiment, start, 0, Serial(), pytest.fail))
    assert len(steps) == GENERATIONS and not any(s.evaluation.teaches for s in steps)
    for a, b in zip(
        jax.tree.leaves(before),
        jax.tree.leaves(jax.device_get(steps[-1].progress.strategy.mean)),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)
    archive = steps[-1].progress.archive
    assert archive.candidates == [archive.selected.size - 1], "the centre alone"
    keys = {
        jax.random.key_data(s.evaluation.task.proposal.key).tobytes() for s in steps
    }
    assert len(keys) == GENERATIONS


def test_a_lost_run_stops_with_the_reason_and_goes_on_as_it_was_left(plugins, tmp_path):
    out = tmp_path / "run"
    told = r"stopped after generation 5 with a checkpoint; no champion was found: no "
    told += r"member had a finite fitness in 5 of the last 8 generations"
    with (
        pytest.warns(UserWarning, match="generation 1: no member"),
        pytest.raises(EvolifeError, match=told) as failed,
    ):
        train(plugins, out, limit=0.0)
    assert failed.value.exit_code == 1
    assert checkpoint.generations(RunFolder(out).checkpoints) == [5]
    lines = metrics(out)
    assert [x["fitness/nonfinite_generations"] for x in lines] == [1, 2, 3, 4, 5]
    assert {x["fitness/nonfinite"] for x in lines} == {8}
    assert {x["fitness/best"] for x in lines} == {None}
    assert (
        lines[0]["warnings"] and "warnings" in lines[1] and "warnings" not in lines[2]
    )
    session = json.loads((out / "manifest.json").read_text())["sessions"][-1]
    assert session["exit_reason"] == "failed"
    check_every_json(out)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = evolife.train("nonfinite.share=1", resume=out).champions
    assert [x["fitness/nonfinite_generations"] for x in metrics(out)][-1] == 8
    assert len(found) == 1 and found[0].source == "centre"
    assert math.isnan(found[0].held_out) and math.isnan(found[0].gap)
    assert {"champions.json", "metrics.jsonl", "manifest.json", "state.json"} <= (
        check_every_json(out)
    )
    fresh = evolife.evaluate(out, lives=4)
    assert fresh["champions"][0]["held_out"] is None
    assert fresh["champions"][0]["nonfinite"] == 4
    json.dumps(fresh, allow_nan=False)


def test_champions_of_a_run_that_loses_its_way_are_those_it_found_before(
    plugins, tmp_path
):
    """A learning rate far too high leads beyond the limit, and nobody comes back."""
    out = tmp_path / "run"
    with (
        warnings.catch_warnings(),
        pytest.raises(
            EvolifeError, match="the best agents of before are kept as champions"
        ),
    ):
        warnings.simplefilter("ignore")
        train(plugins, out, "strategy.learning_rate=3", "generations=12")
    lines = metrics(out)
    assert lines[0]["fitness/best"] is not None and lines[-1]["fitness/best"] is None
    rows = json.loads((out / "champions" / "champions.json").read_text())["champions"]
    finite = [x["generation"] for x in lines if x["fitness/best"] is not None]
    assert rows and {row["generation"] for row in rows} <= set(finite)
    assert all(row["validated"] < 0 and row["selected"] < 0 for row in rows)
    check_every_json(out)


def test_a_rotten_world_makes_nobody_equal_and_is_said(plugins, tmp_path):
    """A third of the worlds pays NaN to all: evolution goes on by the others."""
    out = tmp_path / "run"
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        train(plugins, out, "lifetime.lives=8", limit=1e9, rotten=0.3)
    texts = [str(one.message) for one in said]
    assert any("lives that all members share had no finite score" in t for t in texts)
    assert any("champions have no held-out score" in t for t in texts)
    lines = metrics(out)
    assert sum(x["fitness/nonfinite_lives"] for x in lines) > 0
    assert {x["fitness/nonfinite"] for x in lines} == {0}
    assert all(x["fitness/std"] > 0 for x in lines)
    rows = json.loads((out / "champions" / "champions.json").read_text())["champions"]
    assert all(math.isfinite(row["validated"]) for row in rows)
    for row in rows:
        assert 0 < row["nonfinite"] < 16
        assert row["held_out"] is row["gap"] is row["deviation"] is None
        assert row["interval"] == [None, None]
    check_every_json(out)


def lived(teaches: bool) -> SimpleNamespace:
    scores = np.zeros((2, 3))
    return SimpleNamespace(
        teaches=teaches,
        counted=np.ones(3, bool),
        nonfinite=0 if teaches else 2,
        scores=scores,
    )


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize(("last", "generations"), [(4, 100), (20, 6), (1, 50)])
def test_a_run_stops_when_more_than_its_share_of_the_last_is_lost(
    share, last, generations
):
    settings = Nonfinite(last=last, share=share), generations
    window = min(last, generations)
    lost = np.random.default_rng(last).random(generations) < 0.4
    count = NonfiniteCount(*settings)
    for done in range(1, generations + 1):
        count.note(done, lived(teaches=not lost[done - 1]))
        recent = lost[max(0, done - window) : done].sum()
        wanted = recent > share * window
        assert bool(count.reason_to_stop(done)) == wanted
        again = NonfiniteCount(*settings, (np.flatnonzero(lost[:done]) + 1).tolist())
        assert again.reason_to_stop(done) == count.reason_to_stop(done)


def test_words_grow_rarer():
    count = NonfiniteCount(Nonfinite(last=20, share=1.0), 100)
    said = [g for g in range(1, 101) if count.note(g, lived(teaches=False))]
    assert said == [1, 2, 4, 8, 16, 32, 64]
