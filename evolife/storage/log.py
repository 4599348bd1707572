"""What a process printed, kept in a file that several sessions append to."""

import signal
from pathlib import Path

HEADER = "-- "
"""How the line begins that each session writes before its own."""
_SIGN = "evolife: "
_TAIL_BYTES = 65_536
_LINES, _LONGEST = 8, 300


def tail(path: Path) -> bytes:
    """The end of a file; empty where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            return file.read()
    except OSError:
        return b""


def last_words(log: Path) -> tuple[str, bool]:
    """The last lines of a log's last session, and whether they are evolife's own.

    They are its own from its last message on, where that is near the end; otherwise
    they are the last few, whatever they say.
    """
    lines = tail(log).decode(errors="replace").splitlines()
    starts = [i for i, line in enumerate(lines) if line.startswith(HEADER)]
    lines = [line for line in lines[starts[-1] + 1 if starts else 0 :] if line.strip()]
    lines = [_shortened(line) for line in lines[-_LINES:]]
    own = [i for i, line in enumerate(lines) if _is_message(line)]
    if own:
        return "\n".join(lines[own[-1] :]).removeprefix(_SIGN), True
    return "\n".join(lines), False


def signal_words(code: int) -> str:
    """An exit code in words, such as ``ended by SIGKILL`` or ``exit code 3``."""
    number = -code if code < 0 else code - 128
    names = {one.value: one.name for one in signal.Signals}
    return f"ended by {names[number]}" if number in names else f"exit code {code}"


def _is_message(line: str) -> bool:
    """Whether evolife says here why it ended."""
    text = line.removeprefix(_SIGN)
    return line != text and not text.startswith(("warning: ", "Traceback "))


def _shortened(line: str) -> str:
    shown = "".join(c for c in line.rstrip() if c.isprintable())
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 3]}..."
