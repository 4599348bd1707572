"""The main job: evolve, choose the best of K, hold the control against them."""

import contextlib
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from evolife.config.model import RunConfig, control_config
from evolife.engine.evolution import Progress, evolve
from evolife.engine.tournament import Champion, hold
from evolife.engine.variety import one_life
from evolife.engine.work import Interrupted, Partial
from evolife.errors import EvolifeError, Stopped, pasted
from evolife.plugins.build import BuiltRun
from evolife.processes.logs import redirect_output
from evolife.ranks.broadcast import on_rank_zero
from evolife.run import champion_table, resume_checks
from evolife.run.alike import computes_as, unlike_ranks
from evolife.run.bounds import measured_faults, statement_faults
from evolife.run.hooks import Hooks, installed_hooks
from evolife.run.journal import Journal
from evolife.run.nonfinite import NonfiniteCount
from evolife.run.plan import idle_ranks
from evolife.run.readiness import checked
from evolife.run.scaffold import Session, enter, noted
from evolife.run.verdict import compare
from evolife.storage import checkpoint
from evolife.storage.champions import markdown
from evolife.storage.held_out import HeldOut
from evolife.storage.run_folder import CONTROL, RunFolder


class Ended(NamedTuple):
    """A run that has come to its end; the same on every rank."""

    report: dict[str, Any]
    """What the command reports of it."""
    held_out: HeldOut | None
    """What its champions earned life by life; None where it has none."""


def train(config: RunConfig, path: Path, session: Session) -> dict[str, Any]:
    """Run ``config`` and its control to their ends; return the report on every rank.

    Raises:
        InvalidInput: the config, the folder or its checkpoint does not fit.
        Stopped: a signal came; the checkpoint to resume from is written.
    """
    try:
        return _with_control(config, path, session)
    except Stopped as stop:
        raise Stopped(
            f"{stop}; go on with: evolife train --resume {pasted(path)}"
        ) from stop


def _with_control(config: RunConfig, path: Path, session: Session) -> dict[str, Any]:
    changed = control_config(config)
    # Both first: what is wrong with a control must not show only hours later.
    main = _built(config, path, session)
    other = _built(changed, path / CONTROL, session) if changed else None
    with contextlib.ExitStack() as kept:
        ended = evolve_run(main, path, session, kept)
        if other is None:
            return ended.report
        session.terminal.info(f"the control: {other.config.name}")
        against = evolve_run(other, path / CONTROL, session, kept)
    verdict = compare(
        ended.report["champions"][0],
        against.report["champions"][0],
        config.claim,
        ended.held_out,
        against.held_out,
    )
    told = {CONTROL: against.report, "verdict": dataclasses.asdict(verdict)}
    return {**ended.report, **told}


def _built(config: RunConfig, path: Path, session: Session) -> BuiltRun:
    built = checked(config)
    faults = statement_faults(*_stated(built))
    for fault in faults if session.ranks.rank == 0 else ():
        session.terminal.warning(fault)
    if session.resume:
        on_rank_zero(lambda: resume_checks.check_config(built, path), session.ranks)
    return built


def evolve_run(
    built: BuiltRun, path: Path, session: Session, kept: contextlib.ExitStack
) -> Ended:
    """Evolve to the champions, or go on where the folder stopped.

    ``kept`` holds the lock on the folder.
    """
    ranks, run = session.ranks, RunFolder(path)
    written = resume_checks.written(built)
    on_rank_zero(lambda: enter(run, written, session.resume, kept), ranks)
    told, held_out = _recorded(built, run, session)
    report = {"run": str(run.path), "name": built.config.name, **told}
    return Ended(report, held_out)


def _known(built: BuiltRun, best: Sequence[Champion]) -> dict[str, Any]:
    """What the best and the memoryless agent can expect of a life, where known.

    Beside it what contradicts that: faults of the environment.
    """
    optimum, memoryless = _stated(built)
    returns = best[0].returns if best else np.zeros(0)
    faults = measured_faults(built.experiment, returns)
    return {"optimum": optimum, "memoryless": memoryless, "faults": faults}


def _stated(built: BuiltRun) -> tuple[float | None, float | None]:
    environment, steps = built.experiment.environment, built.config.lifetime.steps
    return environment.optimum(steps), environment.memoryless(steps)


def _recorded(built: BuiltRun, run: RunFolder, session: Session) -> Ended:
    """Do the work between the manifest's notes of its start and its end."""
    ranks = session.ranks
    progress, done = resume_checks.load_progress(built, run, ranks, session.terminal)

    def env_steps() -> int:
        reached: int = max(checkpoint.generations(run.checkpoints), default=0)
        return built.experiment.settings.steps_per_generation * reached

    with noted(run, resume_checks.written(built), session, env_steps):
        if ranks.rank == 0 and (idle := idle_ranks(built.experiment, ranks.size)):
            session.terminal.info(idle)
        odd = unlike_ranks(ranks, computes_as())
        if ranks.rank == 0 and odd:
            session.terminal.warning(odd)
        if ranks.rank:
            redirect_output(run.log_path(ranks.rank))
        return _work(built, run, progress, done, session)


def _work(
    built: BuiltRun, run: RunFolder, progress: Progress, done: int, session: Session
) -> Ended:
    """Evolve and hold the tournament; the same on every rank."""
    config, ranks = built.config, session.ranks
    with contextlib.ExitStack() as stack:
        journals = _open_journal(built, run, done, session, stack)
        warn = _warner(session, journals)
        found = on_rank_zero(lambda: journals[0].nonfinite, ranks)
        nonfinite = NonfiniteCount(config.nonfinite, config.generations, found)
        reason = nonfinite.reason_to_stop(done) if done == config.generations else None
        try:
            for step in evolve(built.experiment, progress, done, ranks, warn):
                progress, done = step.progress, step.generation
                for words in nonfinite.note(done, step.evaluation):
                    warn(words)
                reason = nonfinite.reason_to_stop(done)
                for journal in journals:
                    journal.record(step)
                    journal.save_if_due(done, progress, last=bool(reason))
                if reason:
                    break
            ended = _champions(built, run, progress, session, warn)
        except Interrupted as stop:
            # A stop in the tournament leaves no unit of a generation half done.
            over = reason or done == config.generations
            partial = Partial.none(built.experiment.grid) if over else stop.partial
            left = progress._replace(partial=partial)
            on_rank_zero(lambda: journals[0].save(done, left), ranks)
            words = f"stopped after generation {done} with a checkpoint"
            raise Stopped(words) from stop
        if reason:
            raise EvolifeError(_given_up(reason, done, ended.report["champions"]))
        for journal in journals:
            table = markdown(ended.report["champions"])
            journal.champions(table, ended.held_out, done)
        return ended


def _champions(
    built: BuiltRun,
    run: RunFolder,
    progress: Progress,
    session: Session,
    warn: Callable[[str], None],
) -> Ended:
    """Choose and write the champions; none of them where there is no candidate."""
    if not progress.archive.candidates:
        return Ended({**_known(built, []), "champions": []}, None)
    best = hold(built.experiment, progress.archive, session.ranks)
    known = _known(built, best)
    lives = champion_table.held_out(built.config, best)
    for fault in known["faults"] if session.ranks.rank == 0 else ():
        warn(fault)
    table: list[dict[str, Any]] = on_rank_zero(
        lambda: champion_table.write(run, best, known, lives), session.ranks
    )
    if any(row["one_life"] is not None for row in table):
        session.terminal.warning(one_life(f"env {built.config.env.name}"))
    if broken := [row for row in table if row["nonfinite"]]:
        session.terminal.warning(
            f"{len(broken)} of {len(table)} champions have no held-out score: up to "
            f"{max(row['nonfinite'] for row in broken)} of their {best[0].lives} "
            "held-out lives earned NaN or infinity"
        )
    return Ended({**known, "champions": table}, lives)


def _given_up(reason: str, done: int, table: Sequence[Mapping[str, Any]]) -> str:
    kept = "no champion was found"
    if table:
        kept = f"the best agents of before are kept as champions ({len(table)})"
    return f"stopped after generation {done} with a checkpoint; {kept}: {reason}"


def _open_journal(
    built: BuiltRun,
    run: RunFolder,
    done: int,
    session: Session,
    stack: contextlib.ExitStack,
) -> list[Journal]:
    """Rank 0's journal, none on other ranks; they hear of it where that fails."""
    opened: list[Journal] = []

    def open_it() -> None:
        shown = session.terminal.progress(built.config.generations, done)
        display = stack.enter_context(shown)
        told = session.terminal.warning
        about = {
            "name": built.config.name,
            "config": built.config.model_dump(mode="json"),
            "folder": str(run.path),
        }
        hooks = Hooks([*installed_hooks(told), *session.hooks], about, told)
        journal = Journal(built, run, done, display, session.ranks.size, hooks)
        opened.append(stack.enter_context(journal))

    on_rank_zero(open_it, session.ranks)
    return opened


def _warner(session: Session, journals: Sequence[Journal]) -> Callable[[str], None]:
    """What tells the user, and keeps what was told."""

    def warn(text: str) -> None:
        session.terminal.warning(text)
        for journal in journals:
            journal.warn(text)

    return warn
