"""What is wrong with a config is told before anything is lived, by every command."""

from pathlib import Path
from typing import Any

import pytest

from evolife.commands.describe import describe
from evolife.config.sources import run_config
from evolife.errors import InvalidInput
from evolife.run.readiness import checked
from tests.paths import NETWORKS

STILL = (NETWORKS / "envs" / "still.py").read_text()
CONFIG = {
    "name": "still",
    "env": {"name": "flawed"},
    "agent": {"name": "reflex", "hidden": [3]},
    "lifetime": {"steps": 3},
    "population": {"size": 4, "tile": 4},
    "generations": 1,
}
FLAWS = {
    "a wrong Spec": ("Spec(4,", "Spec(5,", "reset at .observation is float32[4]"),
    "a misspelt field": ("action.sum()", "self.prize", "no attribute 'prize'"),
    "an if on a traced value": (
        "        return (), self._sense(action.sum())",
        "        return (), self._sense(action.sum() if action[0] > 0 else action[1])",
        "TracerBoolConversionError",
    ),
    "a vector in statistics": (
        "    def _sense",
        "    def statistics(self, state):\n"
        "        return {'two': jnp.zeros(2)}\n\n    def _sense",
        "'two' is float32[2], must be one number a life",
    ),
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_describe_refuses_what_a_run_refuses(tmp_path: Path, flaw: str) -> None:
    old, new, message = FLAWS[flaw]
    assert old in STILL
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs" / "flawed.py").write_text(STILL.replace(old, new))
    refusals = []
    for ask in (describe, checked):
        with pytest.raises(InvalidInput) as caught:
            ask(run_config(CONFIG, [], [str(tmp_path)]))
        refusals.append(str(caught.value))
    assert refusals[0] == refusals[1]
    assert message in refusals[0]


def test_memory_is_checked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evolife.run.memory.usable_memory", lambda: 1)
    with pytest.raises(InvalidInput, match=r"take .* GB on 1 rank"):
        describe(CONFIG | {"env": {"name": "still"}}, plugins=[NETWORKS])


def test_a_control_is_checked_too() -> None:
    wrong = CONFIG | {"env": {"name": "still"}, "control": {"agent": {"name": "grv"}}}
    with pytest.raises(InvalidInput, match="did you mean 'gru'"):
        describe(wrong, plugins=[NETWORKS])
    fine = CONFIG | {"env": {"name": "still"}}
    assert describe(fine, plugins=[NETWORKS])["observation_size"] == 4


def test_what_was_traced_before_a_run_is_not_traced_again() -> None:
    from evolife.engine.evolution import begin, evolve
    from evolife.ranks.base import Serial

    built = checked(run_config(CONFIG | {"env": {"name": "still"}}, [], [NETWORKS]))
    experiment = built.experiment
    assert experiment.evaluator.traces == 1
    list(evolve(experiment, begin(experiment), 0, Serial(), pytest.fail))
    assert experiment.evaluator.traces == 1


UNPLAIN = {
    "env is a Coin": {"env": "COIN"},
    "agent.layers[1].kind is a Coin": {"agent": {"layers": [3, {"kind": "COIN"}]}},
    "the key 3 of env is not text": {"env": {3: "COIN"}},
}


@pytest.mark.parametrize("place", UNPLAIN)
def test_objects_in_a_config_are_named_with_a_remedy(place: str) -> None:
    """Agents and environments are named by their files, not given as objects."""

    class Coin:
        pass

    def with_objects(data: Any) -> Any:
        if isinstance(data, dict):
            return {key: with_objects(value) for key, value in data.items()}
        if isinstance(data, list):
            return [with_objects(value) for value in data]
        return Coin() if data == "COIN" else data

    with pytest.raises(InvalidInput) as caught:
        run_config(CONFIG | with_objects(UNPLAIN[place]), [])
    assert f"not plain data: {place}; " in str(caught.value)
    assert "plugins=[FOLDER] for FOLDER/envs/" in str(caught.value)
