"""Every strategy there is evolves a small learner on the bandit."""

import numpy as np
import pytest

from evolife.config.model import load_config
from evolife.engine.evolution import begin, evolve
from evolife.errors import InvalidInput
from evolife.plugins.build import build_run
from evolife.plugins.registry import names
from evolife.ranks.mpi import Serial
from evolife.strategies.evosax.tables import REFUSED

pytestmark = pytest.mark.slow

GENERATIONS = 3
TINY = (
    "agent={name: gru, hidden: 2, sample: false}",
    "env={arms: 2, pulls: 5}",
    "lifetime={steps: 5, lives: 2}",
    "population={size: 16, tile: 8}",
    "selection={name: native}",
    f"generations={GENERATIONS}",
    "record.validate_every=null",
    "control=null",
)


WIDER = {"separable": ", sigma: 1.0"}
"""Where members of this small agent would act alike: a plateau teaches it nothing."""


@pytest.mark.parametrize("name", names("strategies"))
def test_a_strategy_evolves_on_the_bandit_or_says_why_not(name: str) -> None:
    settings = f"strategy={{name: {name}{WIDER.get(name, '')}}}"
    config = load_config("bandit", (*TINY, settings))
    if name in REFUSED:
        with pytest.raises(InvalidInput, match=REFUSED[name]):
            build_run(config)
        return
    experiment = build_run(config).experiment
    progress, warnings = begin(experiment), []
    steps = list(evolve(experiment, progress, 0, Serial(), warnings.append))
    assert [step.generation for step in steps] == list(range(1, GENERATIONS + 1))
    assert warnings == []
    assert experiment.evaluator.traces == 1
    for step in steps:
        assert step.evaluation.nonfinite == 0
        assert ((step.evaluation.fitness >= 0) & (step.evaluation.fitness <= 5)).all()
    assert len({step.digest for step in steps}) == GENERATIONS, "the state moves on"
    centre = experiment.strategy.centre(steps[-1].progress.strategy)
    assert all(np.isfinite(leaf).all() for leaf in _leaves(centre))


def _leaves(tree: object) -> list[np.ndarray]:
    import jax

    return [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]
