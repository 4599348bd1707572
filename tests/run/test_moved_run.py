"""A run that was moved to another machine, where its plug-ins lie elsewhere."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import evolife
from evolife.config.model import load_config
from evolife.errors import InvalidInput
from tests.paths import NETWORKS

STILL = NETWORKS / "envs"
CONFIG = {
    "name": "still",
    "env": {"name": "still"},
    "agent": {"name": "reflex", "hidden": [4]},
    "lifetime": {"steps": 4, "lives": 2},
    "population": {"size": 4, "tile": 4},
    "best_of_k": {"keep": 1, "lives": 2, "archive": 2},
    "generations": 1,
}


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The run's folder and that of its plug-ins, both moved since it was made."""
    folder = tmp_path_factory.mktemp("moved")
    shutil.copytree(STILL, folder / "old" / "envs")
    evolife.train(CONFIG, plugins=[folder / "old"], out=folder / "run", ranks=1)
    (folder / "run").rename(folder / "laptop")
    (folder / "old").rename(folder / "new")
    return folder / "laptop", folder / "new"


def test_without_its_plugins_it_says_how_to_name_them(moved) -> None:
    run, _ = moved
    for ask in (
        lambda: evolife.load(run).champions[0].live(lives=1),
        lambda: evolife.evaluate(run, lives=2),
    ):
        with pytest.raises(InvalidInput, match=r"no folder .*old; .*--plugins DIR"):
            ask()


def test_plugins_replace_what_is_gone(moved) -> None:
    run, plugins = moved
    loaded = evolife.load(run, plugins=[plugins])
    assert loaded.config.plugins == (str(plugins),)
    rewards = loaded.champions[0].live(lives=2)
    report = evolife.evaluate(run, lives=2, plugins=[plugins])
    assert evolife.load(run, plugins=str(plugins)).config == loaded.config
    again = evolife.evaluate(loaded, lives=2)
    assert report == again
    earned = report["champions"][0]["one_life"]
    np.testing.assert_allclose(rewards.sum(axis=1).mean(), earned, rtol=1e-5)
    assert evolife.train(resume=run, plugins=[plugins], ranks=1).champions


def test_plugins_that_are_there_stay(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "envs").mkdir(parents=True)
    config = tmp_path / "config.yaml"
    text = (
        "name: moved\nenv: {name: bandit}\nagent: {name: gru}\nlifetime: {steps: 4}\n"
    )
    text += "population: {size: 4}\ngenerations: 1\nplugins: [one, gone]\n"
    config.write_text(text)
    one, two, gone = (str(tmp_path / name) for name in ("one", "two", "gone"))
    assert load_config(str(config)).plugins == (one, gone)
    assert load_config(str(config), plugins=[two]).plugins == (one, two)
