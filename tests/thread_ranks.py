"""Ranks that live in threads of this process, and meet at a barrier."""

import threading
from typing import Any

import numpy as np

from evolife.engine.work import Interrupted
from evolife.ranks.base import Serial


class Thread(Serial):
    """One of ``size`` ranks that live in threads of this process."""

    def __init__(self, rank: int, size: int, barrier: threading.Barrier, board: dict):
        super().__init__()
        self.rank, self.size, self._barrier, self._board = rank, size, barrier, board

    def _everyones(self, mine: Any) -> list[Any]:
        self._board[self.rank] = mine
        self._barrier.wait(60)
        everyones = [self._board[rank] for rank in range(self.size)]
        self._barrier.wait(60)
        return everyones

    def exchange(self, rows: Any, units: int, note: bytes = b"") -> Any:
        self.check_share(rows, units)
        everyones = self._everyones((rows, note))
        joined = np.concatenate([rows for rows, _ in everyones])
        return joined, [note for _, note in everyones]

    def sum_exact(self, array: Any) -> Any:
        return sum(self._everyones(array)) + 0.0

    def sum_integers(self, array: Any) -> Any:
        return sum(self._everyones(array))


def in_threads(size: int, work: Any) -> list[Any]:
    """``work(rank)`` on each rank of a world of ``size``, all at once."""
    barrier, board = threading.Barrier(size), {}
    ranks = [Thread(rank, size, barrier, board) for rank in range(size)]
    results: list[Any] = [None] * size

    def run(rank: Thread) -> None:
        try:
            results[rank.rank] = work(rank)
        except BaseException as error:
            results[rank.rank] = error
            if not isinstance(error, Interrupted):
                barrier.abort()

    threads = [threading.Thread(target=run, args=(rank,)) for rank in ranks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
