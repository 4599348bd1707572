"""Work inside a process that is not evolife's own: a script, or a notebook."""

import contextlib
import io
import threading
import warnings
from collections.abc import Iterator
from typing import Literal

from evolife.console.terminal import Terminal
from evolife.errors import InvalidInput, our_errors
from evolife.processes.embedded import prepare
from evolife.processes.numerics import own_settings
from evolife.processes.placement import Plan, place, plan_ranks
from evolife.processes.signals import stop_on_signals
from evolife.ranks.base import Ranks, Serial


class Quiet(Terminal):
    """Says nothing; what it would warn of becomes a Python warning."""

    def __init__(self) -> None:
        super().__init__(stdout=io.StringIO(), stderr=io.StringIO())

    def warning(self, message: str) -> None:
        """Warn as Python does."""
        warnings.warn(message, stacklevel=2)


@contextlib.contextmanager
def alone(quiet: bool = True) -> Iterator[tuple[Ranks, Terminal]]:
    """Work on one rank in this process, and say what goes wrong as evolife's errors.

    In the main thread SIGINT, SIGTERM and SIGUSR1 ask the work to stop while the block
    runs; in others Python allows no handlers.

    Raises:
        InvalidInput: a file may not be used.
    """
    ranks = Serial()
    with our_errors(), contextlib.ExitStack() as stack:
        prepare()
        stack.enter_context(own_settings())
        if threading.current_thread() is threading.main_thread():
            stack.enter_context(stop_on_signals(ranks))
        yield ranks, Quiet() if quiet else Terminal()


def plan_alone(ranks: int | Literal["auto"]) -> Plan:
    """Decide whether to work here, ``join``, or to ``start`` ranks for it.

    Raises:
        InvalidInput: the number is not possible, or a launcher started this process as
            one of many, each of which would do the same work.
    """
    here = place()
    if here is not None and here.size != 1:
        raise InvalidInput(
            f"{here.launcher} started this process as one of several; call evolife "
            "from one process, which starts its own ranks, or use the command "
            "`evolife train`"
        )
    return plan_ranks(ranks)
