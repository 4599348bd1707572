"""What a run will cost on N ranks, from one unit of its work timed here."""

import dataclasses
import math
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from evolife import keys
from evolife.additive import AdditiveStrategy
from evolife.base import Proposal, Strategy, StrategyState
from evolife.config.model import RunConfig
from evolife.engine.experiment import Experiment
from evolife.engine.grid import Grid, lives_block
from evolife.engine.ordering import SHARED, place_members
from evolife.engine.teller import SharedTell, teller
from evolife.engine.warmup import flat_statistics
from evolife.engine.work import ROW_BYTES, SHARE, Task
from evolife.errors import InvalidInput
from evolife.plugins.build import build_run
from evolife.ranks.base import Serial
from evolife.ranks.network import Network

_SUM_BYTES = 8
"""What crosses the network for each number of a shared sum."""
_PLACE_BYTES = 4
"""What crosses it for each member, where ranks share the sorting."""
_DIGEST_BYTES = 8
_REPEATS = 5
_PIECES = 32
"""Pieces that are timed in one call, at most."""


def idle_ranks(experiment: Experiment, ranks: int) -> str:
    """Say how many ranks have no unit to live, and what gives them one; else empty."""
    units = experiment.grid.units
    if ranks <= units:
        return ""
    tile = _tile_for(experiment, ranks)
    remedy = (
        f"population.tile={tile} would use them all"
        if tile
        else "a larger population.size or more lifetime.lives would use more"
    )
    work = "1 unit" if units == 1 else f"{units} units"
    idle = "one has" if ranks - units == 1 else f"{ranks - units} have"
    return f"{work} of work for {ranks} ranks: {idle} nothing to do; {remedy}"


def repeated_work(experiment: Experiment, ranks: int) -> str:
    """Say that every rank repeats ask and tell, and what shares them; else empty."""
    strategy = experiment.strategy
    if ranks < 2 or isinstance(strategy, AdditiveStrategy):
        return ""
    numbers = strategy.population_size * strategy.member_size
    return (
        f"every rank repeats the ask and tell of {strategy.name}, over {numbers:,} "
        "numbers; full_rank, separable and low_rank share them out"
    )


def _tile_for(experiment: Experiment, ranks: int) -> int:
    """The largest power of two that makes enough units; 0 if there is none."""
    settings, tile = experiment.settings, experiment.grid.tile // 2
    members = tuple(range(settings.population))
    lives, steps = settings.lives, settings.steps
    powers = [2**i for i in reversed(range(tile.bit_length()))]
    for tile in powers:
        grid = Grid(members, range(lives), tile, lives_block(lives, tile, steps))
        if grid.units >= ranks:
            return tile
    return 0


@dataclasses.dataclass(frozen=True)
class Measured:
    """One unit, and what every rank does besides, timed in this process."""

    unit_seconds: float
    """Median time of one unit: a tile of members by a block of lives."""
    update_seconds: float
    """Median time of what every rank repeats: ask, and what tell does not share."""
    sort_seconds: float
    """Median time of sorting all members, which ranks share."""
    piece_seconds: float
    """Median time of one piece of a sum that ranks share; 0 where tell shares none."""
    pieces: int
    numbers: int
    """In that sum."""
    memory_bytes: int
    """Peak memory of this process so far."""
    units: int
    rows: int
    """Member-lives of a generation, padding included."""
    members: int
    steps: int
    """Environment steps of a generation."""


@dataclasses.dataclass(frozen=True)
class Prediction:
    """One generation on ``ranks`` ranks."""

    ranks: int
    seconds: float
    steps_per_second: float
    efficiency: float
    """Speed against ``ranks`` times the speed of one rank."""
    bytes_sent: int
    """By all ranks together, to one of them."""
    memory_bytes: int
    """Of each rank."""
    idle_ranks: int
    """Ranks that have no unit to live."""


def measure(experiment: Experiment) -> Measured:
    """Compile and time one unit, one ask, one sort and the parts of one tell.

    No life is cut short here: at the start of evolution, where many can soon earn
    nothing more, generations take less.
    """
    grid, strategy = experiment.grid, experiment.strategy
    evaluator = experiment.lasting()
    state, number = experiment.newborn(), np.int32(0)
    ask = jax.jit(strategy.ask)
    proposal = ask(state, number)
    pool = keys.pool_key(experiment.settings.seed, keys.Pool.EVOLVE)
    task = Task(proposal, pool, number)
    size = strategy.population_size
    fitness = np.random.default_rng(0).normal(size=size).astype(np.float32)
    told, sort = _time_tell(strategy, state, proposal, fitness), _time_sort(fitness)
    return Measured(
        unit_seconds=_median(lambda: evaluator.live_unit(grid, 0, task, lambda: False)),
        update_seconds=_median(lambda: ask(state, number)) + told.repeated + sort[0],
        sort_seconds=sort[1],
        piece_seconds=told.piece,
        pieces=told.pieces,
        numbers=told.numbers,
        memory_bytes=_peak_memory(),
        units=grid.units,
        rows=grid.units * grid.tile * grid.block,
        members=size,
        steps=experiment.settings.steps_per_generation,
    )


class _Told(NamedTuple):
    """Seconds that one tell takes, and what of it is shared."""

    repeated: float
    """On every rank."""
    piece: float = 0.0
    pieces: int = 0
    numbers: int = 0


def _time_tell(
    strategy: Strategy, state: StrategyState, proposal: Proposal, fitness: np.ndarray
) -> _Told:
    tell, statistics = teller(strategy, Serial()), flat_statistics(len(fitness))
    if not isinstance(tell, SharedTell):
        return _Told(_median(lambda: tell(state, proposal, 0, fitness, statistics)))
    weights, selection = tell.weigh(state, proposal, fitness, statistics)
    nothing, limit = tell.nothing(proposal), tell.limit(weights)
    some = min(tell.pieces, _PIECES)

    def add(count: int) -> float:
        share = range(count)
        return _median(lambda: tell.sum_share(proposal, weights, share, limit))

    empty = add(0)
    weigh = _median(lambda: tell.weigh(state, proposal, fitness, statistics))
    move = _median(lambda: tell.move(state, proposal, 0, nothing, selection))
    piece = max(0.0, add(some) - empty) / some
    return _Told(empty + weigh + move, piece, tell.pieces, nothing.size)


def _time_sort(fitness: np.ndarray) -> tuple[float, float]:
    """Seconds that every rank repeats of sorting, and those that ranks share."""
    whole = _median(lambda: place_members(fitness, Serial()).worse)
    one = _OneOfMany(np.argsort(fitness, kind="stable").astype(np.int32))
    repeated = _median(lambda: place_members(fitness, one).worse)
    return repeated, max(0.0, whole - repeated)


class _OneOfMany(Serial):
    """The first of so many ranks that its own share of any work is next to nothing."""

    def __init__(self, ordered: np.ndarray) -> None:
        super().__init__()
        self.size, self._ordered = len(ordered), ordered

    def exchange(
        self, rows: np.ndarray, units: int, note: bytes = b""
    ) -> tuple[np.ndarray, list[bytes]]:
        """What others sorted."""
        return self._ordered.copy(), [note]


def predict(
    measured: Measured, ranks: int, network: Network | None = None
) -> Prediction:
    """Predict one generation: the fullest rank's units and pieces, and the exchanges.

    Fitness and, from ``SHARED`` members, who sorted where are gathered by doubling:
    ``ceil(log2 N)`` hops of fixed latency each, and every byte once over the wire. A
    shared sum goes by halving and doubling, with twice the hops and twice the bytes.
    """
    network = network or Network()
    sent, calls = _traffic(measured, ranks) if ranks > 1 else (0, 0)
    hops = calls * math.ceil(math.log2(ranks))
    exchange = network.latency * hops + sent / network.bandwidth
    alone = _work_seconds(measured, 1) + measured.update_seconds
    seconds = _work_seconds(measured, ranks) + measured.update_seconds + exchange
    return Prediction(
        ranks=ranks,
        seconds=seconds,
        steps_per_second=measured.steps / seconds,
        efficiency=alone / (ranks * seconds),
        bytes_sent=sent,
        memory_bytes=measured.memory_bytes,
        idle_ranks=max(0, ranks - measured.units),
    )


def _traffic(measured: Measured, ranks: int) -> tuple[int, int]:
    """Bytes that reach a rank in a generation, and calls that gather them."""
    sent = measured.rows * ROW_BYTES + (_DIGEST_BYTES + SHARE.size) * ranks
    calls = 1
    if measured.members >= SHARED:
        sent, calls = sent + _PLACE_BYTES * measured.members, calls + 1
    if measured.pieces:  # There and back.
        sent, calls = sent + 2 * _SUM_BYTES * measured.numbers, calls + 2
    return sent, calls


def _work_seconds(measured: Measured, ranks: int) -> float:
    """What the rank with the largest share takes for it."""
    units = math.ceil(measured.units / ranks) * measured.unit_seconds
    pieces = math.ceil(measured.pieces / ranks) * measured.piece_seconds
    return units + pieces + measured.sort_seconds / ranks


def tune(config: RunConfig, tiles: Sequence[int]) -> list[tuple[int, float]]:
    """Time each tile; return ``(tile, steps per second of one rank)``.

    Raises:
        InvalidInput: no tile fits the population.
    """
    fitting = [tile for tile in tiles if tile <= config.population.size]
    if not fitting:
        raise InvalidInput(
            f"population.size = {config.population.size}: smaller than every tile of "
            f"{list(tiles)}"
        )
    found = []
    for tile in fitting:
        population = config.population.model_copy(update={"tile": tile})
        changed = config.model_copy(update={"population": population})
        measured = measure(build_run(changed).experiment)
        found.append((tile, measured.steps / (measured.units * measured.unit_seconds)))
    return found


def rank_counts(most: int) -> list[int]:
    """1, 2, 4, ... up to and including ``most``."""
    powers = [2**i for i in range(most.bit_length()) if 2**i < most]
    return [*powers, most]


def _median(action: Callable[[], Any]) -> float:
    jax.block_until_ready(action())
    times = []
    for _ in range(_REPEATS):
        begun = time.perf_counter()
        jax.block_until_ready(action())
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def _peak_memory() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
