"""The loop over generations: what is under way while the host records."""

import pytest

from evolife.config.model import load_config
from evolife.engine.evaluator import Evaluator
from evolife.engine.evolution import begin, evolve
from evolife.plugins.build import build_run
from evolife.ranks.mpi import Serial

pytestmark = pytest.mark.fast

GENERATIONS = 3
CONFIG = (
    *("population={size: 32, tile: 8}", "lifetime.lives=2", "control=null"),
    *(f"generations={GENERATIONS}", "best_of_k={keep: 1, lives: 4}"),
)


@pytest.fixture
def experiment():
    return build_run(load_config("bandit", CONFIG)).experiment


def _steps(experiment):
    return evolve(experiment, begin(experiment), 0, Serial(), pytest.fail)


def _count_begun(experiment, monkeypatch):
    begun, real = [], Evaluator._begin_unit

    def count(self, grid, unit, task):
        if self is experiment.evaluator:
            begun.append((int(task.generation), unit))
        return real(self, grid, unit, task)

    monkeypatch.setattr(Evaluator, "_begin_unit", count)
    return begun


def test_the_next_generation_is_under_way_while_one_is_recorded(
    experiment, monkeypatch
):
    begun = _count_begun(experiment, monkeypatch)
    units = range(experiment.grid.units)
    every = [(g, u) for g in range(GENERATIONS) for u in units]
    for step in _steps(experiment):
        last = step.generation == GENERATIONS
        assert begun == every[: step.generation * len(units) + (not last)]
    assert begun == every


def test_what_is_begun_early_changes_no_bit(experiment, monkeypatch):
    ahead = [(s.digest, s.evaluation.scores.tobytes()) for s in _steps(experiment)]
    monkeypatch.setattr(Evaluator, "begin_share", lambda *_: None)
    after = [(s.digest, s.evaluation.scores.tobytes()) for s in _steps(experiment)]
    assert ahead == after
