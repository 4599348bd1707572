"""Copies of one life are found by living, and nothing is called held-out."""

import dataclasses
import math
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evolife.base import Continuous, Discrete, Environment, Spec, TimeStep
from evolife.commands.describe import describe
from evolife.config.model import load_config
from evolife.engine.evolution import begin, evolve
from evolife.engine.tournament import hold
from evolife.engine.variety import copied, variety
from evolife.envs.gymnax import Gymnax
from evolife.plugins.build import build_run
from evolife.ranks.mpi import Serial
from evolife.run import champion_table


class State(NamedTuple):
    place: jax.Array
    hidden: jax.Array


@dataclasses.dataclass(frozen=True)
class Walk(Environment):
    """Draws where ``drawn`` says: at the start, hidden, in the course, or nowhere."""

    senses: ClassVar[str] = "place"
    acts: ClassVar[str] = "moves"
    objective: ClassVar[str] = "place"
    generalises: ClassVar[str] = "other places"

    drawn: str = "nowhere"
    discrete: bool = True

    @property
    def spec(self):
        return Spec(1, Discrete(2) if self.discrete else Continuous(2, -2.0, 3.0))

    @property
    def reward_range(self):
        return -math.inf, math.inf

    def reset(self, key):
        number = jax.random.normal(key)
        place = number if self.drawn == "start" else jnp.float32(0)
        hidden = number if self.drawn == "hidden" else jnp.float32(1)
        return State(place, hidden), self._sense(place)

    def step(self, state, action, key):
        jump = jax.random.normal(key) if self.drawn == "late" else 0.0
        far = jnp.where(jnp.abs(state.place) > 3, jump, 0.0)
        place = state.place + state.hidden * (jnp.sum(action) + 0.5) + far
        return state._replace(place=place), self._sense(place)

    def _sense(self, place):
        return TimeStep(place[None], place, jnp.zeros((), bool))


@pytest.mark.parametrize(
    ("drawn", "found"),
    [("start", "start"), ("hidden", "start"), ("late", "course"), ("nowhere", "none")],
)
def test_what_differs_between_lives_is_found_wherever_it_is_drawn(drawn, found):
    assert variety(Walk(drawn), 20) == found


def test_a_course_that_never_comes_to_a_draw_is_one_life():
    assert variety(Walk("late"), 2) == "none"
    assert variety(Walk("nowhere", discrete=False), 20) == "none"


def test_equal_scores_are_copies_only_where_no_life_differs():
    scores = np.array([[3, 3, 3], [3, 3, 4]], np.float32)
    assert copied(Walk("nowhere"), 20, scores).tolist() == [True, False]
    assert copied(Walk("start"), 20, scores).tolist() == [False, False]
    assert copied(Walk("nowhere"), 20, scores[:, :1]).tolist() == [False, False]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("DeepSea-bsuite", "none"),
        ("DiscountingChain-bsuite", "none"),
        ("Catch-bsuite", "start"),
    ],
)
def test_environments_of_gymnax_that_have_one_life_are_found(name, found):
    assert variety(Gymnax(id=name), 30) == found


def lone(*more):
    overrides = (
        "env={name: gymnax, id: DiscountingChain-bsuite}",
        "agent={name: reflex, hidden: [2]}",
        "lifetime={steps: 12, lives: 2}",
        "population={size: 4, tile: 4}",
        "best_of_k={keep: 2, archive: 2, lives: 4}",
        "generations=1",
        "control=null",
    )
    return load_config("cartpole", (*overrides, *more))


def test_describe_promises_no_other_lives_where_there_are_none():
    def answer(config):
        return describe(config)["questions"]["Where should it generalise?"]

    assert "all its lives are equal" in answer(lone())
    other = lone("env.id=Catch-bsuite")
    assert answer(other).startswith("other lives of the same environment")


def test_champions_of_one_life_are_not_called_held_out():
    experiment = build_run(lone()).experiment
    [step] = evolve(experiment, begin(experiment), 0, Serial(), print)
    for row in champion_table.table(hold(experiment, step.progress.archive, Serial())):
        assert row["one_life"] == row["validated"] and row["lives"] == 1
        assert row["held_out"] is None and row["gap"] is None
        assert row["interval"] == [None, None] and row["deviation"] is None
