"""The parts that ``scaling.py`` times, in a process or a rank of their own.

It runs with the evolife that PYTHONPATH names, this one or an older one.
"""

import contextlib
import importlib
import json
import resource
import statistics
import sys
import time
from typing import Any


def _first(*modules: str) -> Any:
    """The first of some modules that this build has."""
    for name in modules:
        with contextlib.suppress(ModuleNotFoundError):
            return importlib.import_module(name)
    raise ImportError(f"none of {modules}")


_first("evolife.processes.prepare", "evolife.launching.process").prepare_process()

CONFIG = ("agent.hidden=[64, 64]", "lifetime.steps=500", "control=null")
REPEATS = 5


def tell(size: str) -> None:
    """CPU seconds of ask and tell on each rank."""
    import jax
    import numpy as np

    from evolife.base import LifeStatistics
    from evolife.config.model import load_config

    here = _first("evolife.processes.placement", "evolife.launching.launcher").place()
    ranks = _first("evolife.ranks.mpi", "evolife.ranks").open_ranks(
        here.size if here else 1
    )
    words = [f"population.size={size}", "population.tile=128", *CONFIG]
    experiment = _experiment(load_config("cartpole", words))
    count = experiment.strategy.population_size
    fitness = np.random.default_rng(0).normal(size=count).astype(np.float32)
    zeros = np.zeros(count, np.float32)
    guard = _guard(experiment.strategy, ranks)
    place = _place(experiment.strategy)
    state, times = experiment.newborn(), []
    waited = _watch_waiting(ranks)
    for number in range(REPEATS + 1):
        ranks.gather_bytes(b"")
        begun, waited[0] = time.process_time(), 0.0
        known = {"places": place(fitness, ranks)} if place else {}
        statistics_ = LifeStatistics(zeros, zeros, zeros, zeros, **known)
        asked = guard.ask(state, number)
        state = guard.tell(state, asked, number, fitness, statistics_)
        jax.block_until_ready(state)
        spent = time.process_time() - begun
        times.append((spent, spent - waited[0]))
    spent, worked = (statistics.median(part) for part in zip(*times[1:], strict=True))
    print(json.dumps({"cpu": spent, "work": worked}), flush=True)
    ranks.close()


def draw() -> None:
    """CPU nanoseconds of one number of a low-rank update, drawn and summed."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from evolife.config.model import load_config

    words = ["population.size=16384", "population.tile=128", *CONFIG]
    experiment = _experiment(load_config("cartpole", words))
    strategy = experiment.strategy
    weights = np.random.default_rng(0).normal(size=16384).astype(np.float32)
    asked = _guard(strategy, None).ask(experiment.newborn(), 0)
    if hasattr(strategy, "pieces"):
        from evolife.engine.teller import SharedTell
        from evolife.ranks.base import Serial

        tell = SharedTell(strategy, Serial())
        every, limit = range(strategy.pieces), tell.limit(weights)

        def update() -> Any:
            return tell.sum_share(asked, weights, every, limit)
    else:
        perturbations = _first("evolife.noise", "evolife.perturbations")
        signed = jnp.asarray(weights[0::2] - weights[1::2])
        summed = jax.jit(
            lambda key, w: perturbations.weighted_sum(strategy._layout, key, w)
        )

        def update() -> Any:
            return jax.block_until_ready(summed(asked.key, signed))

    update()
    times = []
    for _ in range(REPEATS):
        begun = time.process_time()
        update()
        times.append(time.process_time() - begun)
    numbers = len(weights) // 2 * strategy._layout.length
    print(json.dumps({"ns": 1e9 * statistics.median(times) / numbers}))


def select(size: str) -> None:
    """CPU milliseconds from fitness to weights by centred ranks, on one rank."""
    import jax
    import numpy as np

    from evolife.base import LifeStatistics

    fitness = np.random.default_rng(0).normal(size=int(size)).astype(np.float32)
    zeros = np.zeros_like(fitness)
    shapings = "evolife.selection.shaping"
    selection = _first(f"{shapings}.centered_rank", shapings).CenteredRank()
    weigh = jax.jit(selection.weights)
    known: dict[str, Any] = {}
    sort = None
    if hasattr(selection, "of"):
        from evolife.ranks.base import Serial

        sort = _first("evolife.engine.ordering").place_members

    times = []
    for _ in range(REPEATS + 1):
        begun = time.process_time()
        if sort is not None:
            known = {"places": sort(fitness, Serial())}
        lives = LifeStatistics(zeros, zeros, zeros, **known)
        jax.block_until_ready(weigh(fitness, lives, ()))
        times.append(time.process_time() - begun)
    print(json.dumps({"ms": 1e3 * statistics.median(times[1:])}))


def command(*words: str) -> None:
    """Run evolife's command line."""
    from evolife.cli import main

    raise SystemExit(main(list(words)))


def memory(*words: str) -> None:
    """Run it, and tell the peak memory of this process."""
    from evolife.cli import main

    main([*words, "--json"])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"bytes": peak}))


def _experiment(config: Any) -> Any:
    build = _first("evolife.plugins.build", "evolife.experiment")
    if hasattr(build, "build_run"):
        return build.build_run(config).experiment
    return build.build(config)


def _guard(strategy: Any, ranks: Any) -> Any:
    if not hasattr(strategy, "ask"):
        return _Plain(strategy)
    return _first("evolife.engine.guard").Guard(strategy, ranks, print)


def _watch_waiting(ranks: Any) -> list[float]:
    """CPU seconds spent waiting for other ranks, added up in the one element."""
    waited = [0.0]
    wait = getattr(ranks, "_wait", None)

    def watched(*args: Any) -> Any:
        begun = time.process_time()
        found = wait(*args)
        waited[0] += time.process_time() - begun
        return found

    if wait is not None:
        ranks._wait = watched
    return waited


class _Plain:
    """What older builds do: each rank asks and tells alone."""

    def __init__(self, strategy: Any) -> None:
        import jax

        self._ask = jax.jit(strategy.propose)
        self._tell = jax.jit(strategy.update)

    def ask(self, state: Any, number: int) -> Any:
        import numpy as np

        return self._ask(state, np.int32(number))

    def tell(self, state: Any, asked: Any, number: int, *told: Any) -> Any:
        import jax
        import numpy as np

        return jax.block_until_ready(self._tell(state, asked, np.int32(number), *told))


def _place(strategy: Any) -> Any:
    """What sorts members, where that is not a part of tell."""
    if not hasattr(strategy, "pieces"):
        return None
    return _first("evolife.engine.ordering").place_members


if __name__ == "__main__":
    chosen = {f.__name__: f for f in (tell, draw, select, command, memory)}[sys.argv[1]]
    chosen(*sys.argv[2:])
