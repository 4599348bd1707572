"""What every run in a folder does around its work, also one that trains an operator.

It checks the config that the folder holds, keeps others out, goes back to the newest
checkpoint, and notes in the manifest when it began, when it ended and why.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from evolife.config.difference import changes
from evolife.console.terminal import Terminal
from evolife.errors import EvolifeError, InvalidInput, Stopped
from evolife.ranks.broadcast import from_rank_zero, on_rank_zero
from evolife.ranks.mpi import Ranks, mpi_library
from evolife.run.hooks import Hook
from evolife.storage import checkpoint
from evolife.storage.files import storage_errors, write_atomically
from evolife.storage.lock import locked
from evolife.storage.manifest import finish_manifest, start_manifest
from evolife.storage.run_folder import RunFolder, create


@dataclasses.dataclass(frozen=True)
class Session:
    """Who runs what, where: the same for a run and its control."""

    ranks: Ranks
    terminal: Terminal
    argv: Sequence[str]
    code: Mapping[str, Any]
    """What ``code_identity`` said before MPI started."""
    resume: bool
    """Go on from what the folder holds, if it holds anything."""
    hooks: Sequence[Hook] = ()
    """Told of every generation, beside those of installed packages."""


@dataclasses.dataclass(frozen=True)
class Written:
    """A config as a run's folder holds it."""

    text: str
    """YAML, every default written out."""
    digest: str
    """Of what its checkpoints depend on."""
    seed: int


def check_same(run: RunFolder, was: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse to go on with a run that was made by another config.

    Raises:
        InvalidInput: names the keys that differ, with both values.
    """
    if was != now:
        raise InvalidInput(
            f"{run.path} was made by another config: {changes(was, now)}. Go on "
            "without these changes, or start over with --out DIR"
        )


def enter(
    run: RunFolder, config: Written, resume: bool, kept: contextlib.ExitStack
) -> None:
    """Make the folder, or go back to one to resume; ``kept`` holds its lock.

    Raises:
        InvalidInput: the folder is in use, or may not be used.
        EvolifeError: the disk is full or refuses.
    """
    if not (resume and run.config_path.is_file()):
        create(run.path, config.text)
    kept.enter_context(locked(run.path))
    for part in run.parts:
        # Copying a run may have lost its empty folders.
        with storage_errors("create", part):
            part.mkdir(exist_ok=True)


def load_progress(
    run: RunFolder,
    start: Any,
    config: Written,
    ranks: Ranks,
    warn: Callable[[str], None],
    check: Callable[[int], None] = lambda done: None,
) -> tuple[Any, int]:
    """Read the newest valid checkpoint on rank 0 and hand it to everyone.

    Returns what the work goes on from, ``start`` where there is no checkpoint yet, and
    how far it had come; ``check`` may refuse that.

    Raises:
        InvalidInput: the checkpoint is of another config, or was refused.
        EvolifeError: every checkpoint is damaged.
    """
    found = [start]

    def read() -> int:
        loaded = checkpoint.load(run.checkpoints, None, start)
        if loaded is None:
            return 0
        if loaded.extra.get("config_digest") != config.digest:
            raise InvalidInput(
                f"{run.path}: the checkpoint of generation {loaded.generation} is of "
                "another config than the run's config.yaml says; restore the file, or "
                "start over with --out DIR"
            )
        check(loaded.generation)
        for warning in loaded.warnings:
            warn(warning)
        found[0] = loaded.tree
        return loaded.generation

    done: int = on_rank_zero(read, ranks)
    return from_rank_zero(found[0], ranks), done


@contextlib.contextmanager
def noted(
    run: RunFolder,
    config: Written,
    session: Session,
    env_steps: Callable[[], int] = lambda: 0,
) -> Iterator[None]:
    """Open a session in the manifest, and note how the block ended.

    ``env_steps`` tells at the end how many steps were lived.

    Raises:
        InvalidInput: the manifest is damaged, or of another config.
        EvolifeError: the disk is full or refuses.
    """
    ranks = session.ranks

    def begin() -> dict[str, Any]:
        manifest = start_manifest(
            run,
            config.digest,
            session.argv,
            code=session.code,
            ranks=ranks.size,
            mpi=mpi_library() if ranks.size > 1 else None,
            seeds={"seed": config.seed},
        )
        with storage_errors("write", run.config_path):
            write_atomically(run.config_path, config.text.encode())
        return manifest

    manifest = on_rank_zero(begin, ranks)

    def end(reason: str) -> None:
        finish_manifest(run, manifest, reason, env_steps())

    try:
        yield
    except BaseException as failure:
        # Why the work ended matters more than a note about it that cannot be written.
        with contextlib.suppress(EvolifeError, OSError):
            if ranks.rank == 0:
                end("stopped" if isinstance(failure, Stopped) else "failed")
        raise
    on_rank_zero(lambda: end("done"), ranks)
