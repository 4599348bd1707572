"""Before the first generation: the run's folder, its lock, and where it stopped.

Whatever does not fit is refused before anything in the folder is changed.
"""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evolife.config.difference import changes
from evolife.config.model import config_digest, digested, load_config
from evolife.console.terminal import Terminal
from evolife.engine.evolution import Progress, begin
from evolife.errors import InvalidInput
from evolife.plugins.build import BuiltRun
from evolife.ranks.broadcast import from_rank_zero, on_rank_zero
from evolife.ranks.mpi import Ranks, mpi_library
from evolife.storage import checkpoint, metrics
from evolife.storage.files import storage_errors, write_atomically
from evolife.storage.lock import locked
from evolife.storage.manifest import start_manifest
from evolife.storage.run_folder import RunFolder, create


def check_config(built: BuiltRun, path: Path) -> None:
    """Check that the run at ``path``, if there is one, is of this config.

    Raises:
        InvalidInput: it describes another evolution, or is damaged.
    """
    run = RunFolder(path)
    if not run.config_path.is_file():
        return
    configs = load_config(str(run.config_path)), built.config
    lives, asked = (config.record.validate_lives for config in configs)
    if lives != asked and run.metrics_path.is_file():
        raise InvalidInput(
            f"record.validate_lives = {asked}: the curve of {run.path} is of {lives} "
            "lives, and would be of others from here; leave it, or start over with "
            "--out DIR"
        )
    was, now = map(digested, configs)
    if was != now:
        raise InvalidInput(
            f"{run.path} was made by another config: {changes(was, now)}. Go on "
            "without these changes, or start over with --out DIR"
        )


def enter(
    built: BuiltRun, run: RunFolder, resume: bool, kept: contextlib.ExitStack
) -> None:
    """Make the folder, or go back to one to resume; ``kept`` holds its lock.

    Raises:
        InvalidInput: the folder is in use, or may not be used.
        EvolifeError: the disk is full or refuses.
    """
    if not (resume and run.config_path.is_file()):
        create(run.path, built.config.to_yaml())
    kept.enter_context(locked(run.path))
    for part in run.parts:
        # Copying a run may have lost its empty folders.
        with storage_errors("create", part):
            part.mkdir(exist_ok=True)


def load_progress(
    built: BuiltRun, run: RunFolder, ranks: Ranks, terminal: Terminal
) -> tuple[Progress, int]:
    """Read the newest valid checkpoint on rank 0 and hand it to everyone.

    Returns what evolution goes on from and how many generations are done: none, where
    there is no checkpoint yet.

    Raises:
        InvalidInput: the checkpoint is of another config, or beyond this one's end; or
            the metrics were altered.
        EvolifeError: every checkpoint is damaged.
    """
    held = [begin(built.experiment)]

    def read() -> int:
        metrics.read(run.metrics_path)
        loaded = checkpoint.load(run.checkpoints, None, held[0])
        if loaded is None:
            return 0
        _same_digest(built, run, loaded)
        check_goal(built, run, loaded.generation)
        for warning in loaded.warnings:
            terminal.warning(warning)
        held[0] = loaded.tree
        return loaded.generation

    done: int = on_rank_zero(read, ranks)
    return from_rank_zero(held[0], ranks), done


def note_start(
    built: BuiltRun,
    run: RunFolder,
    argv: Sequence[str],
    code: Mapping[str, Any],
    ranks: Ranks,
) -> dict[str, Any]:
    """Open a session in the manifest and write the config as it is now.

    Raises:
        InvalidInput: the manifest is damaged, or of another config.
        EvolifeError: the disk is full or refuses.
    """
    manifest = start_manifest(
        run,
        config_digest(built.config),
        argv,
        code=code,
        ranks=ranks.size,
        mpi=mpi_library() if ranks.size > 1 else None,
        seeds={"seed": built.config.seed},
    )
    with storage_errors("write", run.config_path):
        write_atomically(run.config_path, built.config.to_yaml().encode())
    return manifest


def _same_digest(built: BuiltRun, run: RunFolder, loaded: checkpoint.Loaded) -> None:
    if loaded.extra.get("config_digest") != config_digest(built.config):
        raise InvalidInput(
            f"{run.path}: the checkpoint of generation {loaded.generation} is of "
            "another config than the run's config.yaml says; restore the file, or "
            "start over with --out DIR"
        )


def check_goal(built: BuiltRun, run: RunFolder, done: int) -> None:
    """Refuse an end that the run has passed.

    Raises:
        InvalidInput: ``done`` generations are more than the config asks for.
    """
    asked = built.config.generations
    if done > asked:
        raise InvalidInput(
            f"generations = {asked}: {run.path} has lived {done} already; ask for at "
            f"least {done}, or start over with --out DIR"
        )
