"""A contender's process: started once, asked for one round after the other."""

import contextlib
import json
import os
import selectors
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from evolife.processes import mpirun
from evolife.processes.affinity import allowed_cores, pin
from speed.contender import Contender
from speed.venvs import python_of

SCRIPTS = Path(__file__).parent / "contenders"
_READY_SECONDS = 300.0


class ContenderFailed(Exception):
    """A contender ended, or was silent for too long; says why."""


class Worker:
    """A running contender; a context manager that ends it."""

    def __init__(self, contender: Contender, seconds: float = 1.0) -> None:
        self.contender = contender
        self._folder = tempfile.TemporaryDirectory(prefix="evolife-bench-")
        folder = Path(self._folder.name)
        pipes = [str(folder / f"pipe_{rank}") for rank in range(1, contender.ranks)]
        for pipe in pipes:
            os.mkfifo(pipe)
        settings = {**contender.options, "seconds": seconds, "pipes": pipes}
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*_command(contender), json.dumps(settings)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=_environment(contender, folder),
                preexec_fn=_keep_to_a_core if contender.one_core else None,
                start_new_session=True,
            )

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def answer(self, seconds: float = _READY_SECONDS) -> dict[str, Any]:
        """The next answer.

        Raises:
            ContenderFailed: the contender ended or did not answer in time.
        """
        stream = self.process.stdout
        assert stream is not None
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            if not selector.select(seconds):
                raise ContenderFailed(f"no answer within {seconds:.0f} s")
        line = stream.readline()
        if not line:
            raise ContenderFailed(f"it ended: {self._last_words()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def go(self) -> dict[str, Any]:
        """Run one round and return its steps and seconds."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(b"go\n")
            self.process.stdin.flush()
        except BrokenPipeError as error:
            raise ContenderFailed(f"it ended: {self._last_words()}") from error
        return self.answer()

    def close(self) -> None:
        """Hang up; end what does not end by itself."""
        assert self.process.stdin is not None
        # It may have ended before us, which is what hanging up is for.
        with contextlib.suppress(BrokenPipeError):
            # mpirun does not pass on that its standard input has ended.
            self.process.stdin.write(b"end\n")
            self.process.stdin.close()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._folder.cleanup()

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").split("\n")
        told = [line.strip() for line in lines if line.strip()]
        errors = [line for line in told if "Error" in line]
        return (errors or told or ["without a word"])[-1][:300]


def _command(contender: Contender) -> list[str]:
    script = str(SCRIPTS / f"{contender.script}.py")
    if contender.ranks == 1:
        return [str(python_of(contender.peer)), script]
    return [*mpirun_command(contender.ranks), sys.executable, script]


def mpirun_command(ranks: int) -> list[str]:
    """How ``evolife train`` starts local ranks.

    Raises:
        ContenderFailed: there is no usable MPI.
    """
    if obstacle := mpirun.obstacle():
        raise ContenderFailed(obstacle)
    return mpirun.local_job(ranks)[0]


def _environment(contender: Contender, folder: Path) -> dict[str, str]:
    ranks = contender.ranks
    env = mpirun.local_job(ranks)[1] if ranks > 1 else dict(os.environ)
    if contender.cold:
        env["EVOLIFE_CACHE"] = str(folder / "cache")
    return env


def _keep_to_a_core() -> None:
    pin(allowed_cores()[0])
