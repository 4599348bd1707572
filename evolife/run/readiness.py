"""Whether a run could begin: everything that ``train`` refuses before it lives."""

import jax

from evolife import keys
from evolife.config.model import RunConfig, control_config
from evolife.engine.experiment import Experiment
from evolife.engine.validation import generations_between
from evolife.errors import InvalidInput, nearest
from evolife.plugins.build import BuiltRun, build_run
from evolife.run.film import check_record
from evolife.run.memory import check_memory
from evolife.run.tracing import check_lives
from evolife.storage import metric_names


def ready(config: RunConfig) -> tuple[BuiltRun, BuiltRun | None]:
    """Build a run and its control as ``train`` does.

    Raises:
        InvalidInput: one line for each thing that is wrong with either.
    """
    against = control_config(config)
    return checked(config), checked(against) if against else None


def checked(config: RunConfig) -> BuiltRun:
    """Build and check one run, without its control.

    Raises:
        InvalidInput: it does not fit together, or not into this machine.
    """
    built = build_run(config)
    check_memory(built.experiment)
    check_record(built)
    check_lives(built.experiment)
    return built


def check_metric(experiment: Experiment, name: str, on_the_way: int | None) -> None:
    """Refuse to compare runs by what they will not record.

    ``on_the_way`` is the first generation at which runs are compared, None where that
    is when they are done.

    Raises:
        InvalidInput: no such metric, or not at the time when it is needed.
    """
    details = metric_names.of_details(_statistics(experiment))
    ended = () if on_the_way else metric_names.OF_CHAMPIONS
    settings = experiment.settings
    if name in (*ended, *metric_names.OF_GENERATIONS):
        return
    if name in details:
        when = on_the_way or settings.generations
        _check_time(name, "record.every", settings.details_every, when)
    elif name in metric_names.OF_VALIDATION:
        # The last generation is validated however seldom the others are.
        every, when = generations_between(settings), on_the_way or 1
        _check_time(name, "record.validate_every", every, when)
    else:
        known = (
            *ended,
            *metric_names.OF_GENERATIONS,
            *metric_names.OF_VALIDATION,
            *details,
        )
        raise InvalidInput(
            f"metric.name = {name}: no such metric; there are: {', '.join(known)}"
            f"{nearest(name, known)}"
        )


def _check_time(name: str, key: str, every: int | None, when: int) -> None:
    """Refuse a metric that is not recorded after ``when`` generations."""
    if every is None:
        raise InvalidInput(
            f"metric.name = {name}: not recorded with {key}: null; set it to a number "
            "of generations, or to auto"
        )
    if when % every and when != 1:
        raise InvalidInput(
            f"metric.name = {name}: recorded every {every} generations, and not at "
            f"generation {when}, where it is needed; set {key} to a divisor of {when}, "
            "such as 1"
        )


def _statistics(experiment: Experiment) -> list[str]:
    """Names of what the environment tells of a life that ended."""
    environment = experiment.environment

    def told(key: keys.Key) -> dict[str, jax.Array]:
        return environment.statistics(environment.reset(key)[0])

    return list(jax.eval_shape(told, keys.root_key(0)))
