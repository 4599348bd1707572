"""Lives of a run's members, traced before the first is lived."""

import jax
import jax.numpy as jnp

from evolife import keys
from evolife.engine.experiment import Experiment
from evolife.engine.work import Task
from evolife.plugins.files import file_of, plugin_errors


def check_lives(experiment: Experiment) -> None:
    """Trace the lives of members as the strategy hands them over; compute nothing.

    What was traced is kept: the first generation need not trace it again.

    Raises:
        InvalidInput: names the agent, the environment and what cannot be traced.
    """
    names = [type(part).__name__ for part in (experiment.agent, experiment.environment)]
    file = file_of(experiment.agent)
    strategy = experiment.strategy.name
    what = "agent {} in environment {} under strategy {}".format(*names, strategy)
    with plugin_errors(what, file):
        task = jax.eval_shape(lambda: _first_task(experiment))
        experiment.evaluator.outcome_of_one(experiment.grid, task)


def _first_task(experiment: Experiment) -> Task:
    strategy, number = experiment.strategy, jnp.int32(0)
    state = strategy.init(keys.root_key(0), experiment.agent.init_genome)
    pool = keys.pool_key(0, keys.Pool.EVOLVE)
    return Task(strategy.ask(state, number), pool, number)
