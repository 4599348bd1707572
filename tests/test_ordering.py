"""Members sorted as integers stand where comparing floats puts them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from evolife.engine.fitness import worst_for_nonfinite
from evolife.engine.ordering import order_members

pytestmark = pytest.mark.fast

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
FEW = st.sampled_from([-0.0, 0.0, 1.0, -1.0, 2.0**-149, -(2.0**-149), 3e38])


@settings(max_examples=200, deadline=None)
@given(hnp.arrays(np.float32, st.integers(1, 30), elements=FLOATS | FEW))
def test_order_and_places_are_those_of_comparisons(fitness):
    rows, places = order_members(fitness, fitness)
    assert rows.tolist() == np.lexsort((np.arange(len(fitness)), -fitness)).tolist()
    for member, value in enumerate(fitness):
        assert places.worse[member] == np.sum(fitness < value)
        assert places.upto[member] == np.sum(fitness <= value)


def test_a_made_up_fitness_comes_after_a_measured_one():
    measured = np.array([np.nan, -2.0, 5.0, np.inf, -2.0], np.float32)
    rows, places = order_members(worst_for_nonfinite(measured), measured)
    assert rows.tolist() == [2, 1, 4, 0, 3]
    assert places.worse.tolist() == [0, 0, 4, 0, 0]


def test_large_populations_are_ordered_too():
    fitness = np.random.default_rng(0).normal(size=200_003).astype(np.float32)
    fitness[::3] = fitness[0]
    rows, places = order_members(fitness, fitness)
    assert (rows == np.argsort(-fitness, kind="stable")).all()
    ordered = np.sort(fitness)
    assert (places.worse == np.searchsorted(ordered, fitness, "left")).all()
    assert (places.upto == np.searchsorted(ordered, fitness, "right")).all()
