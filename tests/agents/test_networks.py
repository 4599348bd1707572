"""Networks of other libraries, as they are, under every kind of strategy."""

import jax
import numpy as np
import pytest

from evolife import pytrees
from evolife.commands.describe import describe
from evolife.config.model import RunConfig
from evolife.config.sources import run_config
from evolife.engine.evolution import begin, evolve
from evolife.plugins.build import build_run
from evolife.ranks.base import Serial
from tests.paths import NETWORKS

AGENTS = [path.stem for path in (NETWORKS / "agents").glob("*.py")]
STRATEGIES = ["low_rank", "Open_ES", "SimpleGA"]
"""Factored, of a distribution, and of a population."""


def config(agent: str, strategy: str) -> RunConfig:
    return run_config(
        {
            "name": "network",
            "env": {"name": "still"},
            "agent": {"name": agent},
            "lifetime": {"steps": 3, "lives": 1, "bins": 1},
            "population": {"size": 4, "tile": 4},
            "strategy": {"name": strategy},
            "selection": {"name": "native" if strategy != "low_rank" else "raw"},
            "generations": 1,
            "best_of_k": {"archive": 2, "keep": 1},
        },
        [],
        [str(NETWORKS)],
    )


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_networks_evolve_as_they_are(strategy: str) -> None:
    """Each acts, is ranked, kept, written and read back; no two members are equal."""
    experiment = build_run(config("together", strategy)).experiment
    (step,) = evolve(experiment, begin(experiment), 0, Serial(), pytest.fail)
    assert np.isfinite(step.evaluation.measured).all()
    assert len(set(step.evaluation.measured.tolist())) == 4
    kept = step.progress.archive.genomes
    again = pytrees.rebuild(kept, pytrees.take_apart(kept))
    for one, other in zip(*map(jax.tree.leaves, (again, kept)), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("agent", AGENTS)
def test_networks_are_described(agent: str) -> None:
    """By a check that traces lives of members as the strategy builds them."""
    assert describe(config(agent, "low_rank"))["observation_size"] == 4
