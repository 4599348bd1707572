"""Plug-ins: built from a config, and what they refuse."""

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import evosax.algorithms
import pytest

from evolife.base import (
    Discrete,
    Spec,
)
from evolife.config.bundled import bundled_configs
from evolife.config.layers import Layer
from evolife.config.located import config_digest
from evolife.config.model import RunConfig, load_config
from evolife.errors import InvalidInput
from evolife.plugins import registry
from evolife.plugins.files import summary
from evolife.plugins.fit import check_fit

AGENT = '''"""Acts by habit.

More about it.
"""
import dataclasses
from typing import Annotated, ClassVar
import jax, jax.numpy as jnp
from annotated_types import Ge
from evolife.base import Agent, Discrete

@dataclasses.dataclass(frozen=True)
class Habit(Agent):
    """One number decides."""

    width: Annotated[int, Ge(1)] = 2
    """Numbers in the genome."""
    sizes: tuple[int, ...] = (1, 2)
    rate: float = 0.5

    def __post_init__(self):
        if not isinstance(self.spec.action_space, Discrete):
            raise ValueError("a habit is a choice; use a discrete environment")
        if self.width == 13:
            raise ValueError("width = 13 brings bad luck; use 12")

    def init_genome(self, key):
        return {"bias": jnp.zeros(self.width)}

    def init_state(self, genome, key):
        return ()

    def step(self, genome, state, timestep, key):
        return state, jnp.zeros((), jnp.int32)
'''


def plugin(folder: Path, name: str, text: str, kind: str = "agents") -> Path:
    path = folder / kind / f"{name}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def config(folder: Path | None = None, **sections: Any) -> RunConfig:
    data = {
        "name": "run",
        "env": {"name": "bandit", "arms": 3},
        "agent": {"name": "habit"},
        "lifetime": {"steps": 10},
        "population": {"size": 4},
        "generations": 1,
        "plugins": [str(folder)] if folder else [],
    }
    return RunConfig.parsed(Layer(data | sections))


def refusal(folder: Path, **sections: Any) -> str:
    chosen = config(folder, **sections)
    with pytest.raises(InvalidInput) as caught:
        registry.build_agent(chosen, registry.build_environment(chosen))
    return str(caught.value)


def test_a_plugin_is_found_summarised_loaded_and_built(tmp_path: Path) -> None:
    path = plugin(tmp_path, "habit", AGENT)
    plugin(tmp_path, "_helper", "raise RuntimeError")
    found = registry.find("agents", (str(tmp_path),))
    assert found["habit"].path == path
    assert "_helper" not in found
    assert set(registry.names("agents")) == set(found) - {"habit"}
    assert summary(found["habit"]) == "Acts by habit."
    given = {"name": "habit", "width": 3, "sizes": [7], "rate": 1}
    chosen = config(tmp_path, agent=given)
    environment = registry.build_environment(chosen)
    agent = registry.build_agent(chosen, environment)
    assert type(agent) is registry.load("agents", "habit", (str(tmp_path),))
    assert dataclasses.astuple(agent)[2:] == (3, (7,), 1.0)
    assert agent.spec == environment.spec == Spec(1, Discrete(3))
    assert hash(agent) == hash(registry.build_agent(chosen, environment))
    check_fit(agent, environment)


def test_defaults_are_resolved_and_build_the_same_again(tmp_path: Path) -> None:
    plugin(tmp_path, "habit", AGENT)
    chosen = config(tmp_path)
    environment = registry.build_environment(chosen)
    agent = registry.build_agent(chosen, environment)
    resolved = registry.resolved_config(chosen, env=environment, agent=agent)
    assert resolved.agent.settings == {
        "learns": True,
        "width": 2,
        "sizes": [1, 2],
        "rate": 0.5,
    }
    assert resolved.env.settings == {
        "arms": 3,
        "pulls": 10,
        "contexts": 1,
        "drift": 0.0,
    }
    assert registry.build_agent(resolved, environment) == agent
    again = registry.resolved_config(resolved, env=environment, agent=agent)
    assert config_digest(again) == config_digest(resolved) != config_digest(chosen)


BAD_SETTINGS = [
    ({"widht": 3}, "agent.widht: unknown key; allowed: learns, width, sizes, rate"),
    ({"width": 0}, "agent.width = 0: must be an integer of at least 1"),
    ({"width": "2"}, 'agent.width = "2": must be an integer'),
    ({"width": True}, "agent.width = true: must be an integer"),
    ({"rate": "x"}, 'agent.rate = "x": must be a number'),
    ({"sizes": 3}, "agent.sizes = 3: must be a list, each an integer"),
    ({"sizes": [1, "a"]}, 'agent.sizes[1] = "a": must be an integer'),
    ({"spec": {}}, "agent.spec: unknown key"),
    ({"learns": 0}, "agent.learns = 0: must be true or false"),
    ({"width": 13}, "agent 'habit': width = 13 brings bad luck; use 12"),
]


@pytest.mark.parametrize(("settings", "message"), BAD_SETTINGS)
def test_bad_hyperparameters_carry_their_key(
    tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    plugin(tmp_path, "habit", AGENT)
    found = refusal(tmp_path, agent={"name": "habit"} | settings)
    assert message in found
    assert len(found.splitlines()) == 1


def test_bad_hyperparameters_carry_their_origin(tmp_path: Path) -> None:
    chosen = load_config("demo", ["agent.hiden=3"])
    with pytest.raises(InvalidInput) as caught:
        registry.build_agent(chosen, registry.build_environment(chosen))
    assert str(caught.value).startswith("override agent.hiden=3: agent.hiden: unknown")
    assert str(caught.value).endswith("did you mean 'hidden'?")
    chosen = load_config("demo", ["env.pulls=100"])
    with pytest.raises(InvalidInput, match=r"^override env[.]pulls=100: env 'ban"):
        registry.build_environment(chosen)


def test_unknown_names_carry_the_nearest(tmp_path: Path) -> None:
    plugin(tmp_path, "habit", AGENT)
    found = refusal(tmp_path, agent={"name": "habbit"})
    assert 'agent.name = "habbit": no such name; there are: ' in found
    assert found.endswith("did you mean 'habit'?")
    with pytest.raises(InvalidInput, match="did you mean 'oven'"):
        registry.load("envs", "ovn")


def test_the_bundled_plugins_fit_each_other() -> None:
    for name in bundled_configs():
        chosen = load_config(name)
        environment = registry.build_environment(chosen)
        check_fit(registry.build_agent(chosen, environment), environment)


def test_an_agent_may_refuse_an_action_space(tmp_path: Path) -> None:
    plugin(tmp_path, "habit", AGENT)
    pendulum = {"name": "gymnax", "id": "Pendulum-v1"}
    found = refusal(tmp_path, env=pendulum)
    assert found.endswith(": a habit is a choice; use a discrete environment")


def test_strategies_are_listed_without_jax_and_as_evosax_names_them() -> None:
    expected = {"full_rank", "low_rank", "separable", *evosax.algorithms.algorithms}
    assert set(registry.names("strategies")) == expected
    code = (
        "import sys; from evolife.plugins import registry as r;"
        "[r.names(kind) for kind in r.KINDS];"
        "print(len(r.names('strategies'))); sys.exit('jax' in sys.modules)"
    )
    listed = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True
    )
    assert (listed.returncode, listed.stdout.strip()) == (0, str(len(expected)))


def test_unknown_strategies_are_refused() -> None:
    chosen = load_config("demo", ["strategy.name=CMAES"])
    with pytest.raises(InvalidInput, match=r'override .*"CMAES".*mean .CMA_ES.'):
        registry.chosen("strategies", chosen)
