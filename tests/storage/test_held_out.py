"""What champions earned life by life comes back whole, or is refused."""

import json

import numpy as np
import pytest
from safetensors.numpy import save

from evolife.errors import InvalidInput
from evolife.storage.held_out import FILE, HeldOut, content, read
from evolife.storage.run_folder import RunFolder

LIVES = {"seed": 3, "env": {"name": "toy"}, "wrap": [], "steps": 9}
RETURNS = np.random.default_rng(0).normal(size=(2, 5)).astype(np.float32)
CURVES = np.random.default_rng(1).normal(size=(2, 4)).astype(np.float32)
TABLE = [{"held_out": float(row.mean(dtype=np.float64))} for row in RETURNS]


def put(folder, data: bytes) -> RunFolder:
    run = RunFolder(folder)
    run.champions.mkdir(exist_ok=True)
    (run.champions / FILE).write_bytes(data)
    return run


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("learns", [True, False])
def test_it_comes_back_bit_for_bit(tmp_path, order, learns):
    extra = (RETURNS[1], CURVES[1]) if learns else ()
    given = HeldOut(LIVES, np.asarray(RETURNS, order=order), CURVES, *extra)
    assert content(given) == content(given)
    found = read(put(tmp_path, content(given)), TABLE)
    assert found is not None and found.lives == LIVES
    np.testing.assert_array_equal(found.returns, RETURNS)
    np.testing.assert_array_equal(found.curves, CURVES)
    for name, array in zip(
        ("unlearned_returns", "unlearned_curve"), extra, strict=False
    ):
        np.testing.assert_array_equal(getattr(found, name), array)
    assert learns or found.unlearned_curve is None


def test_a_run_without_it_has_none(tmp_path):
    assert read(RunFolder(tmp_path), TABLE) is None


def test_returns_that_are_not_finite_fit_a_table_that_says_so(tmp_path):
    broken = RETURNS.copy()
    broken[1, 2] = np.nan
    run = put(tmp_path, content(HeldOut(LIVES, broken, CURVES)))
    assert read(run, [TABLE[0], {"held_out": None}]) is not None
    with pytest.raises(InvalidInput, match=r"not those of champions\.json"):
        read(run, TABLE)


GOOD = {"returns": RETURNS, "curves": CURVES}
TOLD = {"lives": json.dumps(LIVES)}
BAD = {
    "no file at all": b"",
    "torn": content(HeldOut(LIVES, RETURNS, CURVES))[:-3],
    "no lives": save(GOOD),
    "lives in words": save(GOOD, {"lives": "many"}),
    "a list of lives": save(GOOD, {"lives": "[1]"}),
    "too little": save({"returns": RETURNS}, TOLD),
    "too much": save({**GOOD, "more": CURVES}, TOLD),
    "other numbers": save({**GOOD, "curves": CURVES.astype(np.float64)}, TOLD),
    "one dimension": save({"returns": RETURNS[0], "curves": CURVES}, TOLD),
    "fewer curves": save({"returns": RETURNS, "curves": CURVES[:1]}, TOLD),
    "fewer lives": save({**GOOD, "unlearned_returns": RETURNS[0, 1:]}, TOLD),
    "other champions": save({**GOOD, "returns": RETURNS + 1}, TOLD),
    "fewer champions": save({"returns": RETURNS[:1], "curves": CURVES[:1]}, TOLD),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_what_is_damaged_is_refused_with_a_remedy(tmp_path, data):
    with pytest.raises(InvalidInput, match=r"is damaged: .*--resume"):
        read(put(tmp_path, data), TABLE)
