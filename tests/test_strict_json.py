"""Nothing but strict JSON is written: NaN and infinity are null."""

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import evolife
from evolife.ranks.broadcast import on_rank_zero
from evolife.ranks.mpi import Serial
from evolife.strict_json import dumps, plain

pytestmark = pytest.mark.fast

HASHED_OR_SHOWN = {
    *("config/hyperparameters", "config/located", "config/sources"),
    "config/difference",
    *("config/validation", "config/wording", "commands/sweep", "metalearning/config"),
    "dashboard/hparams",
    *("reports/runs", "reports/sides", "reports/table", "reports/words"),
    *("sweeps/expansion", "sweeps/forecast", "sweeps/pool", "sweeps/prepare"),
}
"""Modules whose JSON is hashed, compared, put on a command line or shown as a word."""

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(width=64)
    | st.floats(width=32).map(np.float32)
    | st.text(max_size=5)
)
documents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.tuples(inner, inner)
        | st.lists(st.floats(width=32), max_size=3).map(
            lambda found: np.array(found, np.float32)
        )
    ),
    max_leaves=8,
)


@given(documents, st.sampled_from([None, 1, 2]), st.booleans())
def test_every_document_is_read_by_a_strict_parser(document, indent, ordered):
    text = dumps(document, indent, ordered)
    assert json.loads(text, parse_constant=pytest.fail) == plain(document)
    assert ("\n" in text) <= (indent is not None)


@given(documents)
def test_what_is_finite_stays_and_what_is_not_is_null(document):
    def same(given: Any, found: Any) -> bool:
        if isinstance(given, dict):
            alike = given.keys() == found.keys()
            return alike and all(same(given[key], found[key]) for key in given)
        if isinstance(given, list | tuple | np.ndarray):
            return len(given) == len(found) and all(map(same, given, found))
        if isinstance(given, float | np.floating) and not math.isfinite(given):
            return found is None
        kind = type(given) if isinstance(given, np.floating) else lambda value: value
        return bool(kind(found) == given)

    assert same(document, plain(document))


def test_what_rank_zero_tells_the_others_is_strict_too():
    told = on_rank_zero(lambda: {"score": math.nan, "ends": [-math.inf, 1.5]}, Serial())
    assert told == {"score": None, "ends": [None, 1.5]}


def test_no_other_module_writes_json():
    """Whoever writes a document asks ``strict_json``; the rest is named above."""
    root = Path(evolife.__file__).parent
    writers = {
        path.relative_to(root).with_suffix("").as_posix()
        for path in root.rglob("*.py")
        if re.search(
            r"\bjson\.(dumps?|JSONEncoder)\b|from json import", path.read_text()
        )
    }
    assert writers - {"strict_json"} <= HASHED_OR_SHOWN
