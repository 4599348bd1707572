"""How a contender talks to the harness: JSON lines, and a line "go" for each round.

Only the standard library is used, because peers run in environments of their own. A
contender's real stdout carries nothing but answers; whatever its libraries print goes
to stderr, which the harness keeps in a log.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any


def options() -> dict[str, Any]:
    """The settings this contender was started with."""
    settings: dict[str, Any] = json.loads(sys.argv[1])
    return settings


class Team:
    """The processes of one contender: rank 0 hears the harness and tells the others.

    Waiting ranks block in a read of a named pipe, so that a contender whose turn it is
    not uses no processor time, which a polling MPI broadcast would.
    """

    def __init__(self, rank: int = 0, pipes: Sequence[str] = ()) -> None:
        self.rank = rank
        self._answers = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        told_by = Path(pipes[rank - 1]) if rank else None
        self._heard = told_by.open() if told_by else sys.stdin
        told = () if rank else pipes
        # Open for as long as the process lives.
        self._tell = [os.fdopen(os.open(pipe, os.O_WRONLY), "w") for pipe in told]

    def answer(self, **values: Any) -> None:
        """Say something to the harness; silent on other ranks than 0."""
        if self.rank == 0:
            self._answers.write(json.dumps(values) + "\n")
            self._answers.flush()

    def share(self, value: Any) -> Any:
        """Return rank 0's value on every rank."""
        if self.rank:
            return json.loads(self._heard.readline())
        self._tell_others(json.dumps(value))
        return value

    def rounds(self) -> Iterator[None]:
        """Yield once a round on every rank, until the harness hangs up."""
        for line in self._heard:
            if line.strip() != "go":
                break
            self._tell_others("go")
            yield
        self._tell_others("end")

    def _tell_others(self, line: str) -> None:
        for pipe in self._tell:
            pipe.write(line + "\n")
            pipe.flush()


def serve(
    run: Callable[[int], int],
    team: Team,
    seconds: float,
    info: Callable[[], dict[str, Any]] = dict,
    excluded: Callable[[], float] = float,
) -> None:
    """Warm up, then answer each "go" with the steps of ``run(count)`` and their time.

    ``run(count)`` does ``count`` units of work to the end, on every rank, and returns
    how many environment steps they took together; ``count`` is chosen so that a round
    takes about ``seconds``. ``info()`` is added to every answer; ``excluded()`` gives
    the seconds since it was last called that are no part of the work.
    """
    for _ in range(2):
        run(1)
    begun = time.perf_counter()
    run(1)
    unit = time.perf_counter() - begun
    count = team.share(max(1, round(seconds / unit)))
    team.answer(ready=True, count=count, **info())
    for _ in team.rounds():
        excluded()
        begun = time.perf_counter()
        steps = run(count)
        spent = time.perf_counter() - begun - excluded()
        team.answer(steps=steps, seconds=spent, **info())
