"""Contenders take turns, so that a drifting machine hits all of them alike."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from speed.contender import Contender
from speed.settings import Effort
from speed.venvs import PeerUnavailable
from speed.worker import ContenderFailed, Worker


class Racer(NamedTuple):
    """What a session showed of one contender."""

    rates: list[float]
    """Environment steps a second, one a round."""
    info: dict[str, Any]
    """What it said of itself in its last answer."""
    failure: str
    """Why it did not take part to the end; empty if it did."""


def race(
    contenders: Sequence[Contender], effort: Effort, say: Callable[[str], None]
) -> dict[str, Racer]:
    """Start all, then let each have its turn in every round; return racers by name.

    A contender that fails is left out from then on, and its racer says why.
    """
    failures: dict[str, str] = {}
    answers: dict[str, list[dict[str, Any]]] = {one.name: [] for one in contenders}
    with contextlib.ExitStack() as stack:
        running: dict[str, Worker] = {}
        for one in contenders:
            say(f"  starting {one.name}")
            try:
                running[one.name] = _started(one, effort, stack)
            except (ContenderFailed, PeerUnavailable) as error:
                failures[one.name] = str(error)
                say(f"  {one.name} takes no part: {error}")
        for turn in range(effort.rounds):
            say(f"  round {turn + 1} of {effort.rounds}")
            for name, worker in list(running.items()):
                try:
                    answers[name].append(worker.go())
                except ContenderFailed as error:
                    failures[name] = str(error)
                    del running[name]
    return {
        name: _racer(told, failures.get(name, "")) for name, told in answers.items()
    }


def _started(one: Contender, effort: Effort, stack: contextlib.ExitStack) -> Worker:
    worker = stack.enter_context(Worker(one, effort.seconds))
    worker.answer()
    return worker


def _racer(answers: list[dict[str, Any]], failure: str) -> Racer:
    rates = [answer["steps"] / answer["seconds"] for answer in answers]
    last = answers[-1] if answers else {}
    info = {k: v for k, v in last.items() if k not in ("steps", "seconds")}
    return Racer(rates, info, failure)
