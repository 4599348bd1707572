"""``evolife.evolve``: objects in, champions out; no config, no file, no folder.

The same bits as the config that says the same. Started by mpirun or srun, every rank
calls it alike and shares the work; else this process works alone.
"""

import atexit
import contextlib
import dataclasses
import functools
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar

from evolife.base import Agent, Environment, Genome, Selection, Strategy
from evolife.config.layers import Layer, Origins
from evolife.config.model import Evolution
from evolife.config.plugin_folders import Folder, folders
from evolife.config.recording import Nonfinite
from evolife.engine import evolution
from evolife.engine.experiment import Experiment
from evolife.engine.summary import summary
from evolife.engine.tournament import Champion, hold
from evolife.engine.work import Interrupted
from evolife.errors import EvolifeError, InvalidInput, Stopped
from evolife.plugins.build import (
    build_selection,
    build_strategy,
    settings_of,
    strategy_fields,
    tile_of,
)
from evolife.plugins.files import file_of, plugin_errors
from evolife.plugins.fit import check_fit
from evolife.processes.embedded import prepare
from evolife.processes.numerics import own_settings
from evolife.processes.placement import place
from evolife.processes.signals import fail_together, stop_on_signals
from evolife.ranks.base import Ranks, Serial
from evolife.ranks.mpi import open_ranks
from evolife.run.hooks import Hook
from evolife.run.memory import check_memory
from evolife.run.nonfinite import NonfiniteCount
from evolife.run.tracing import check_lives
from evolife.strict_json import plain

T = TypeVar("T")
_ARCHIVE = 32
Named = str | Mapping[str, Any]
"""A name, or a mapping of ``name`` and settings, as a config has it."""


@dataclasses.dataclass(frozen=True)
class Evolved:
    """What has come of an evolution; the same on every rank."""

    champions: list[Champion]
    """The best of K, best first, each measured on fresh lives."""
    metrics: list[dict[str, Any]]
    """One mapping a generation, with the names of ``metrics.jsonl``."""
    digest: str
    """Hex digest of the strategy's state after the last generation."""
    experiment: Experiment
    """Who lived where, and how they evolved."""

    @property
    def genome(self) -> Genome:
        """That of the best champion."""
        return self.champions[0].genome


def evolve(
    *,
    agent: Agent | type[Agent],
    environment: Environment | type[Environment],
    population: int,
    steps: int,
    generations: int,
    strategy: Named | Strategy | type[Strategy] = "low_rank",
    selection: Named | Selection = "native",
    plugins: Folder | Sequence[Folder] = (),
    lives: int = 1,
    same_lives: bool = False,
    seed: int = 0,
    tile: int | Literal["auto"] = "auto",
    bins: int = 32,
    keep: int = 8,
    held_out_lives: int = 64,
    archive: int | None = None,
    validate_every: int | Literal["auto"] | None = "auto",
    validate_lives: int = 128,
    on_generation: Hook | None = None,
) -> Evolved:
    """Evolve agents over whole lifetimes, and measure the best of them on fresh lives.

    Args:
        agent: an agent, or its class, which is then built with the environment's spec.
        environment: an environment, or its class, which is then built with defaults.
        population: K, the members of a generation.
        steps: T, the steps of one life.
        generations: how many.
        strategy: a name, a mapping such as ``{"name": "low_rank", "sigma": 0.2}``, or a
            ``Strategy`` of ``population`` members over genomes of the agent, or its
            class, which is then built with defaults.
        selection: a name, a mapping, or a ``Selection``; native is the strategy's own.
            A ``Strategy`` brings its own, its class gets it.
        plugins: folders of plug-ins of your own, for strategies and selections by name.
        lives: independent lives averaged per member.
        same_lives: all members of a generation live the same lives.
        seed: of all randomness.
        tile: members lived by one program; auto: by their size and the cache.
        bins: of the curve within a life.
        keep: champions kept.
        held_out_lives: fresh lives that each champion is measured on.
        archive: candidates remembered, at least ``keep``; by default 32 or ``keep``.
        validate_every: generations between points of the validation curve; auto: few
            enough to cost little; None: no curve.
        validate_lives: lives of that curve.
        on_generation: ``hook(metrics, run)``, called on rank 0 after each generation,
            see :mod:`evolife.run.hooks`. What it raises ends the evolution.

    Returns:
        An :class:`Evolved`: ``champions``, ``metrics``, ``digest``; alike on all ranks.

    Raises:
        InvalidInput: something does not exist, or does not fit together.
        Stopped: Ctrl-C or another signal came. Nothing is kept: a run that can go on
            later needs the folder of ``evolife.train``.
        EvolifeError: no member of any generation had a finite fitness.
    """
    config = _config(
        seed=seed,
        generations=generations,
        lifetime={
            "steps": steps,
            "lives": lives,
            "bins": bins,
            "same_lives": same_lives,
        },
        population={"size": population, "tile": tile},
        best_of_k={
            "keep": keep,
            "lives": held_out_lives,
            "archive": max(_ARCHIVE, keep) if archive is None else archive,
        },
        record={"validate_every": validate_every, "validate_lives": validate_lives},
        strategy=_named(strategy, Strategy),
        selection=_named(selection, Selection),
        plugins=folders(plugins),
    )
    with _world() as ranks:
        experiment = _built(config, agent, environment, strategy, selection)
        return _evolved(experiment, ranks, on_generation)


def _config(**data: Any) -> Evolution:
    given = plain({key: value for key, value in data.items() if value is not None})
    return Evolution.parsed(Layer(given, Origins({"": "evolve"})))


def _named(given: Any, kind: type) -> dict[str, Any] | None:
    """As a config has it; None for an object, and for a strategy's class."""
    if isinstance(given, kind):
        return None
    if kind is Strategy and isinstance(given, type) and issubclass(given, Strategy):
        return None
    if isinstance(given, str):
        return {"name": given}
    if isinstance(given, Mapping):
        return dict(given)
    word = kind.__name__.lower()
    raise InvalidInput(
        f"{word} = {given!r}: must be a name, a mapping such as {{'name': ...}}, or an "
        f"instance of {kind.__name__}"
    )


def _built(
    config: Evolution,
    agent: Agent | type[Agent],
    environment: Environment | type[Environment],
    strategy: Named | Strategy | type[Strategy],
    selection: Named | Selection,
) -> Experiment:
    """Build what is named, and check everything as ``evolife train`` does."""
    built_environment = _instance(environment, Environment)
    what = f"environment {type(built_environment).__name__}"
    with plugin_errors(what, file_of(built_environment), refusal=True):
        built_environment.check(config.lifetime.steps)
        spec = built_environment.spec
    built_agent = _instance(agent, Agent, spec=spec)
    check_fit(built_agent, built_environment)
    size = config.population.size
    own = selection if isinstance(selection, Selection) else None
    searches: Strategy
    if isinstance(strategy, Strategy):
        _check_size(strategy, size)
        searches = strategy
    elif isinstance(strategy, type):
        chosen = own or build_selection(config)
        given = strategy_fields(strategy, built_agent, chosen, size, config.plugins)
        name = f"strategy {strategy.__name__}"
        with plugin_errors(name, file_of(strategy), refusal=True):
            searches = strategy(**given)
    else:
        chosen = own or build_selection(config)
        searches = build_strategy(config, built_agent, chosen, size, config.generations)
    settings = settings_of(
        config, tile_of(config, searches, built_agent, built_environment)
    )
    experiment = Experiment(built_agent, built_environment, searches, settings)
    check_memory(experiment)
    check_lives(experiment)
    return experiment


def _instance(given: T | type[T], kind: Any, **fields: Any) -> T:
    """The object itself, or one of its class built with ``fields``."""
    if isinstance(given, kind):
        return given
    if isinstance(given, type) and issubclass(given, kind):
        what = f"{kind.__name__.lower()} {given.__name__}"
        with plugin_errors(what, file_of(given), refusal=True):
            return given(**fields)
    raise InvalidInput(
        f"{kind.__name__.lower()} = {given!r}: must be an {kind.__name__} or a class "
        "of one; by its name evolife.train finds it"
    )


def _check_size(strategy: Strategy, size: int) -> None:
    if strategy.population_size != size:
        raise InvalidInput(
            f"population = {size}: the strategy {strategy.name} has "
            f"{strategy.population_size} members; make both the same"
        )


def _evolved(experiment: Experiment, ranks: Ranks, hook: Hook | None) -> Evolved:
    settings, metrics = experiment.settings, list[dict[str, Any]]()
    about = {
        "name": type(experiment.agent).__name__,
        "config": plain(_described(experiment)),
        "folder": None,
    }
    progress, warn = evolution.begin(experiment), _warner(ranks)
    nonfinite = NonfiniteCount(Nonfinite(), settings.generations)
    try:
        for step in evolution.evolve(experiment, progress, 0, ranks, warn):
            progress = step.progress
            metrics.append(plain(summary(step, settings)))
            if hook and ranks.rank == 0:
                hook(dict(metrics[-1]), about)
            for words in nonfinite.note(step.generation, step.evaluation):
                warn(words)
            if reason := nonfinite.reason_to_stop(step.generation):
                warn(f"stopped after generation {step.generation}: {reason}")
                break
        if not progress.archive.candidates:
            raise EvolifeError(
                "no member of any generation had a finite fitness: look at the rewards "
                "of the environment and at init_genome of the agent"
            )
        champions = hold(experiment, progress.archive, ranks)
    except Interrupted as stop:
        raise Stopped(
            f"stopped after generation {len(metrics)} of {settings.generations}; "
            "evolve keeps nothing, evolife.train can go on from its folder"
        ) from stop
    return Evolved(champions, metrics, metrics[-1]["digest"], experiment)


def _described(experiment: Experiment) -> dict[str, Any]:
    """The evolution in words and numbers, for those who record it."""
    strategy = experiment.strategy
    return {
        **dataclasses.asdict(experiment.settings),
        "agent": type(experiment.agent).__name__,
        "environment": type(experiment.environment).__name__,
        "strategy": {"name": strategy.name, **strategy.described()},
    }


def _warner(ranks: Ranks) -> Callable[[str], None]:
    def warn(text: str) -> None:
        if ranks.rank == 0:
            warnings.warn(text, stacklevel=2)

    return warn


@contextlib.contextmanager
def _world() -> Iterator[Ranks]:
    """All ranks of the job that this process is one of, or this process alone.

    In the main thread SIGINT, SIGTERM and SIGUSR1 ask the work to stop while the block
    runs; in others Python allows no handlers.
    """
    ranks = _joined()
    with contextlib.ExitStack() as stack:
        stack.enter_context(fail_together(ranks))
        prepare()
        stack.enter_context(own_settings())
        if threading.current_thread() is threading.main_thread():
            stack.enter_context(stop_on_signals(ranks))
        yield ranks


def _joined() -> Ranks:
    here = place()
    if here is None or here.size == 1:
        return Serial()
    return _opened(here.size)


@functools.cache
def _opened(size: int) -> Ranks:
    """MPI's world can be opened once in a process; it is closed when Python ends."""
    ranks = open_ranks(size)
    atexit.register(ranks.close)
    return ranks
