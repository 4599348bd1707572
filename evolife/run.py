"""The main job: evolve, choose the best of K, hold the control against them."""

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from evolife.config.model import RunConfig, config_digest, control_config
from evolife.errors import InvalidInput, Stopped
from evolife.evolution import Progress, begin, evolve
from evolife.experiment import Experiment, build
from evolife.journal import Journal
from evolife.launching.output import redirect_output
from evolife.lineage.manifest import finish_manifest, start_manifest
from evolife.population import Interrupted, Partial
from evolife.ranks import Ranks, mpi_library
from evolife.record.terminal import Terminal
from evolife.storage import champions, checkpoint
from evolife.storage.files import storage_errors, write_atomically
from evolife.storage.run_folder import RunFolder, create
from evolife.storage.transfer import from_rank_zero, on_rank_zero
from evolife.tournament import hold
from evolife.verdict import compare

CONTROL = "control"
"""Folder of the control's run within the run."""


@dataclasses.dataclass(frozen=True)
class Session:
    """Who runs what, where: the same for the run and its control."""

    ranks: Ranks
    terminal: Terminal
    argv: Sequence[str]
    code: Mapping[str, Any]
    """What ``code_identity`` said before MPI started."""
    resume: bool
    """Go on from what the folder holds, if it holds anything."""


def train(config: RunConfig, path: Path, session: Session) -> dict[str, Any]:
    """Run ``config`` and its control to their ends; return the report on every rank.

    Raises:
        InvalidInput: the config, the folder or its checkpoint does not fit.
        Stopped: a signal came; the checkpoint to resume from is written.
    """
    report = evolve_run(config, path, session)
    control = control_config(config)
    if control is None:
        return report
    session.terminal.info(f"the control: {control.name}")
    against = evolve_run(control, path / CONTROL, session)
    verdict = compare(report["champions"][0], against["champions"][0], config.claim)
    return {**report, CONTROL: against, "verdict": dataclasses.asdict(verdict)}


def evolve_run(config: RunConfig, path: Path, session: Session) -> dict[str, Any]:
    """Evolve one config to its champions, or go on where its folder stopped."""
    experiment = build(config)
    ranks, run = session.ranks, RunFolder(path)
    on_rank_zero(lambda: _prepare(experiment, run, session), ranks)
    if ranks.rank:
        redirect_output(run.log_path(ranks.rank))
    progress, done = _progress(experiment, run, session)
    manifest = on_rank_zero(lambda: _open_manifest(experiment, run, session), ranks)
    reason = "failed"
    try:
        table = _work(experiment, run, progress, done, session)
        reason = "done"
    except Stopped:
        reason = "stopped"
        raise
    finally:
        if ranks.rank == 0:
            reached = max(checkpoint.generations(run.checkpoints), default=0)
            steps = experiment.steps_per_generation * reached
            finish_manifest(run, manifest, reason, steps)
    steps = config.lifetime.steps
    return {
        "run": str(run.path),
        "name": config.name,
        "optimum": experiment.environment.optimum(steps),
        "memoryless": experiment.environment.memoryless(steps),
        "champions": table,
    }


def _prepare(experiment: Experiment, run: RunFolder, session: Session) -> None:
    """Create the folder, or note in the one to resume what the config is now."""
    text = experiment.config.to_yaml()
    if not (session.resume and run.config_path.is_file()):
        create(run.path, text)
        return
    with storage_errors("write", run.config_path):
        write_atomically(run.config_path, text.encode())


def _progress(
    experiment: Experiment, run: RunFolder, session: Session
) -> tuple[Progress, int]:
    """Read the newest valid checkpoint on rank 0 and hand it to everyone."""
    held = [begin(experiment)]

    def read() -> int:
        loaded = checkpoint.load(run.checkpoints, None, held[0])
        if loaded is None:
            return 0
        _check_digest(experiment, run, loaded.extra)
        for warning in loaded.warnings:
            session.terminal.warning(warning)
        held[0] = loaded.tree
        return loaded.generation

    done: int = on_rank_zero(read, session.ranks)
    return from_rank_zero(held[0], session.ranks), done


def _check_digest(
    experiment: Experiment, run: RunFolder, extra: Mapping[str, Any]
) -> None:
    if extra.get("config_digest") != config_digest(experiment.config):
        raise InvalidInput(
            f"the checkpoint in {run.path} is of another config; resume with the run's "
            f"own: evolife train --resume {run.path}"
        )


def _open_manifest(
    experiment: Experiment, run: RunFolder, session: Session
) -> dict[str, Any]:
    return start_manifest(
        run,
        config_digest(experiment.config),
        session.argv,
        code=session.code,
        ranks=session.ranks.size,
        mpi=mpi_library() if session.ranks.size > 1 else None,
        seeds={"seed": experiment.config.seed},
    )


def _work(
    experiment: Experiment,
    run: RunFolder,
    progress: Progress,
    done: int,
    session: Session,
) -> list[dict[str, Any]]:
    """Evolve and hold the tournament; return the table of champions on every rank."""
    config, ranks = experiment.config, session.ranks
    with ExitStack() as stack:
        journal = None
        if ranks.rank == 0:
            display = session.terminal.progress(config.generations, done)
            shown = stack.enter_context(display)
            journal = stack.enter_context(Journal(experiment, run, done, shown))
        try:
            warn = session.terminal.warning
            for step in evolve(experiment, progress, done, ranks, warn):
                progress, done = step.progress, step.generation
                if journal:
                    journal.record(step)
                    if done % config.checkpoint.every == 0:
                        journal.save(done, progress)
            if journal:
                journal.save(done, progress)
            best = hold(experiment, progress.archive, ranks)
        except Interrupted as stop:
            partial = stop.partial
            if done == config.generations:
                partial = Partial.none(experiment.grid)
            if journal:
                journal.save(done, progress._replace(partial=partial))
            raise Stopped(
                f"stopped after generation {done} with a checkpoint; go on with: "
                f"evolife train --resume {run.path}"
            ) from stop
        table = on_rank_zero(lambda: champions.write(run, best), ranks)
        if journal:
            journal.champions(champions.markdown(table), done)
        return table
