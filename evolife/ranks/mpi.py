"""The world of ranks: who evaluates which units, and how results reach everyone.

A rank alone is :class:`Serial`; ranks joined by MPI are :class:`Mpi`. Every rank
calls the collective methods in the same order, and every rank gets the same bytes.
This is the only module that imports mpi4py, and only inside functions.
"""

import math
import sys
import time
from typing import Any, NoReturn

import numpy as np

from evolife.errors import InvalidInput
from evolife.ranks.base import Ranks, Serial, positive_zeros, sent, share_of

__all__ = ["Mpi", "Ranks", "Serial", "mpi_library", "open_ranks", "share_of"]

_SPIN_SECONDS = 100e-6
_LONGEST_NAP_SECONDS = 1e-3
_STOP_TAG = 1
_REMEDY = (
    "the mpirun or srun that started this job belongs to another MPI library than the "
    "one mpi4py loads. Use the mpirun of that library (`pip install 'evolife[mpi]'` "
    "brings a matching pair into a virtual environment), or load the site's MPI module "
    "and rebuild with `pip install --no-binary mpi4py --force-reinstall mpi4py`"
)


class Mpi(Ranks):
    """The ranks of MPI's world; a process can open and close it once.

    Waiting polls non-blocking collectives, so that Python's signal handlers run, a
    waiting rank leaves its core to others, and stop requests travel meanwhile.
    """

    def __init__(self) -> None:
        self._mpi = _import_mpi()
        self._mpi.Init_thread(self._mpi.THREAD_FUNNELED)
        world = self._mpi.COMM_WORLD
        self.rank, self.size = world.Get_rank(), world.Get_size()
        machine = world.Split_type(self._mpi.COMM_TYPE_SHARED)
        self.leads = machine.Get_rank() == 0
        machine.Free()
        self._work = world.Dup()
        # Stop requests and failures must get through while `_work` waits.
        self._side = world.Dup()
        self._asked = self._told = self._closed = False
        self._heard: set[int] = set()
        self._sends: list[Any] = []

    def exchange(
        self, rows: np.ndarray, units: int, note: bytes = b""
    ) -> tuple[np.ndarray, list[bytes]]:
        """Gather rows and notes with one Iallgatherv of bytes."""
        self.check_share(rows, units)
        row_bytes = rows.dtype.itemsize * math.prod(rows.shape[1:])
        shares = [len(share_of(units, rank, self.size)) for rank in range(self.size)]
        sizes = [share * row_bytes + len(note) for share in shares]
        mine = rows.tobytes() + note
        received = bytearray(sum(sizes))
        byte = self._mpi.BYTE
        self._wait(self._work.Iallgatherv([mine, byte], [received, sizes, byte]))
        ends = np.cumsum(sizes).tolist()
        cuts = [end - len(note) for end in ends]
        starts = [0, *ends[:-1]]
        blocks = [received[a:b] for a, b in zip(starts, cuts, strict=True)]
        notes = [bytes(received[a:b]) for a, b in zip(cuts, ends, strict=True)]
        everyone = np.frombuffer(bytearray().join(blocks), rows.dtype)
        return everyone.reshape((units, *rows.shape[1:])), notes

    def broadcast_bytes(self, payload: bytes | None) -> bytes:
        """Broadcast the length, then the bytes."""
        length = np.zeros(1, np.int64)
        if self.rank == 0:
            length[0] = len(sent(payload))
        self._wait(self._work.Ibcast([length, self._mpi.INT64_T]))
        buffer = bytearray(int(length[0]))
        if self.rank == 0:
            buffer[:] = sent(payload)
        self._wait(self._work.Ibcast([buffer, self._mpi.BYTE]))
        return bytes(buffer)

    def sum_exact(self, array: np.ndarray) -> np.ndarray:
        """Combine with a bitwise or, which no order of ranks can round."""
        part = positive_zeros(array)
        # A name for it: mpi4py does not keep bytes alive for a pending request.
        mine, total = part.tobytes(), bytearray(part.nbytes)
        buffers = [mine, self._mpi.BYTE], [total, self._mpi.BYTE]
        self._wait(self._work.Iallreduce(*buffers, op=self._mpi.BOR))
        return np.frombuffer(total, part.dtype).reshape(part.shape)

    def sum_integers(self, array: np.ndarray) -> np.ndarray:
        """Add with one Iallreduce, whichever way MPI chooses."""
        mine = np.ascontiguousarray(array, np.int64)
        total = np.empty_like(mine)
        integer = self._mpi.INT64_T
        self._wait(self._work.Iallreduce([mine, integer], [total, integer]))
        return total

    def compare(self, note: bytes, patience: float | None) -> list[bytes] | None:
        """Gather notes on the communicator that no other collective uses."""
        received = bytearray(len(note) * self.size)
        byte = self._mpi.BYTE
        request = self._side.Iallgather([note, byte], [received, len(note), byte])
        if not self._wait(request, patience):
            # MPI may still write there until the job is aborted.
            self._abandoned = request, note, received
            return None
        cuts = range(0, len(received), len(note))
        return [bytes(received[cut : cut + len(note)]) for cut in cuts]

    def request_stop(self) -> None:
        """Remember it; the next poll tells the others."""
        self._asked = True

    def stop_requested(self) -> bool:
        """Poll for requests and pass them on.

        Requests travel through rank 0: a signal that hits all of a thousand ranks at
        once then costs thousands of messages, not a million.
        """
        if not self._told and not self._closed:
            self._listen()
            if self._asked or (self.rank == 0 and self._heard):
                self._told = True
                peers = range(1, self.size) if self.rank == 0 else (0,)
                nothing = [bytearray(0), self._mpi.BYTE]
                self._sends = [self._side.Isend(nothing, p, _STOP_TAG) for p in peers]
        return self._asked or bool(self._heard)

    def close(self) -> None:
        """Receive every stop request still on its way, then finalise MPI."""
        self._closed = True
        told = self._gather_told()
        for peer in range(1, self.size) if self.rank == 0 else (0,):
            if told[peer] and peer not in self._heard:
                self._receive(peer)
        self._mpi.Request.Waitall(self._sends)
        self._work.Free()
        self._side.Free()
        self._mpi.Finalize()

    def abort(self, code: int) -> NoReturn:
        """Abort the world."""
        sys.stdout.flush()
        sys.stderr.flush()
        self._mpi.COMM_WORLD.Abort(code)
        raise SystemExit(code)

    def _gather_told(self) -> bytearray:
        told = bytearray(self.size)
        byte = self._mpi.BYTE
        mine = [bytes([self._told]), byte]
        self._wait(self._side.Iallgather(mine, [told, 1, byte]))
        return told

    def _listen(self) -> None:
        status = self._mpi.Status()
        while self._side.Iprobe(self._mpi.ANY_SOURCE, _STOP_TAG, status):
            self._receive(status.Get_source())

    def _receive(self, peer: int) -> None:
        self._side.Recv([bytearray(0), self._mpi.BYTE], peer, _STOP_TAG)
        self._heard.add(peer)

    def _wait(self, request: Any, patience: float | None = None) -> bool:
        started = time.perf_counter()
        while not request.Test():
            waited = time.perf_counter() - started
            if patience is not None and waited > patience:
                return False
            self.stop_requested()
            if waited > _SPIN_SECONDS:
                time.sleep(min(_LONGEST_NAP_SECONDS, waited / 8))
        return True


def open_ranks(expected: int) -> Ranks:
    """Join a world of ``expected`` ranks (0: a launcher that does not say how many).

    Raises ``InvalidInput`` where MPI is missing or finds another number of ranks than
    the launcher started.
    """
    if expected == 1:
        return Serial()
    ranks = Mpi()
    if expected and ranks.size != expected:
        found = ranks.size
        ranks.close()
        raise InvalidInput(
            f"the launcher started {expected} ranks, but MPI finds a world of {found}: "
            f"{_REMEDY}"
        )
    return ranks


def mpi_library() -> str | None:
    """Name the MPI library mpi4py loads, such as ``Open MPI v5.0.8``; None if none.

    Loads the library without initialising MPI.
    """
    try:
        version = str(_import_mpi().Get_library_version())
    except InvalidInput:
        return None
    return version.split(",")[0].split("\n")[0].strip()


def _import_mpi() -> Any:
    try:
        import mpi4py

        mpi4py.rc.initialize = False
        # A rank that dies outside `close` must end the job, not wait in a finalize.
        mpi4py.rc.finalize = False
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise InvalidInput(
            f"more than one rank needs MPI, but mpi4py cannot load it ({error}); "
            "install it with `pip install 'evolife[mpi]'`, load the site's MPI module, "
            "or stay in one process with --ranks 1"
        ) from error
    return MPI
