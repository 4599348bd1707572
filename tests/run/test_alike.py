"""Ranks that compute otherwise are named when a run starts."""

import pytest

from evolife.ranks.base import Serial
from evolife.run.alike import computes_as, unlike_ranks

pytestmark = pytest.mark.fast


class World(Serial):
    """Rank 0, and what the others say of themselves."""

    def __init__(self, *others: str) -> None:
        super().__init__()
        self.others = others

    def gather_bytes(self, payload):
        padded = (other.encode().ljust(len(payload)) for other in self.others)
        return [payload, *padded]


def test_ranks_of_one_kind_are_passed_over():
    own = computes_as()
    assert unlike_ranks(Serial(), own) == ""
    assert unlike_ranks(World(own, own), own) == ""


def test_the_odd_ones_are_named_with_what_differs():
    told = unlike_ranks(World("A", "B", "A"), "A")
    assert told.startswith("rank(s) 2 compute with B, rank 0 with A:")
    many = unlike_ranks(World(*"BBBBBBB"), "A")
    assert many.startswith("rank(s) 1, 2, 3, 4, 5 and 2 more compute with B")


def test_it_tells_jaxlib_processor_and_flags(monkeypatch):
    import jaxlib

    monkeypatch.setenv("XLA_FLAGS", "--b=2 --a=1")
    own = computes_as()
    assert own.startswith(f"jaxlib {jaxlib.__version__} on ")
    assert own.endswith("XLA_FLAGS=--a=1 --b=2")
    monkeypatch.setenv("XLA_FLAGS", "--a=1 --b=2")
    assert computes_as() == own
