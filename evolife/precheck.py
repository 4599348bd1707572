"""Everything that can be told to be wrong with a config before anything is lived."""

import inspect
from pathlib import Path

import jax
import jax.numpy as jnp

from evolife import keys
from evolife.config.model import RunConfig
from evolife.experiment import Experiment, build
from evolife.film import check_record
from evolife.footprint import check_memory
from evolife.plugins.files import plugin_errors
from evolife.units import Task


def checked(config: RunConfig) -> Experiment:
    """What a config describes, built and checked as a run checks it before it begins.

    Raises:
        InvalidInput: for anything that does not exist, does not fit together or into
            memory, or cannot be lived.
    """
    experiment = build(config)
    check_memory(experiment)
    check_record(experiment)
    check_lives(experiment)
    return experiment


def check_lives(experiment: Experiment) -> None:
    """Trace the lives of members as the strategy hands them over; compute nothing.

    What was traced is kept: the first generation need not trace it again.

    Raises:
        InvalidInput: names the agent, the environment and what cannot be traced.
    """
    names = [type(part).__name__ for part in (experiment.agent, experiment.environment)]
    file = Path(inspect.getfile(type(experiment.agent)))
    strategy = experiment.config.strategy.name
    what = "agent {} in environment {} under strategy {}".format(*names, strategy)
    with plugin_errors(what, file):
        task = jax.eval_shape(lambda: _first_task(experiment))
        experiment.population.outcome_of_one(experiment.grid, task)


def _first_task(experiment: Experiment) -> Task:
    strategy, number = experiment.strategy, jnp.int32(0)
    state = strategy.init(keys.root_key(0), experiment.agent.init_genome)
    pool = keys.pool_key(0, keys.Pool.EVOLVE)
    return Task(strategy.propose(state, number), pool, number)
