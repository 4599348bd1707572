"""What a run says of learning: with it, without it, and against what is stated."""

import dataclasses
import json

import jax
import numpy as np
import pytest

from evolife import keys
from evolife.config.layers import Layer
from evolife.config.model import RunConfig
from evolife.engine import tournament
from evolife.engine.ablation import learns
from evolife.engine.archive import Archive
from evolife.engine.tournament import champion_grid
from evolife.engine.work import Task
from evolife.envs.bandit import Bandit
from evolife.plugins.build import build_run
from evolife.ranks.mpi import Serial
from evolife.run import bounds, champion_table
from evolife.storage import held_out
from evolife.storage.run_folder import FILMS, RunFolder

LIVES = 24


def small(**agent):
    data = {
        "name": "small",
        "seed": 5,
        "env": {"name": "bandit", "arms": 4, "pulls": 12},
        "agent": agent or {"name": "gru", "hidden": 4, "sample": True},
        "lifetime": {"steps": 12, "lives": 2, "bins": 3},
        "population": {"size": 4},
        "generations": 1,
        "best_of_k": {"keep": 2, "lives": LIVES, "archive": 4},
    }
    return build_run(RunConfig.parsed(Layer(data)))


def held(experiment):
    archive = Archive.empty(experiment.template(), 4)
    births = jax.random.split(keys.root_key(1), 2)
    for number, birth in enumerate(births):
        genome = jax.device_get(jax.jit(experiment.agent.init_genome)(birth))
        # Large weights, so that what is kept within a life matters.
        rng = np.random.default_rng(number)
        genome = jax.tree.map(
            lambda leaf, rng=rng: rng.normal(0, 2, leaf.shape).astype(leaf.dtype),
            genome,
        )
        archive.offer(genome, float(number), 1 + number, number)
    return tournament.hold(experiment, archive, Serial())


@pytest.fixture(scope="module")
def learner():
    """An agent that learns, and its champions."""
    built = small()
    return built, held(built.experiment)


def test_the_ablation_is_the_agent_under_learns_false(learner):
    """On the very lives that the champion was reported on."""
    built, (best, other) = learner
    experiment = built.experiment
    agent = dataclasses.replace(experiment.agent, learns=False)
    ablated = dataclasses.replace(experiment, agent=agent)
    population = ablated.stacked(12)
    stack = jax.tree.map(lambda leaf: leaf[None], best.genome)
    pool = keys.pool_key(experiment.settings.seed, keys.Pool.REPORT)
    task = Task(jax.device_put(stack), pool, np.int32(0))
    lived = population.live(champion_grid([0], range(LIVES)), task, Serial())
    np.testing.assert_array_equal(best.unlearned.returns, lived.scores[0])
    np.testing.assert_allclose(
        best.unlearned.curve, lived.details([0])[0].curve, rtol=1e-6
    )
    assert other.unlearned is None
    assert (best.unlearned.returns != best.returns).any(), "it does learn"
    assert best.held_out == best.returns.mean(dtype=np.float64)
    assert 12 * best.curve.mean() == pytest.approx(best.held_out, rel=1e-5)


@pytest.mark.parametrize(
    "agent",
    [
        {"name": "reflex", "hidden": [2]},
        {"name": "gru", "hidden": 4, "learns": False},
    ],
    ids=["no state", "ablated"],
)
def test_an_agent_that_keeps_nothing_has_no_ablation(agent):
    assert not learns(small(**agent).experiment.agent)


def test_lives_lie_beside_the_champions_and_films_of_others_go(learner, tmp_path):
    built, best = learner
    run = RunFolder(tmp_path)
    run.champions.mkdir()
    lives = champion_table.held_out(built.config, best)
    champion_table.write(run, best, {}, lives)
    for film in FILMS:
        (tmp_path / film).write_bytes(b"film")
    table = champion_table.write(run, best, {}, lives)
    assert all((tmp_path / film).exists() for film in FILMS), "of these very champions"
    found = held_out.read(run, table)
    np.testing.assert_array_equal(found.returns, [one.returns for one in best])
    np.testing.assert_array_equal(found.unlearned_curve, best[0].unlearned.curve)
    assert found.lives["env"]["arms"] == 4 and found.lives["steps"] == 12
    others = [dataclasses.replace(one, generation=9) for one in best]
    champion_table.write(run, others, {}, lives)
    assert not any((tmp_path / film).exists() for film in FILMS)
    assert json.loads((run.champions / "champions.json").read_bytes())


class Stated(Bandit):
    """A bandit that states other numbers than those that are true."""

    numbers = (6.0, 3.0)

    def optimum(self, steps):
        return self.numbers[0]

    def memoryless(self, steps):
        return self.numbers[1]


def stating(optimum, memoryless, **agent):
    kind = type("Stated", (Stated,), {"numbers": (optimum, memoryless)})
    return dataclasses.replace(
        small(**agent).experiment, environment=kind(arms=2, pulls=6)
    )


def returns(mean, count=64):
    return np.random.default_rng(0).normal(mean, 1.0, count)


def test_a_better_score_than_is_possible_is_a_fault_of_the_environment():
    reflex = {"name": "reflex", "hidden": [2]}
    ablated = {"name": "gru", "hidden": 4, "learns": False}
    assert bounds.measured_faults(stating(6, 3), returns(5.0)) == []
    (told,) = bounds.measured_faults(stating(4, 3), returns(5.0))
    assert "more than the optimum = 4" in told
    for agent in (reflex, ablated):
        (told,) = bounds.measured_faults(stating(6, 3, **agent), returns(4.0))
        assert "more than the memoryless = 3" in told and "fresh lives" in told
        assert bounds.measured_faults(stating(6, 4, **agent), returns(4.05)) == []
        assert bounds.measured_faults(stating(6, None, **agent), returns(4.0)) == []


def test_a_memoryless_life_cannot_be_stated_above_the_best():
    (told,) = bounds.statement_faults(2.0, 3.0)
    assert "memoryless = 3 above optimum = 2" in told
    assert bounds.statement_faults(-2.0, -2.0) == []
    for pair in ((None, 3.0), (2.0, None), (3.0, 2.0)):
        assert bounds.statement_faults(*pair) == []


def test_a_fault_is_seen_where_there_is_none_as_rarely_as_stated():
    rng = np.random.default_rng(0)
    seen = [bounds.exceeds(rng.normal(1.0, 2.0, 12), 1.0) for _ in range(1000)]
    # Exceeded with chance 1e-6 at a rate of 0.001.
    assert sum(seen) <= 9
    assert not bounds.exceeds(np.full(5, 2.0), 1.0), "five lives prove little"
    assert bounds.exceeds(np.full(50, 2.0), 1.0)
    assert not bounds.exceeds(np.full(50, np.float32(0.1) * 3), 0.3), "a rounding"
