"""Which run comes next, and which should stop: what a pool of runs asks."""

import abc
import collections
from collections.abc import Sequence
from typing import Literal

from evolife.storage.sweep_folder import Entry
from evolife.storage.sweep_status import Standing

Ended = Literal["done", "failed", "stopped", "pruned"]


class Source(abc.ABC):
    """Hands out runs and hears how they end."""

    @abc.abstractmethod
    def next(self) -> Entry | None:
        """The next run to start; None where there is none left."""

    def ended(self, standing: Standing, how: Ended) -> None:
        """Hear that a run ended."""
        return

    def superfluous(self, standing: Standing) -> bool:
        """Whether a run under way is so far behind that it should stop."""
        return False


class Listed(Source):
    """Runs that are known beforehand."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._left = collections.deque(entries)

    def next(self) -> Entry | None:
        """The next of the list; see ``Source``."""
        return self._left.popleft() if self._left else None
