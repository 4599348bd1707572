"""What a run will cost on N ranks, from one unit of its work timed here."""

import dataclasses
import math
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from evolife import keys
from evolife.additive import AdditiveStrategy
from evolife.config.model import RunConfig
from evolife.engine.experiment import Experiment
from evolife.engine.grid import Grid, lives_block
from evolife.engine.ordering import place_members
from evolife.engine.teller import SharedTell, teller
from evolife.engine.warmup import flat_statistics
from evolife.engine.work import ROW_BYTES, SHARE, Task
from evolife.errors import InvalidInput
from evolife.plugins.build import build_run
from evolife.ranks.base import Ranks, Serial

_SUM_BYTES = 8
"""What crosses the network for each number of a shared sum."""
_DIGEST_BYTES = 8
_REPEATS = 5
_PIECES = 32
"""Pieces that are timed in one call, at most."""


@dataclasses.dataclass(frozen=True)
class Network:
    """One hop between ranks; cautious guesses for an ordinary cluster.

    Raises:
        InvalidInput: a constant is not positive.
    """

    latency: float = 20e-6
    """Seconds."""
    bandwidth: float = 1e9
    """Bytes a second."""

    def __post_init__(self) -> None:
        """Refuse what no network has."""
        for name in ("latency", "bandwidth"):
            value = getattr(self, name)
            if not (value > 0 and math.isfinite(value)):
                raise InvalidInput(
                    f"--{name} {value:g}: must be a finite number above 0; evolife "
                    "doctor under mpirun measures it"
                )


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
    """Compile and time one unit, one ask and one tell.

    No life is cut short here: at the start of evolution, where many can soon earn
    nothing more, generations take less.
    """
    grid, strategy = experiment.grid, experiment.strategy
    evaluator = experiment.lasting()
    state = experiment.newborn()
    number = np.int32(0)
    ask = jax.jit(strategy.ask)
    proposal = ask(state, number)
    pool = keys.pool_key(experiment.settings.seed, keys.Pool.EVOLVE)
    task = Task(proposal, pool, number)
    fitness = np.linspace(0, 1, strategy.population_size, dtype=np.float32)
    statistics = flat_statistics(strategy.population_size)
    tell = teller(strategy, Serial())

    def unit() -> Any:
        return evaluator.live_unit(grid, 0, task, lambda: False)

    def sort(ranks: Ranks) -> Callable[[], Any]:
        return lambda: place_members(fitness, ranks).worse

    shared_sort = _median(sort(_OneOfMany(len(fitness))))
    whole_sort = _median(sort(Serial()))
    besides = _median(lambda: ask(state, number)) + shared_sort
    piece_seconds, pieces, numbers = 0.0, 0, 0
    if isinstance(tell, SharedTell) and isinstance(strategy, AdditiveStrategy):
        weights, selection = tell.weigh(state, proposal, fitness, statistics)
        nothing, limit = tell.nothing(proposal), tell.limit(weights)
        pieces, numbers = strategy.pieces, nothing.size
        some = min(pieces, _PIECES)

        def add(count: int) -> Callable[[], Any]:
            return lambda: tell.sum_share(proposal, weights, range(count), limit)

        empty = _median(add(0))
        piece_seconds = max(0.0, _median(add(some)) - empty) / some
        besides += empty
        besides += _median(lambda: tell.weigh(state, proposal, fitness, statistics))
        besides += _median(lambda: tell.move(state, proposal, 0, nothing, selection))
    else:
        besides += _median(lambda: tell(state, proposal, 0, fitness, statistics))
    return Measured(
        unit_seconds=_median(unit),
        update_seconds=besides,
        sort_seconds=max(0.0, whole_sort - shared_sort),
        piece_seconds=piece_seconds,
        pieces=pieces,
        numbers=numbers,
        memory_bytes=_peak_memory(),
        units=grid.units,
        rows=grid.units * grid.tile * grid.block,
        steps=experiment.settings.steps_per_generation,
    )


class _OneOfMany(Serial):
    """The first of so many ranks that its own share of any work is next to nothing."""

    def __init__(self, members: int) -> None:
        super().__init__()
        self.size, self._others = members, np.arange(members, dtype=np.int32)

    def exchange(
        self, rows: np.ndarray, units: int, note: bytes = b""
    ) -> tuple[np.ndarray, list[bytes]]:
        """Pretend that others sorted theirs."""
        return self._others.copy(), [note]


def predict(
    measured: Measured, ranks: int, network: Network | None = None
) -> Prediction:
    """Predict one generation: the fullest rank's units and pieces, and the exchanges.

    The exchange of fitness is modelled as an allgather by doubling: ``ceil(log2 N)``
    hops of fixed latency, and every byte once over the wire; a shared sum as an
    allreduce by halving and doubling, with twice the hops and twice the bytes.
    """
    network = network or Network()
    hops = math.ceil(math.log2(ranks))
    note = _DIGEST_BYTES + SHARE.size
    summed = 2 * _SUM_BYTES * measured.numbers if ranks > 1 else 0
    sent = measured.rows * ROW_BYTES + note * ranks + summed if ranks > 1 else 0
    # Fitness, sorted members, and a sum that goes there and back.
    hops *= 4 if measured.pieces else 2
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
