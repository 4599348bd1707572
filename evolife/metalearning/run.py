"""A meta-run: trains an operator in a folder of its own, or goes on with that."""

import contextlib
import functools
from pathlib import Path
from typing import Any

import jax

from evolife.config.located import config_digest, digested, load
from evolife.errors import Stopped, pasted
from evolife.keys import root_key
from evolife.metalearning import training
from evolife.metalearning.config import MetaConfig
from evolife.metalearning.gradient_estimator import GradientEstimator
from evolife.metalearning.journal import MetaJournal
from evolife.metalearning.shards import gathered
from evolife.metalearning.training import Descent
from evolife.plugins import registry
from evolife.plugins.hyperparameters import resolved_choice
from evolife.ranks.broadcast import on_rank_zero
from evolife.ranks.mpi import Ranks
from evolife.run import scaffold
from evolife.selection.features import FEATURES
from evolife.selection.operator import Architecture
from evolife.storage.run_folder import RunFolder


def build_route(config: MetaConfig) -> GradientEstimator:
    """The config's route.

    Raises:
        InvalidInput: for an unknown name, or settings that do not suit.
    """
    shape = Architecture(len(FEATURES), **config.operator.model_dump())
    route: GradientEstimator = registry.build(
        "estimators", config, config.plugins, architecture=shape
    )
    return route


def check_shards(route: GradientEstimator) -> None:
    """Build what every shard works on, without running it.

    Raises:
        InvalidInput: a strategy, agent or environment does not exist or does not fit.
    """
    for shard in range(route.shards):
        jax.eval_shape(functools.partial(route.begin, shard), root_key(0))


def meta(config: MetaConfig, path: Path, session: scaffold.Session) -> dict[str, Any]:
    """Train to the end; return the operator's card on every rank.

    Raises:
        InvalidInput: the config, the folder or its checkpoint does not fit.
        Stopped: a signal came; the checkpoint to resume from is written.
    """
    route = build_route(config)
    check_shards(route)
    given = resolved_choice(config.route.name, route)
    resolved = config.model_copy(update={"route": given})
    run = RunFolder(path)
    written = scaffold.Written(resolved.to_yaml(), config_digest(resolved), config.seed)
    with contextlib.ExitStack() as kept:

        def begin() -> None:
            if session.resume and run.config_path.is_file():
                own = load(MetaConfig, str(run.config_path))
                scaffold.check_same(run, digested(own), digested(resolved))
            scaffold.enter(run, written, session.resume, kept)

        on_rank_zero(begin, session.ranks)
        with scaffold.noted(run, written, session):
            return _trained(resolved, route, run, written, session)


def _trained(
    config: MetaConfig,
    route: GradientEstimator,
    run: RunFolder,
    written: scaffold.Written,
    session: scaffold.Session,
) -> dict[str, Any]:
    """All meta-steps that are left; the card on every rank."""
    ranks, terminal = session.ranks, session.terminal
    rate, clip = config.optimizer.learning_rate, config.optimizer.clip
    descent = Descent(rate, clip, config.meta_steps)
    start = training.begin(route, descent, config.seed)
    progress, done = scaffold.load_progress(
        run, start, written, ranks, terminal.warning
    )
    journals: list[MetaJournal] = []
    with contextlib.ExitStack() as stack:

        def open_it() -> None:
            display = stack.enter_context(terminal.progress(config.meta_steps, done))
            journal = MetaJournal(config, run, done, display)
            journals.append(stack.enter_context(journal))

        def save() -> None:
            whole = progress._replace(carries=gathered(progress.carries, ranks))
            on_rank_zero(lambda: journals[0].save(done, whole), ranks)

        on_rank_zero(open_it, ranks)
        for step in training.train(
            *(route, descent, progress, done, config.seed),
            *(config.validate_.every, ranks, terminal.warning),
        ):
            progress, done = step.progress, step.number
            for journal in journals:
                journal.record(step)
            if _stop_agreed(ranks):
                save()
                raise Stopped(
                    f"stopped after meta-step {done} with a checkpoint; go on with: "
                    f"evolife meta --resume {pasted(run.path)}"
                )
            if done % config.checkpoint.every == 0 or done == config.meta_steps:
                save()
        told: dict[str, Any] = on_rank_zero(
            lambda: journals[0].finish(progress, route, ranks.size), ranks
        )
    return told


def _stop_agreed(ranks: Ranks) -> bool:
    notes = ranks.gather_bytes(bytes([ranks.stop_requested()]))
    return any(note != b"\0" for note in notes)
