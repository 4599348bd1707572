"""Programs are compiled by the first rank of a machine, and then by the others."""

import jax
import numpy as np
import pytest

from evolife.engine.evaluation import Evaluation
from evolife.engine.warmup import flat_statistics, in_turn
from evolife.ranks.base import Serial
from tests.thread_ranks import in_threads

pytestmark = pytest.mark.fast


@pytest.mark.parametrize("leaders", [{0}, {0, 2}])
def test_leaders_compile_before_the_others(leaders):
    order = []

    def work(rank):
        rank.leads = rank.rank in leaders
        assert in_turn(lambda: order.append(rank.rank) or 7, rank) == 7

    assert not any(in_threads(5, work))
    assert set(order[: len(leaders)]) == leaders
    assert sorted(order) == list(range(5))


def test_nobody_waits_for_a_leader_that_failed():
    """Others meet the same error themselves."""
    called = []

    class Rank(Serial):
        def gather_bytes(self, payload):
            called.append(payload)
            return [payload]

    with pytest.raises(ZeroDivisionError):
        in_turn(lambda: 1 / 0, Rank())
    assert called == [b""]


def test_stand_ins_have_the_shapes_of_what_lives_tell():
    """Else a program would be compiled for the stand-ins and once more for lives."""
    size = 6
    table = np.ones((size, 3), np.float32)

    class Lived:
        scores = table
        _of_counted = staticmethod(lambda scores: scores)

        class gathered:  # noqa: N801
            early, late = table, table

    told = Evaluation.statistics.func(Lived())
    like = flat_statistics(size)
    assert like.places is not None
    for one, other in zip(told._replace(places=like.places), like, strict=True):
        types = [jax.tree.map(jax.typeof, tree) for tree in (one, other)]
        assert types[0] == types[1]
