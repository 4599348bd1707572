"""How the fitness of a population is summed up."""

import math

import numpy as np
import pytest

from evolife.engine.summary import fitness_summary


def test_the_fitness_of_0_to_100_in_closed_form() -> None:
    shuffled = np.random.default_rng(0).permutation(101).astype(np.float32)
    expected = {"best": 100, "mean": 50, "median": 50, "std": math.sqrt(850)}
    expected |= {"p10": 10, "p25": 25, "p75": 75, "p90": 90}
    summary = fitness_summary(shuffled)
    assert summary == pytest.approx({f"fitness/{k}": v for k, v in expected.items()})
