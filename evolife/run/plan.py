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
from evolife.base import LifeStatistics
from evolife.config.model import RunConfig
from evolife.engine.experiment import Experiment
from evolife.engine.grid import Grid, lives_block
from evolife.engine.work import ROW_BYTES, SHARE, Task
from evolife.errors import InvalidInput
from evolife.plugins.build import build_run

_LATENCY, _BYTES_PER_SECOND = 20e-6, 1e9
"""Of one hop between ranks: a cautious guess for an ordinary cluster network."""
_DIGEST_BYTES = 8
_REPEATS = 5


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
    """Median time of ask and tell, which every rank repeats."""
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
    ask, tell = jax.jit(strategy.ask), jax.jit(strategy.tell)
    proposal = ask(state, number)
    pool = keys.pool_key(experiment.settings.seed, keys.Pool.EVOLVE)
    task = Task(proposal, pool, number)
    fitness = np.linspace(0, 1, strategy.population_size, dtype=np.float32)
    flat: Any = np.zeros_like(fitness)
    nothing = LifeStatistics(flat, flat, flat)

    def unit() -> Any:
        return evaluator.live_unit(grid, 0, task, lambda: False)

    def besides() -> Any:
        asked = ask(state, number)
        return tell(state, asked, number, fitness, nothing)

    return Measured(
        unit_seconds=_median(unit),
        update_seconds=_median(besides),
        memory_bytes=_peak_memory(),
        units=grid.units,
        rows=grid.units * grid.tile * grid.block,
        steps=experiment.settings.steps_per_generation,
    )


def predict(measured: Measured, ranks: int) -> Prediction:
    """Predict one generation: the fullest rank's units, the exchange, the update.

    The exchange is modelled as an allgather by doubling: ``ceil(log2 N)`` hops of fixed
    latency, and every byte once over the wire.
    """
    most = math.ceil(measured.units / ranks)
    note = _DIGEST_BYTES + SHARE.size
    sent = measured.rows * ROW_BYTES + note * ranks if ranks > 1 else 0
    exchange = _LATENCY * math.ceil(math.log2(ranks)) + sent / _BYTES_PER_SECOND
    alone = measured.units * measured.unit_seconds + measured.update_seconds
    seconds = most * measured.unit_seconds + measured.update_seconds + exchange
    return Prediction(
        ranks=ranks,
        seconds=seconds,
        steps_per_second=measured.steps / seconds,
        efficiency=alone / (ranks * seconds),
        bytes_sent=sent,
        memory_bytes=measured.memory_bytes,
        idle_ranks=max(0, ranks - measured.units),
    )


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
