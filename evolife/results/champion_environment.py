"""The worlds and programs that a run's champions act in, built when first needed."""

import dataclasses
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np

from evolife import keys
from evolife.base import Genome
from evolife.config.sources import run_config
from evolife.engine.evaluator import Evaluator
from evolife.engine.experiment import Experiment
from evolife.engine.tournament import champion_grid
from evolife.engine.work import Task
from evolife.plugins.build import build_run
from evolife.processes.embedded import prepare
from evolife.results.agent_program import AgentProgram
from evolife.storage import champions
from evolife.storage.genomes import read_genomes

if TYPE_CHECKING:
    from evolife.results.run import Run


class ChampionEnvironment(NamedTuple):
    """One environment with all champions, ready to live in."""

    evaluator: Evaluator
    genomes: Genome
    """Stacked along a leading axis, best first."""

    def live(self, place: int, lives: int, seed: int) -> np.ndarray:
        """``(lives, steps)`` rewards of the champion at ``place``, on fresh lives.

        Lives are those that ``evolife evaluate`` measures under ``seed``, in units of
        work of the same shape.
        """
        pool = keys.pool_key(seed, keys.Pool.EVALUATE)
        task = Task(jax.device_put(self.genomes), pool, np.int32(0))
        grid = champion_grid([place], range(lives))
        blocks = [
            jax.device_get(
                self.evaluator.live_unit(grid, unit, task, lambda: False)
            ).curve
            for unit in range(grid.units)
        ]
        # Bins of one step: the mean reward in a bin is the reward of the step.
        return grid.assemble(np.stack(blocks))[0]


class ChampionEnvironments:
    """All that is built for one run, kept for the next life."""

    def __init__(self, run: "Run") -> None:
        prepare()
        self._run = run
        self._stages: dict[tuple[str, ...], ChampionEnvironment] = {}

    @cached_property
    def experiment(self) -> Experiment:
        """The run's own; raises ``InvalidInput`` where it cannot be built again."""
        return build_run(self._run.config).experiment

    @cached_property
    def genomes(self) -> Genome:
        """All champions', stacked; raises ``InvalidInput`` for a damaged file."""
        return self._read(self.experiment)

    @cached_property
    def hand(self) -> AgentProgram:
        """The run's agent, to be led by hand."""
        return AgentProgram(self.experiment.agent)

    def stage(self, overrides: Sequence[str]) -> ChampionEnvironment:
        """The run's environment with ``overrides``; raises ``InvalidInput``."""
        asked = tuple(overrides)
        if asked not in self._stages:
            self._stages[asked] = self._built(asked)
        return self._stages[asked]

    def _built(self, overrides: tuple[str, ...]) -> ChampionEnvironment:
        experiment = build_run(run_config(self._run.config, overrides)).experiment
        steps = experiment.settings.steps
        evaluator = dataclasses.replace(experiment.stacked(steps), requested_bins=steps)
        return ChampionEnvironment(evaluator, self._read(experiment))

    def _read(self, experiment: Experiment) -> Any:
        run = self._run.folder
        return read_genomes(run, champions.read(run), experiment.template())
