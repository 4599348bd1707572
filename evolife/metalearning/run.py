"""A meta-run: trains an operator in a folder of its own, or goes on with that."""

import contextlib
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax

from evolife.config.difference import changes
from evolife.console.terminal import Terminal
from evolife.errors import EvolifeError, InvalidInput, Stopped, pasted
from evolife.keys import root_key
from evolife.metalearning import training
from evolife.metalearning.config import MetaConfig, digested, load_meta, meta_digest
from evolife.metalearning.estimator import Route
from evolife.metalearning.journal import MetaJournal
from evolife.metalearning.shards import gathered
from evolife.metalearning.training import Descent, Progress
from evolife.plugins import registry
from evolife.plugins.hyperparameters import resolved_choice
from evolife.ranks.broadcast import from_rank_zero, on_rank_zero
from evolife.ranks.mpi import Ranks, mpi_library
from evolife.selection.features import FEATURES
from evolife.selection.operator import Architecture
from evolife.storage import checkpoint
from evolife.storage.lock import locked
from evolife.storage.manifest import finish_manifest, start_manifest
from evolife.storage.run_folder import RunFolder, create


def build_route(config: MetaConfig) -> Route:
    """The config's route.

    Raises:
        InvalidInput: for an unknown name, or settings that do not suit.
    """
    shape = Architecture(len(FEATURES), **config.operator.model_dump())
    route: Route = registry.build(
        "estimators", config, config.plugins, architecture=shape
    )
    return route


def check_shards(route: Route) -> None:
    """Build what every shard works on, without running it.

    Raises:
        InvalidInput: a strategy, agent or environment does not exist or does not fit.
    """
    for shard in range(route.shards):
        jax.eval_shape(functools.partial(route.begin, shard), root_key(0))


def meta(
    config: MetaConfig,
    path: Path,
    ranks: Ranks,
    terminal: Terminal,
    argv: Sequence[str],
    code: Mapping[str, Any],
    resume: bool,
) -> dict[str, Any]:
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
    with contextlib.ExitStack() as kept:
        on_rank_zero(lambda: _enter(resolved, run, resume, kept), ranks)
        manifest = on_rank_zero(lambda: _noted(resolved, run, argv, code, ranks), ranks)
        reason = "failed"
        try:
            card = _trained(resolved, route, run, ranks, terminal)
            reason = "done"
        except Stopped:
            reason = "stopped"
            raise
        finally:
            if ranks.rank == 0:
                with contextlib.suppress(EvolifeError, OSError):
                    finish_manifest(run, manifest, reason, 0)
    return card


def _trained(
    config: MetaConfig, route: Route, run: RunFolder, ranks: Ranks, terminal: Terminal
) -> dict[str, Any]:
    """All meta-steps that are left; the card on every rank."""
    rate, clip = config.optimizer.learning_rate, config.optimizer.clip
    descent = Descent(rate, clip, config.meta_steps)
    start = training.begin(route, descent, config.seed)
    progress, done = _loaded(config, run, start, ranks, terminal)
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


def _loaded(
    config: MetaConfig,
    run: RunFolder,
    start: Progress,
    ranks: Ranks,
    terminal: Terminal,
) -> tuple[Progress, int]:
    """The newest checkpoint and its meta-step on all ranks; the start where none is."""
    held = [start]

    def read() -> int:
        loaded = checkpoint.load(run.checkpoints, None, start)
        if loaded is None:
            return 0
        if loaded.extra.get("config_digest") != meta_digest(config):
            raise InvalidInput(f"{run.path}: its checkpoints are of another config")
        for warning in loaded.warnings:
            terminal.warning(warning)
        held[0] = loaded.tree
        return loaded.generation

    done: int = on_rank_zero(read, ranks)
    return from_rank_zero(held[0], ranks), done


def _enter(
    config: MetaConfig, run: RunFolder, resume: bool, kept: contextlib.ExitStack
) -> None:
    if resume and run.config_path.is_file():
        _same(config, run)
    else:
        create(run.path, config.to_yaml())
    kept.enter_context(locked(run.path))


def _same(config: MetaConfig, run: RunFolder) -> None:
    was, now = digested(load_meta(str(run.config_path))), digested(config)
    if was != now:
        raise InvalidInput(
            f"{run.path} was made by another config: {changes(was, now)}. Go on "
            "without these changes, or start over with --out DIR"
        )


def _noted(
    config: MetaConfig,
    run: RunFolder,
    argv: Sequence[str],
    code: Mapping[str, Any],
    ranks: Ranks,
) -> dict[str, Any]:
    return start_manifest(
        run,
        meta_digest(config),
        argv,
        code=code,
        ranks=ranks.size,
        mpi=mpi_library() if ranks.size > 1 else None,
        seeds={"seed": config.seed},
    )
