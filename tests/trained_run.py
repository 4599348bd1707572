"""One run that evolife made, for all tests that need any: made once a session."""

import shutil

import pytest

from tests.cli_tools import CONTROL, TINY, contents, run


@pytest.fixture(scope="session")
def train_result(tmp_path_factory):
    """What ``train --json`` said of a run of four generations, with its control."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    # Options may stand anywhere among the overrides.
    words = ("bandit", "--ranks", 1, *TINY, CONTROL, "--json", "--out", folder)
    result = run("train", *words, "generations=4")
    assert result.returncode == 0, result.stderr
    before = contents(folder)
    yield result, folder
    assert contents(folder) == before, "a test changed what all read: use trained_copy"


@pytest.fixture(scope="session")
def trained_run(train_result):
    """The folder of that run, for reading only."""
    return train_result[1]


@pytest.fixture
def trained_copy(trained_run, tmp_path):
    """A copy of that run, to do with as one likes."""
    return shutil.copytree(trained_run, tmp_path / "trained")
