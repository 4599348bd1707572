"""Spaces that hold an action, and nothing else that looks like one."""

import dataclasses
import math
import re

import jax.numpy as jnp
import numpy as np
import pytest

from evolife.base import Both, Continuous, Discrete, Spec
from evolife.config.model import load_config
from evolife.errors import InvalidInput
from evolife.parts import act, features
from evolife.plugins import registry
from tests.worlds import WORLDS

pytestmark = pytest.mark.fast

HUGE = 3.0e38
REFUSED = {
    "no bounds": (lambda: Continuous(2, -math.inf, math.inf), "low must be finite"),
    "no upper bound": (lambda: Continuous(2, 0, math.inf), "high must be finite"),
    "NaN": (lambda: Continuous(2, math.nan, 1), "low must be finite"),
    "beyond float32": (lambda: Continuous(2, -1, 1e39), "high must be finite"),
    "NumPy's infinity": (lambda: Continuous(1, np.float32(-np.inf)), "must be finite"),
    "one point": (lambda: Continuous(2, 1, 1), "low must be less than high"),
    "one in float32": (lambda: Continuous(2, 1, 1 + 1e-12), "low must be less"),
    "upside down": (lambda: Continuous(2, 1, -1), "low must be less than high"),
    "a text": (lambda: Continuous(2, "-1", 1), "low must be a number, not '-1'"),
    "an array": (lambda: Continuous(2, np.zeros(2), 1), "low must be a number"),
    "a truth": (lambda: Continuous(2, False, True), "low must be a number, not False"),
    "no numbers": (lambda: Continuous(0), "size must be 1 or more"),
    "no choices": (lambda: Discrete(0), "size must be 1 or more"),
    "half a choice": (lambda: Discrete(2.5), "size must be an integer, not 2.5"),
    "fewer than none": (lambda: Discrete(-3), "size must be 1 or more"),
    "one kind twice": (lambda: Both(Discrete(2), Discrete(2)), "must be Both"),
    "no space": (lambda: Spec(3, 4), "action_space must be Discrete"),
    "a shape": (lambda: Spec((3,), Discrete(2)), "must be an integer, not (3,)"),
    "a negative size": (lambda: Spec(-1, Discrete(2)), "observation_size must be 0"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_space_without_actions_is_refused(case):
    make, words = REFUSED[case]
    with pytest.raises(ValueError, match=re.escape(words)):
        make()


@pytest.mark.parametrize("low, high", [(-HUGE, HUGE), (0, 1e-30), (-2, np.float32(6))])
def test_actions_in_any_allowed_bounds_are_finite_and_within(low, high):
    space = Continuous(5, low, high)
    wanted = jnp.array([-jnp.inf, -1.0, 0.0, 1.0, jnp.inf])
    numbers = np.asarray(act(space, wanted, None))
    assert np.isfinite(numbers).all()
    assert (numbers >= np.float32(low)).all() and (numbers <= np.float32(high)).all()
    assert np.isfinite(np.asarray(features(space, numbers))).all()


def test_sizes_may_be_numbers_of_numpy():
    assert Spec(np.int64(3), Discrete(np.int32(2))).action_space.size == 2


@pytest.mark.parametrize("space", [(-math.inf, math.inf), (1.0, 1.0), (2.0, -2.0)])
def test_a_run_in_such_a_world_is_refused_with_its_name(space, monkeypatch):
    @dataclasses.dataclass(frozen=True)
    class World(type(WORLDS["bandit"])):
        @property
        def spec(self):
            return Spec(1, Continuous(2, *space))

    monkeypatch.setattr(registry, "load", lambda kind, name, plugins=(): World)
    config = load_config("bandit")
    environment = registry.build_environment(config)
    with pytest.raises(InvalidInput, match=r"env 'bandit': Continuous\(size=2, low="):
        registry.build_agent(config, environment)
