"""How a run stands: one answer for ``sweep --status``, ``watch`` and ``report``.

A run's manifest says how each of its sessions ended, its lock whether one goes on, and
whoever started it as a process notes how that process ended. The log only explains.
"""

import dataclasses
import re
import time
from pathlib import Path
from typing import Any, Literal

from evolife.errors import EvolifeError, Stopped
from evolife.storage.files import storage_errors
from evolife.storage.lock import is_locked, was_held_here
from evolife.storage.log import last_words, signal_words, tail
from evolife.storage.manifest import read_manifest
from evolife.storage.metrics import parsed
from evolife.storage.run_folder import CONTROL, RunFolder

State = Literal["waiting", "running", "done", "failed", "stopped", "pruned"]
"""``stopped``: begun, asked to stop and not ended; ``failed``: ended by itself or by
somebody else before it was done; ``pruned``: stopped for good, because others left it
behind."""

PRUNED = "pruned"
"""File in a run that shall not go on."""
_NO_CONTROL = re.compile(rb"^control: null$", re.MULTILINE)
_FRESH_SECONDS, _FRESH_GENERATIONS = 20.0, 5.0
"""News as young as that come from a run that goes on, where locks tell nothing: a file
system may know only the locks of its own machine. A run that was just started has
none yet."""


@dataclasses.dataclass(frozen=True)
class Process:
    """What the starter of a run notes of the process: that it began, how it ended."""

    sessions: int
    """Sessions in the run's manifest when this was noted; more came from elsewhere."""
    code: int | None = None
    """Exit code, negative for a signal; None until it ends."""
    asked: bool = False
    """Whether it had been asked to stop."""

    @property
    def was_stopped(self) -> bool:
        """Whether it ended as asked: with a checkpoint, or by a signal on the way."""
        if self.code is None:
            return False
        signalled = self.code < 0 or self.code > 128
        return self.code == Stopped.exit_code or (self.asked and signalled)


@dataclasses.dataclass(frozen=True)
class Status:
    """How a run stands."""

    state: State
    message: str = ""
    """Why it failed."""


def run_status(
    run: RunFolder,
    process: Process | None = None,
    log: Path | None = None,
    attended: bool = False,
) -> Status:
    """How a run stands; damaged files count as absent.

    ``process`` is what the run's starter noted, ``attended`` whether that one still
    waits for its end, and ``log`` where its output goes.
    """
    ends = session_ends(run)
    if ends and ends[-1] == "done" and _control_done(run):
        return Status("done")
    # Sessions beyond those that were noted came later, from elsewhere.
    noted = process if process is not None and len(ends) <= process.sessions else None
    ended = noted is not None and noted.code is not None
    if not ended and is_locked(run.path):
        return Status("running")
    if (run.path / PRUNED).exists():
        return Status("pruned")
    if noted is not None and noted.code is not None:
        return _by_process(noted, noted.code, log)
    # One that was just started has not come as far as to open its session.
    last = None if noted else _last_end(run, ends)
    if last is not None:
        return Status("stopped") if last == "stopped" else Status("failed", _said(log))
    begun = run.manifest_path.exists() or run.metrics_path.exists()
    if process is None and not ends and not begun:
        return Status("waiting")
    if attended or (not was_held_here(run.path) and _has_news(run, log)):
        return Status("running")
    if process is None and not ends:
        return Status("failed", f"{run.manifest_path.name} is missing or damaged")
    return Status("failed", _said(log, "killed, or its machine stopped; "))


def mark_pruned(run: RunFolder) -> None:
    """Note that a run was left behind by others and shall not go on."""
    with storage_errors("write in", run.path):
        run.path.mkdir(parents=True, exist_ok=True)
        (run.path / PRUNED).touch()


def session_ends(run: RunFolder) -> list[str | None]:
    """Why each session ended; None for one that was killed or still goes on."""
    try:
        manifest = read_manifest(run.manifest_path)
    except EvolifeError:
        return []
    sessions = manifest["sessions"] if manifest else []
    if not isinstance(sessions, list) or not all(isinstance(s, dict) for s in sessions):
        return []
    return [session.get("exit_reason") for session in sessions]


def last_line(run: RunFolder) -> dict[str, Any]:
    """The last whole line of ``metrics.jsonl``; empty where there is none."""
    lines = tail(run.metrics_path).split(b"\n")[:-1]
    return next(iter(parsed(lines[-1]) if lines else ()), {})


def _last_end(run: RunFolder, ends: list[str | None]) -> str | None:
    """How the last session ended, of the control where the run itself is done."""
    if ends and ends[-1] == "done":
        return next(reversed(session_ends(RunFolder(run.path / CONTROL))), None)
    return ends[-1] if ends else None


def _control_done(run: RunFolder) -> bool:
    """Whether there is no control to wait for."""
    try:
        if _NO_CONTROL.search(run.config_path.read_bytes()):
            return True
    except OSError:
        return False
    return session_ends(RunFolder(run.path / CONTROL))[-1:] == ["done"]


def _by_process(process: Process, code: int, log: Path | None) -> Status:
    if process.was_stopped:
        return Status("stopped")
    return Status("failed", _said(log, f"{signal_words(code)}; "))


def _said(log: Path | None, before: str = "") -> str:
    words, own = last_words(log) if log else ("", False)
    if own:
        return words
    if words:
        return f"{before}its log ends:\n{words}"
    return before.removesuffix("; ") or "its manifest says so, and there is no log"


def _has_news(run: RunFolder, log: Path | None) -> bool:
    """Whether its files changed so lately that it must go on."""
    control = RunFolder(run.path / CONTROL)
    files = [f.metrics_path for f in (run, control)]
    files += [f.manifest_path for f in (run, control)]
    changed = [p.stat().st_mtime for p in (*files, log) if p is not None and p.exists()]
    pace = max(_pace(run), _pace(control))
    fresh = max(_FRESH_SECONDS, _FRESH_GENERATIONS * pace)
    return bool(changed) and time.time() - max(changed) < fresh


def _pace(run: RunFolder) -> float:
    """Seconds that its last generation took; 0 where it does not tell."""
    seconds = last_line(run).get("time/generation")
    return float(seconds) if isinstance(seconds, int | float) else 0.0
