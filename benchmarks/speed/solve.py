"""Seconds from the start of a process until CartPole is solved on fresh episodes."""

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from speed.contender import Contender
from speed.results import Result, stamped, summed
from speed.settings import Effort
from speed.statistics import ratios
from speed.venvs import PeerUnavailable
from speed.worker import ContenderFailed, Worker

NAMES = ("solve-evosax", "solve-evotorch")
_TASK = {"episodes": 100, "solved": 475.0}
_PEER = {"hidden": (64, 64), "steps": 500, "lean": True, **_TASK}


class Solved(NamedTuple):
    """One attempt."""

    seconds: float
    generation: int
    """0 where patience ended first."""


def contenders(seed: int) -> dict[str, Contender]:
    """All that solve the task, by what the table calls them."""
    ours = {"config": "cartpole", "overrides": [f"seed={seed}"], "ranks": 2, **_TASK}
    evosax = {**_PEER, "population": 1024, "seed": seed}
    evotorch = {**_PEER, "population": 200, "actors": 2, "seed": seed}
    found = (
        Contender("evolife, nothing compiled before", "ours_solve", ours, 2, cold=True),
        Contender("evolife, compiled before", "ours_solve", ours, 2),
        Contender("evosax", "evosax_solve", evosax),
        Contender("EvoTorch", "evotorch_solve", evotorch, peer="evotorch"),
    )
    return {one.name: one for one in found}


def attempt(one: Contender, patience: float) -> Solved:
    """Start a contender and wait until it says that it is done.

    Raises:
        ContenderFailed: it ended without solving the task.
        PeerUnavailable: it cannot be installed here.
    """
    begun = time.perf_counter()
    with Worker(one) as worker:
        try:
            answer = worker.answer(patience)
        except ContenderFailed:
            if time.perf_counter() - begun < patience:
                raise
            worker.process.terminate()
            return Solved(patience, 0)
        return Solved(time.perf_counter() - begun, answer["generation"])


def measure(effort: Effort, say: Callable[[str], None]) -> list[Result]:
    """Let every contender solve the task with every seed."""
    tried: dict[str, list[Solved]] = {}
    failures: dict[str, str] = {}
    for seed in range(effort.seeds):
        for name, one in contenders(seed).items():
            if name in failures:
                continue
            try:
                solved = attempt(one, effort.patience)
            except (ContenderFailed, PeerUnavailable) as error:
                failures[name] = str(error)
                say(f"  {name} failed: {error}")
                continue
            tried.setdefault(name, []).append(solved)
            say(f"  seed {seed}: {name} {solved.seconds:.1f} s")
    peers = ("evosax", "EvoTorch")
    return [
        _result(row, peer, tried, failures)
        for row, peer in zip(NAMES, peers, strict=True)
    ]


def _result(
    row: str,
    peer: str,
    tried: Mapping[str, list[Solved]],
    failures: Mapping[str, str],
) -> Result:
    work = f"time to solve CartPole (mean 475 of 500 on 100 fresh episodes), {peer}"
    note = "seconds of the peer over seconds of evolife, imports and compiling included"
    empty = Result(row, work, note, 1.0)
    cold, warm = list(contenders(0))[:2]
    shown: dict[str, Any] = {
        name: {
            "seconds": [round(one.seconds, 1) for one in tried[name]],
            "generations": [one.generation or "unsolved" for one in tried[name]],
        }
        for name in (cold, warm, peer)
        if name in tried
    }
    ours, theirs = tried.get(cold, []), tried.get(peer, [])
    values = ratios([one.seconds for one in theirs], [one.seconds for one in ours])
    told = [f"{name}: {failures[name]}" for name in (cold, peer) if name in failures]
    if not values:
        return stamped(_failed(empty, shown, "; ".join(told)))
    return summed(empty, values, shown)


def _failed(empty: Result, shown: dict[str, Any], failure: str) -> Result:
    return Result(
        *(empty.name, empty.work, empty.note, empty.reach),
        rates=shown,
        failure=failure,
    )
