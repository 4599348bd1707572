"""What ``evolife watch`` shows: redrawn in place on a screen, printed elsewhere."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.text import Text

from evolife.console.frame import frame, strokes_for
from evolife.console.terminal import Terminal

_SCREEN_SECONDS, _PLAIN_SECONDS = 2.0, 10.0
_OTHER_ROWS = 10
"""Lines of a sweep's frame besides those of its running runs."""
_FEWEST_ROWS = 3


class WatchTerminal(Terminal):
    """Shows snapshots of a run or a sweep on stdout."""

    def once(self, snapshot: dict[str, Any]) -> None:
        """Print a snapshot in words; or as the one JSON document of the command."""
        self.print_json(snapshot)
        for line in self._frame(snapshot, self._out.width):
            self.text(line)
        self._end(snapshot)

    def follow(
        self, look: Callable[[], dict[str, Any]], interval: float | None = None
    ) -> None:
        """Show ``look()`` every ``interval`` seconds until it is over, or Ctrl-C.

        By default that is 2 seconds on a screen and 10 elsewhere.
        """
        screen = self._out.is_terminal
        pause = interval or (_SCREEN_SECONDS if screen else _PLAIN_SECONDS)
        with contextlib.suppress(KeyboardInterrupt):
            with self._redrawn() if screen else self._printed_anew() as show:
                snapshot = look()
                show(snapshot)
                while not snapshot["over"]:
                    time.sleep(pause)
                    snapshot = look()
                    show(snapshot)
            self._end(snapshot)

    @contextlib.contextmanager
    def _redrawn(self) -> Iterator[Callable[[dict[str, Any]], None]]:
        console = self._out
        with Live(console=console, auto_refresh=False) as live:

            def show(snapshot: dict[str, Any]) -> None:
                rows = max(_FEWEST_ROWS, console.height - _OTHER_ROWS)
                lines = self._frame(snapshot, console.width, rows)
                texts = [Text(one, no_wrap=True, overflow="crop") for one in lines]
                live.update(Group(*texts), refresh=True)

            yield show

    @contextlib.contextmanager
    def _printed_anew(self) -> Iterator[Callable[[dict[str, Any]], None]]:
        def show(snapshot: dict[str, Any]) -> None:
            for line in self._frame(snapshot, self._out.width):
                self.text(line)

        yield show

    def _frame(self, snapshot: dict[str, Any], width: int, *rows: int) -> list[str]:
        encoding = self._out.encoding
        lines = frame(snapshot, width, strokes_for(encoding), *rows)
        # A folder's name may hold what the terminal cannot show.
        return [line.encode(encoding, "replace").decode(encoding) for line in lines]

    def _end(self, snapshot: dict[str, Any]) -> None:
        """The final tables, once a run has them."""
        for look in (snapshot, snapshot.get("control") or {}):
            if look.get("champions"):
                self.champions(look["champions"], f"champions of {look['name']}")
