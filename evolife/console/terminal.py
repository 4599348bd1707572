"""The only place that prints: progress, tables, results, warnings and errors.

Results go to stdout, everything about the work to stderr. With ``json`` set, stdout
gets exactly one JSON document and tables and texts are left out.
"""

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from evolife.console.frame import strokes_for
from evolife.console.progress import Display, LiveDisplay, PlainDisplay
from evolife.processes.mpirun import SCREENS
from evolife.processes.placement import place
from evolife.strict_json import dumps

_CHAMPION_COLUMNS = (
    *("#", "source", "selected", "validated", "held-out"),
    *("95% interval", "gap"),
)


class Terminal:
    """Speaks to the user of one command."""

    def __init__(
        self,
        json: bool = False,
        interval: float = 10.0,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
    ) -> None:
        """Write to the given streams (the process's own by default).

        ``interval`` is in seconds, between lines of progress where there is no screen.
        """
        self._json, self._interval, self._printed = json, interval, False
        self._out = _console(stdout or sys.stdout, "stdout")
        self._err = _console(stderr or sys.stderr, "stderr")

    @contextlib.contextmanager
    def progress(self, total: int, done: int = 0) -> Iterator[Display]:
        """Show progress from ``done`` to ``total`` generations while inside.

        The display is taken down whatever happens inside, Ctrl-C included.
        """
        if self._err.is_terminal:
            display: Display = LiveDisplay(self._err, total, done)
        else:
            display = PlainDisplay(self.info, total, self._interval)
        try:
            yield display
        finally:
            display.close()

    def info(self, message: str) -> None:
        """Say something about the work, on stderr."""
        _say(self._err, message)

    def warning(self, message: str) -> None:
        """Say what is wrong but does not stop the work, on stderr."""
        _say(self._err, f"evolife: warning: {message}")

    def text(self, message: str) -> None:
        """Print a result in words on stdout."""
        if not self._json:
            _say(self._out, message)

    def table(
        self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]
    ) -> None:
        """Print a table on stdout; columns that hold only numbers are right-aligned."""
        if self._json:
            return
        table = Table(title=Text(title), title_justify="left", box=None)
        for index, column in enumerate(columns):
            numeric = rows and all(isinstance(row[index], int | float) for row in rows)
            table.add_column(Text(column), justify="right" if numeric else "left")
        for row in rows:
            table.add_row(*(Text(_shown(cell)) for cell in row))
        self._out.print(table)

    def sparkline(self, values: Sequence[float | None], columns: int) -> str:
        """A small curve in characters that stdout can show."""
        return strokes_for(self._out.encoding).sparkline(values, columns)

    def champions(
        self, champions: Sequence[Mapping[str, Any]], whose: str = "champions"
    ) -> None:
        """Print the final table, best first; ``whose`` begins its title.

        Each champion has ``rank``, ``source``, ``selected``, ``validated``, by which
        they are ordered, ``held_out``, ``interval`` (low, high) and ``gap`` = validated
        - held_out, or None between other lives. A score that is None was not finite.
        """
        rows = [
            (
                champion["rank"],
                champion["source"],
                _score(champion["selected"]),
                _score(champion["validated"]),
                _held_out(champion),
                _interval(*champion["interval"]),
                champion["gap"],
            )
            for champion in champions
        ]
        self.table(f"{whose}, scored on fresh lives", _CHAMPION_COLUMNS, rows)

    def print_json(self, document: Any) -> None:
        """Print the command's one JSON document, if asked for; NaN becomes null."""
        if not self._json:
            return
        if self._printed:
            raise RuntimeError("a command prints one JSON document")
        self._printed = True
        content = dumps(document, indent=2)
        self._out.file.write(content + "\n")
        self._out.file.flush()


def _console(stream: TextIO, name: str) -> Console:
    # Environment variables such as FORCE_COLOR must not put escape codes into files.
    return Console(
        file=stream,
        force_jupyter=False,
        force_terminal=_on_screen(stream, name),
        markup=False,
        emoji=False,
        highlight=False,
    )


def _on_screen(stream: TextIO, name: str) -> bool:
    """Whether somebody watches; a launcher's pipes may look like a terminal."""
    if place() is None:
        return stream.isatty()
    return name in os.environ.get(SCREENS, "").split(",")


def _say(console: Console, message: str) -> None:
    """Print one message; the terminal breaks long lines, so that paths stay whole."""
    console.print(Text(message), soft_wrap=True)


def _interval(low: float | None, high: float | None) -> str:
    known = low is not None and high is not None
    return f"{_shown(low)} .. {_shown(high)}" if known else ""


def _held_out(champion: Mapping[str, Any]) -> float | str:
    one_life = champion.get("one_life")
    if one_life is not None and champion["held_out"] is None:
        return f"none ({_shown(one_life)} in its one life)"
    return _score(champion["held_out"])


def _score(value: float | None) -> float | str:
    return "not finite" if value is None else value


def _shown(cell: Any) -> str:
    if isinstance(cell, float):
        return f"{cell:.4g}"
    return "" if cell is None else str(cell)
