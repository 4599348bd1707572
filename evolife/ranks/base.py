"""What a rank can ask of the world of ranks, and the rank that is alone in it."""

import abc
import sys
from typing import NoReturn

import numpy as np


def share_of(units: int, rank: int, size: int) -> range:
    """Return the contiguous block of ``range(units)`` that ``rank`` of ``size`` takes.

    Blocks partition the units in rank order; their lengths differ by at most one.
    """
    return range(units * rank // size, units * (rank + 1) // size)


class Ranks(abc.ABC):
    """The ranks of one job, seen from one of them."""

    rank: int
    """This rank, ``0 .. size - 1``."""
    size: int
    """How many ranks there are."""
    leads: bool
    """Whether this is the first rank of its machine."""

    def share(self, units: int) -> range:
        """Return the units this rank evaluates, see :func:`share_of`."""
        return share_of(units, self.rank, self.size)

    @abc.abstractmethod
    def exchange(
        self, rows: np.ndarray, units: int, note: bytes = b""
    ) -> tuple[np.ndarray, list[bytes]]:
        """Give everyone's rows and notes to everyone, in one collective call.

        ``rows`` is ``(len(self.share(units)), ...)``; the result is ``(units, ...)`` in
        unit order, bit for bit, with one note a rank in rank order. The trailing shape,
        the dtype and the length of ``note`` are the same on every rank, also on ranks
        without units. Raises ``ValueError`` where ``rows`` is not this rank's share.
        """

    @abc.abstractmethod
    def broadcast_bytes(self, payload: bytes | None) -> bytes:
        """Return rank 0's ``payload``, of any length; other ranks pass None."""

    @abc.abstractmethod
    def sum_exact(self, array: np.ndarray) -> np.ndarray:
        """Sum over ranks an array whose every element is non-zero on one rank at most.

        Shape and dtype are the same on every rank. The result has the same bits for any
        number of ranks; negative zero becomes zero.
        """

    @abc.abstractmethod
    def sum_integers(self, array: np.ndarray) -> np.ndarray:
        """Sum an int64 array over ranks; the sums fit int64.

        The shape is the same on every rank, and so is the result for any number of
        ranks and any order of addition.
        """

    @abc.abstractmethod
    def compare(self, note: bytes, patience: float | None) -> list[bytes] | None:
        """Gather equal-length notes apart from all other calls, for ranks in trouble.

        Return None if some rank has not called within ``patience`` seconds.
        """

    @abc.abstractmethod
    def request_stop(self) -> None:
        """Ask all ranks to stop; safe in a signal handler.

        Others hear of it after this rank's next :meth:`stop_requested` or collective.
        """

    @abc.abstractmethod
    def stop_requested(self) -> bool:
        """Whether any rank is known to have asked for a stop; takes microseconds.

        Ranks learn of it at different moments: agree through a note of
        :meth:`exchange` before acting together.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Leave the world together; collective, and the last call."""

    @abc.abstractmethod
    def abort(self, code: int) -> NoReturn:
        """End all ranks at once with exit code ``code``."""

    def gather_bytes(self, payload: bytes) -> list[bytes]:
        """Return the equal-length payloads of all ranks in rank order."""
        return self.exchange(np.empty((0,), np.uint8), 0, payload)[1]

    def check_share(self, rows: np.ndarray, units: int) -> None:
        """Raise ``ValueError`` unless ``rows`` has a row for each unit of this rank."""
        expected = len(self.share(units))
        if len(rows) != expected:
            raise ValueError(
                f"rank {self.rank} of {self.size} holds {expected} of {units} units, "
                f"but {len(rows)} rows were given"
            )


class Serial(Ranks):
    """One rank, without MPI."""

    def __init__(self) -> None:
        self.rank, self.size, self.leads = 0, 1, True
        self._stopping = False

    def exchange(
        self, rows: np.ndarray, units: int, note: bytes = b""
    ) -> tuple[np.ndarray, list[bytes]]:
        """Return a copy of the rows and the note."""
        self.check_share(rows, units)
        return rows.copy(), [note]

    def broadcast_bytes(self, payload: bytes | None) -> bytes:
        """Return ``payload``."""
        return sent(payload)

    def sum_exact(self, array: np.ndarray) -> np.ndarray:
        """Return the array with negative zeros made zero."""
        return positive_zeros(array)

    def sum_integers(self, array: np.ndarray) -> np.ndarray:
        """Return the array."""
        return array

    def compare(self, note: bytes, patience: float | None) -> list[bytes] | None:
        """Return the note alone."""
        return [note]

    def request_stop(self) -> None:
        """Remember that a stop was asked for."""
        self._stopping = True

    def stop_requested(self) -> bool:
        """Whether a stop was asked for."""
        return self._stopping

    def close(self) -> None:
        """Return at once."""

    def abort(self, code: int) -> NoReturn:
        """Exit this process."""
        sys.exit(code)


def sent(payload: bytes | None) -> bytes:
    """Return rank 0's payload; raises ``ValueError`` where it gave none."""
    if payload is None:
        raise ValueError("rank 0 has to give the payload to broadcast")
    return payload


def positive_zeros(array: np.ndarray) -> np.ndarray:
    """Return a copy whose zeros all have the same bits."""
    zeroed = np.array(array)
    zeroed[zeroed == 0] = 0
    return zeroed
