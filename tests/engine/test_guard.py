"""A strategy that would turn NaN stays where it stood; it is said when and why."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from evolife.base import LifeStatistics, Strategy
from evolife.config.model import load_config
from evolife.engine.evolution import begin, evolve
from evolife.engine.guard import Guard
from evolife.plugins.build import build_run
from evolife.ranks.mpi import Serial


class State(NamedTuple):
    mean: jax.Array
    steps: jax.Array
    unknown: jax.Array


@dataclasses.dataclass(frozen=True)
class Divides(Strategy):
    """Moves by the inverse of the spread of fitness; asks for 1 / (10 - mean)."""

    name = "divides"

    def init(self, key, newborn):
        return State(newborn(key), jnp.int32(0), jnp.full(2, jnp.nan))

    def ask(self, state, generation):
        return {"genome": 1 / (10 - state.mean), "number": generation}

    def member(self, proposal, index):
        return proposal["genome"]

    def tell(self, state, proposal, generation, fitness, statistics):
        return state._replace(mean=state.mean + 1 / jnp.ptp(fitness), steps=generation)

    def centre(self, state):
        return state.mean

    def floor(self, state):
        return state.mean.min() >= 3, "strategy.floor = 3"


def told(guard, state, done, fitness):
    proposal = guard.ask(state, done)
    fitness = np.asarray(fitness, np.float32)
    statistics = LifeStatistics(fitness, fitness, fitness)
    return guard.tell(state, proposal, done, fitness, statistics)


def start(newborn=lambda key: jnp.zeros(2)):
    warnings = []
    divides = Divides(4, jnp.zeros(2), None)
    return (
        Guard(divides, Serial(), warnings.append),
        divides.init(None, newborn),
        warnings,
    )


def test_an_update_that_loses_a_number_is_undone_and_said_with_its_cause():
    guard, state, warnings = start()
    after = told(guard, state, 0, [1, 2, 1, 1])
    assert after.mean.tolist() == [1, 1] and warnings == []
    assert told(guard, after, 1, [5, 5, 5, 5]) is after
    [warning] = warnings
    assert "generation 2" in warning and "divides" in warning and "its mean" in warning
    assert "has the fitness 5 (a plateau)" in warning
    assert told(guard, after, 2, [1, 2, 1, 1]).mean.tolist() == [2, 2]


def test_what_is_proposed_is_checked_not_only_what_is_kept():
    guard, state, warnings = start(lambda key: jnp.full(2, 9.0))
    assert told(guard, state, 0, [0, 1, 0, 0]) is state
    assert "the genomes it proposes not finite" in warnings[0]
    assert "went from 0 to 1" in warnings[0]


def test_undoing_again_and_again_is_said_ever_more_rarely():
    guard, state, warnings = start()
    for done in range(20):
        assert told(guard, state, done, [3, 3, 3, 3]) is state
    assert len(warnings) == 5
    for warning, times in zip(warnings[1:], (2, 4, 8, 16), strict=True):
        assert f"generation {times}: " in warning
        assert f"({times} times so far)" in warning


def test_the_floor_is_said_once_when_it_is_reached():
    guard, state, warnings = start()
    for done in range(6):
        state = told(guard, state, done, [0, 1, 0, 0])
    [warning] = warnings
    assert warning.startswith("generation 3: the step size of divides has fallen to")
    assert "strategy.floor = 3" in warning


def test_a_newborn_that_is_not_finite_is_told_and_hides_nothing_else():
    guard, state, warnings = start(lambda key: jnp.array([jnp.inf, 0.0]))
    guard.ask(state, 0)
    assert state.mean[0] == jnp.inf and len(warnings) == 0
    guard, state, warnings = start(lambda key: jnp.array([jnp.nan, 0.0]))
    state = told(guard, state, 0, [0, 1, 0, 0])
    assert state.mean[1] == 1
    assert len(warnings) == 1 and "init_genome" in warnings[0]


def test_a_long_plateau_leaves_genomes_finite_and_says_where_the_floor_was_met():
    config = load_config(
        "cartpole",
        (
            "agent.hidden=[1]",
            "lifetime={steps: 2, lives: 1}",
            "population={size: 8, tile: 8}",
            "strategy={name: CMA_ES, std_init: 0.01}",
            "selection={name: native}",
            "generations=160",
            "control=null",
        ),
    )
    built, warnings = build_run(config), []
    experiment = built.experiment
    assert built.config.strategy.settings["std_min"] == 1e-5
    for step in evolve(experiment, begin(experiment), 0, Serial(), warnings.append):
        assert np.isfinite(step.progress.strategy.algorithm.mean).all()
    population = experiment.strategy.ask(step.progress.strategy, 160).population
    assert np.isfinite(population).all() and population.std(axis=0).max() > 2e-6
    assert any("strategy.std_min = 1e-05" in text for text in warnings)
