"""Operators on disk: what is written comes back; what does not fit is refused."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from evolife import keys
from evolife.errors import InvalidInput
from evolife.selection.features import FEATURES
from evolife.selection.operator import Architecture, init
from evolife.selection.operator_file import read, sha256, write
from evolife.selection.shaping.learned import Learned

SHAPE = Architecture(width=5, queries=2, signed=True)
CARD = {"name": "mine", "families": ["sphere"]}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "operator.safetensors"
    write(path, init(keys.root_key(3), SHAPE), SHAPE, CARD)
    return path


def altered(path, **changes):
    """The same arrays under another header."""
    header = {
        "format": 1,
        "architecture": {"features": 13, "width": 5, "queries": 2, "signed": True},
        "features": list(FEATURES),
        "card": CARD,
        **changes,
    }
    save_file(load_file(path), path, {"evolife operator": json.dumps(header)})


def test_what_is_written_comes_back(file):
    learned = Learned(str(file))
    assert read(str(file))[2] == CARD and learned.shape == SHAPE
    for got, wanted in zip(
        learned.parameters, init(keys.root_key(3), SHAPE), strict=True
    ):
        np.testing.assert_array_equal(got, wanted)
    state = learned.init()
    np.testing.assert_array_equal(state.operator.embed, learned.parameters.embed)


def test_a_folder_stands_for_the_operator_in_it(file):
    assert sha256(str(file.parent)) == sha256(str(file))


def test_equal_operators_are_equal_files(file, tmp_path):
    for number in range(5):
        again = tmp_path / f"{number}.safetensors"
        write(again, init(keys.root_key(3), SHAPE), SHAPE, CARD)
        assert again.read_bytes() == file.read_bytes()


def test_one_of_other_features_is_refused(file):
    altered(file, features=[*FEATURES[:-1], "colour"])
    with pytest.raises(InvalidInput, match=r"features.*colour.*train it again"):
        read(str(file))


@pytest.mark.parametrize("architecture", [{"width": 6}, {"queries": 3}])
def test_arrays_of_another_architecture_are_refused(file, architecture):
    shape = {"features": 13, "width": 5, "queries": 2, "signed": True}
    altered(file, architecture={**shape, **architecture})
    with pytest.raises(InvalidInput, match="damaged"):
        read(str(file))


def test_other_files_are_refused(file, tmp_path):
    save_file({"x": np.zeros(3)}, file)
    with pytest.raises(InvalidInput, match="is not a selection operator"):
        read(str(file))
    torn = tmp_path / "torn.safetensors"
    torn.write_bytes(b"\x10\x00")
    with pytest.raises(InvalidInput, match="cannot be read"):
        read(str(torn))
    with pytest.raises(InvalidInput, match="no such file"):
        read(str(tmp_path / "none.safetensors"))
