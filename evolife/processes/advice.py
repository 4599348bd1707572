"""What to do when mpirun ended a job of local ranks, in one line."""

import signal

from evolife.errors import InvalidInput, Stopped
from evolife.processes.mpirun_notices import Heard

_ALONE = "--ranks 1 needs no mpirun"
_ONLY_OURS = (InvalidInput.exit_code, Stopped.exit_code)


def advice(code: int, ranks: int, heard: Heard, asked: bool) -> str:
    """Return one line about how mpirun ended with ``code``; empty where none is due.

    ``asked`` says that the user had asked the job to stop. Ranks that fail say why
    themselves, and mpirun's own words are not meant for evolife's users.
    """
    if code == 0:
        told = "what mpirun says above did not keep the ranks from their work"
        return told if heard.notice else ""
    if heard.rank or asked or code in _ONLY_OURS:
        return ""
    if killed := signal_of(code):
        why = " (often: out of memory)" if killed == signal.SIGKILL else ""
        return (
            f"a rank was ended by signal {killed:d}{why}; what has a checkpoint "
            "goes on with --resume"
        )
    said = "says above why" if heard.anything else "does not say why"
    return (
        f"mpirun could not run {ranks} ranks on this machine (code {code}) and {said}; "
        f"{_ALONE}, and ranks that you start yourself, with mpirun or srun, are joined"
    )


def signal_of(code: int) -> int:
    """The signal that a shell's exit code stands for; 0 for none.

    Real-time signals end nobody, while mpirun has codes of its own from 160 on.
    """
    number = code - 128
    return number if number in signal.valid_signals() and number < 32 else 0
