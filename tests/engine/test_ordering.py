"""Members sorted as integers, in shares, stand where comparing floats puts them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from evolife.engine import ordering
from evolife.engine.fitness import worst_for_nonfinite
from evolife.engine.ordering import order_members, place_members
from evolife.ranks.base import Serial
from tests.thread_ranks import in_threads

pytestmark = pytest.mark.fast

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
FEW = st.sampled_from([-0.0, 0.0, 1.0, -1.0, 2.0**-149, -(2.0**-149), 3e38])
FITNESS = hnp.arrays(np.float32, st.integers(1, 30), elements=FLOATS | FEW)


@settings(max_examples=200, deadline=None)
@given(FITNESS)
def test_order_and_places_are_those_of_comparisons(fitness):
    rows = order_members(fitness, fitness)
    assert rows.tolist() == np.lexsort((np.arange(len(fitness)), -fitness)).tolist()
    places = place_members(fitness, Serial())
    for member, value in enumerate(fitness):
        assert places.worse[member] == np.sum(fitness < value)
        assert places.upto[member] == np.sum(fitness <= value)


def test_a_made_up_fitness_comes_after_a_measured_one():
    measured = np.array([np.nan, -2.0, 5.0, np.inf, -2.0], np.float32)
    fitness = worst_for_nonfinite(measured)
    assert order_members(fitness, measured).tolist() == [2, 1, 4, 0, 3]
    assert place_members(fitness, Serial()).worse.tolist() == [0, 0, 4, 0, 0]


@settings(max_examples=30, deadline=None)
@given(FITNESS, st.integers(2, 7))
def test_ranks_that_share_the_sorting_agree_with_one(fitness, size):
    """Also where there are more ranks than members, and where all are equal."""
    wanted = place_members(fitness, Serial())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ordering, "SHARED", 0)
        for places in in_threads(size, lambda rank: place_members(fitness, rank)):
            assert (places.worse == wanted.worse).all()
            assert (places.upto == wanted.upto).all()


@pytest.mark.parametrize("ties", [1, 3])
def test_large_populations_are_ordered_too(ties):
    fitness = np.random.default_rng(0).normal(size=200_003).astype(np.float32)
    fitness[::ties] = fitness[0] if ties > 1 else fitness[::ties]
    assert (
        order_members(fitness, fitness) == np.argsort(-fitness, kind="stable")
    ).all()
    ordered = np.sort(fitness)
    for ranks in (1, 3):
        for places in in_threads(ranks, lambda rank: place_members(fitness, rank)):
            assert (places.worse == np.searchsorted(ordered, fitness, "left")).all()
            assert (places.upto == np.searchsorted(ordered, fitness, "right")).all()
