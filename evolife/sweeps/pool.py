"""Runs of a sweep as local processes, as many at a time as there is room for."""

import contextlib
import dataclasses
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import IO

from evolife.errors import InvalidInput, Stopped
from evolife.processes import mpirun
from evolife.processes.affinity import allowed_cores, usable_cores
from evolife.processes.handlers import handled
from evolife.processes.parent import LAUNCHER, die_with_parent
from evolife.storage.files import storage_errors
from evolife.storage.log import HEADER
from evolife.storage.status import mark_pruned
from evolife.storage.sweep_folder import Entry, SweepFolder
from evolife.storage.sweep_status import Standing, note_exit, note_start, standing
from evolife.sweeps.sources import Ended, Source

_NAP_SECONDS = 0.05
_LOOK_SECONDS = 1.0
"""Between looks at how far the runs have come."""
Tell = Callable[[Entry, Ended, float], None]
"""Hears of every run that ended, how, and after how many seconds."""


@dataclasses.dataclass(frozen=True)
class Slot:
    """Room for one run at a time."""

    cores: tuple[int, ...]
    """Numbers of the cores that it may use; empty for any."""
    ranks: int
    """MPI ranks of a run in it."""


def slots(runs: int, most: int | None = None) -> list[Slot]:
    """Divide the cores among at most ``most`` runs at a time, of ``runs`` in all.

    Raises:
        InvalidInput: ``most`` is below 1.
    """
    if most is not None and most < 1:
        raise InvalidInput(f"--max-parallel {most}: allowed are 1 or more")
    usable, allowed = usable_cores(), allowed_cores()
    parallel = max(1, min(usable, runs, most or usable))
    ranks = usable // parallel
    if ranks > 1 and mpirun.obstacle():
        ranks = 1
    if len(allowed) < parallel * ranks or usable < len(allowed):
        # A quota of time, not of cores: which ones is the system's choice.
        return [Slot((), ranks) for _ in range(parallel)]
    return [
        Slot(tuple(allowed[i * ranks : (i + 1) * ranks]), ranks)
        for i in range(parallel)
    ]


def train_arguments(
    folder: SweepFolder, entry: Entry, shown: Sequence[str]
) -> list[str]:
    """What follows ``evolife``: a fresh run, or one to go on with.

    ``shown`` are the keys that the dashboard compares runs by.
    """
    run = folder.run(entry.run)
    if run.config_path.is_file():
        return ["train", "--resume", str(run.path)]
    keys = f"record.hparams={json.dumps(list(shown))}"
    named = (f"name={entry.run}", keys, *entry.overrides)
    return ["train", str(folder.base_path), *named, "--out", str(run.path)]


@dataclasses.dataclass
class _Running:
    entry: Entry
    process: subprocess.Popen[bytes]
    log: IO[bytes]
    begun: float
    pruned: bool = False


class Pool:
    """Starts runs in ``slots`` until ``source`` has no more; a context of one call."""

    def __init__(
        self,
        folder: SweepFolder,
        slots: Sequence[Slot],
        source: Source,
        shown: Sequence[str],
        tell: Tell,
    ) -> None:
        self._folder, self._slots, self._source = folder, slots, source
        self._shown, self._tell = shown, tell
        self._under_way: dict[int, _Running] = {}
        self._signals: list[int] = []
        self._looked = 0.0

    def run(self) -> None:
        """Run all; a run that fails stops no other.

        Raises:
            Stopped: a signal came; every run under way has its checkpoint.
            EvolifeError: a log cannot be written.
        """
        with self._stoppable():
            try:
                self._fill()
                while self._under_way:
                    time.sleep(_NAP_SECONDS)
                    self._collect()
                    self._look()
                    if not self._signals:
                        self._fill()
            finally:
                self._kill()
        if self._signals:
            raise Stopped("stopped")

    def _fill(self) -> None:
        for number, slot in enumerate(self._slots):
            if number not in self._under_way:
                entry = self._source.next()
                if entry is None:
                    return
                self._under_way[number] = self._start(entry, slot)

    def _start(self, entry: Entry, slot: Slot) -> _Running:
        words = train_arguments(self._folder, entry, self._shown)
        command = [sys.executable, "-m", "evolife", *words]
        path = self._folder.log_path(entry.run)
        with storage_errors("write the log", path):
            path.parent.mkdir(exist_ok=True)
            log = path.open("ab")
            log.write(f"{HEADER}{shlex.join(command)}\n".encode())
            log.flush()
        note_start(self._folder, entry.run)
        process = subprocess.Popen(
            [*command, "--ranks", str(slot.ranks)],
            # Ranks end with this process, however it ends.
            env={**os.environ, LAUNCHER: str(os.getpid())},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=_settled(slot.cores),
        )
        return _Running(entry, process, log, time.monotonic())

    def _collect(self) -> None:
        for number, running in list(self._under_way.items()):
            code = running.process.poll()
            if code is None:
                continue
            del self._under_way[number]
            running.log.close()
            now = self._noted(running, code)
            how = _how(now)
            spent = time.monotonic() - running.begun
            self._source.ended(now, how)
            self._tell(running.entry, how, spent)

    def _noted(self, running: _Running, code: int) -> Standing:
        """Note how a run ended; return how it stands now."""
        name = running.entry.run
        note_exit(self._folder, name, code, running.pruned or bool(self._signals))
        now = standing(self._folder, running.entry)
        if running.pruned and now.state == "stopped":
            mark_pruned(self._folder.run(name))
            now = standing(self._folder, running.entry)
        return now

    def _look(self) -> None:
        """Now and then, stop those that others have left behind."""
        if time.monotonic() - self._looked < _LOOK_SECONDS:
            return
        for running in self._under_way.values():
            if not running.pruned and self._source.superfluous(
                standing(self._folder, running.entry)
            ):
                running.pruned = True
                running.process.send_signal(signal.SIGUSR1)
        self._looked = time.monotonic()

    @contextlib.contextmanager
    def _stoppable(self) -> Iterator[None]:
        """Let signals stop all runs with a checkpoint; a second one ends them."""

        def handle(number: int, frame: FrameType | None) -> None:
            insists = number != signal.SIGUSR1 and number in self._signals
            self._signals.append(number)
            for running in list(self._under_way.values()):
                how = signal.SIGKILL if insists else signal.SIGUSR1
                with contextlib.suppress(ProcessLookupError):
                    running.process.send_signal(how)

        with handled(handle):
            yield

    def _kill(self) -> None:
        """Leave nothing running behind a failure of this process."""
        for running in self._under_way.values():
            running.process.kill()
            running.process.wait()
            running.log.close()


def _how(now: Standing) -> Ended:
    """How a run that ended stands; what is not known to be well has failed."""
    if now.state == "waiting" or now.state == "running":
        return "failed"
    return now.state


def _settled(cores: Sequence[int]) -> Callable[[], None] | None:
    """What a run does before it begins: keep to its cores, and end with its parent."""
    follow = die_with_parent()
    pins = cores and hasattr(os, "sched_setaffinity")
    if not pins and follow is None:
        return None

    def settle() -> None:
        if follow:
            follow()
        if pins:
            os.sched_setaffinity(0, set(cores))

    return settle
