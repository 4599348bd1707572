"""Agents and environments that do not suit each other, or break their contracts."""

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import pytest

from evolife.base import (
    Agent,
    Both,
    Continuous,
    Discrete,
    Environment,
    Spec,
    TimeStep,
)
from evolife.errors import InvalidInput
from evolife.plugins.fit import action_shapes, check_fit

SPACE = Both(Discrete(2), Continuous(3))


SPEC = Spec(4, SPACE)


@dataclasses.dataclass(frozen=True)
class World(Environment):
    senses = acts = objective = generalises = ""

    flaw: str = ""

    @property
    def spec(self) -> Spec:
        return SPEC

    @property
    def reward_range(self) -> tuple[float, float]:
        return 0.0, 1.0

    def _sense(self) -> Any:
        size = 5 if self.flaw == "observation" else 4
        reward = jnp.zeros((1,) if self.flaw == "reward" else ())
        first = jnp.zeros((), jnp.int32 if self.flaw == "first" else bool)
        return TimeStep(jnp.zeros(size), reward, first)

    def reset(self, key: Any) -> Any:
        return {"clock": jnp.zeros((), jnp.int32)}, self._sense()

    def step(self, state: Any, action: Any, key: Any) -> Any:
        if self.flaw == "world dtype":
            state = {"clock": state["clock"] * 0.5}
        if self.flaw == "world structure":
            state = (state["clock"],)
        if self.flaw == "no pair":
            return self._sense()
        return state, self._sense()

    def statistics(self, state: Any) -> Any:
        if self.flaw == "no names":
            return [state["clock"]]
        return {"visits": jnp.zeros(3 if self.flaw == "vector" else ())}

    def over(self, state: Any) -> Any:
        return state["clock"] if self.flaw == "over" else None


@dataclasses.dataclass(frozen=True)
class Mind(Agent):
    idea: ClassVar[str] = ""
    reads_reward: ClassVar[bool] = False

    flaw: str = ""

    def init_genome(self, key: Any) -> Any:
        if self.flaw == "empty":
            return {}
        if self.flaw == "function":
            return {"act": jnp.tanh, "w": jnp.zeros((4, 5))}
        return {"w": jnp.zeros((4, 5), jnp.float16 if self.flaw == "genome" else None)}

    def init_state(self, genome: Any, key: Any) -> Any:
        return [jnp.zeros(2)]

    def step(self, genome: Any, state: Any, timestep: TimeStep, key: Any) -> Any:
        if self.flaw == "shapes":
            timestep.observation @ jnp.zeros(9)
        if self.flaw == "state shape":
            state = [jnp.zeros(3)]
        outputs = timestep.observation @ genome["w"]
        choice = jnp.argmax(outputs[:2])
        numbers = outputs[2:4] if self.flaw == "size" else outputs[2:]
        if self.flaw == "no choice":
            return state, numbers
        return state, (outputs[0] if self.flaw == "choice" else choice, numbers)


def test_actions_have_the_shape_of_their_space() -> None:
    assert action_shapes(Discrete(7)) == jax.ShapeDtypeStruct((), jnp.int32)
    choice, numbers = action_shapes(SPACE)
    assert choice == jax.ShapeDtypeStruct((), jnp.int32)
    assert numbers == jax.ShapeDtypeStruct((3,), jnp.float32)
    check_fit(Mind(SPEC), World())


MISFITS = [
    (World("observation"), Mind(SPEC), "reset at .observation is float32[5], must be"),
    (World("reward"), Mind(SPEC), ".reward is float32[1], must be float32[]"),
    (World("first"), Mind(SPEC), ".first is int32[], must be bool[]"),
    (World("world dtype"), Mind(SPEC), "environment.step at ['clock'] is float32[]"),
    (World("world structure"), Mind(SPEC), "the state after environment.step is"),
    (World("no pair"), Mind(SPEC), "World.step returns TimeStep, must return a pair"),
    (World("vector"), Mind(SPEC), "'visits' is float32[3], must be one number a life"),
    (World("no names"), Mind(SPEC), "statistics is a list, must be numbers by name"),
    (World("over"), Mind(SPEC), "environment.over is int32[], must be bool[]"),
    (World(), Mind(SPEC, "empty"), "the genome is empty"),
    (World(), Mind(SPEC, "genome"), "init_genome at ['w'] is float16[4, 5], must be"),
    (World(), Mind(SPEC, "state shape"), "agent.step at [0] is float32[3], must be"),
    (World(), Mind(SPEC, "size"), "action of agent.step at [1] is float32[2], must be"),
    (World(), Mind(SPEC, "choice"), "at [0] is float32[], must be int32[]"),
    (
        World(),
        Mind(SPEC, "no choice"),
        "agent.step is float32[3], must be a tuple of int32[], float32[3]",
    ),
    (World(), Mind(SPEC, "shapes"), "agent.step: TypeError: "),
    (
        World(),
        Mind(SPEC, "function"),
        "init_genome at ['act'] is a PjitFunction, must be an array",
    ),
    (World(), Mind(Spec(4, Discrete(2))), "the agent was built for Spec("),
]


@pytest.mark.parametrize(("world", "mind", "message"), MISFITS)
def test_misfits_name_both_and_the_leaf(world: World, mind: Mind, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_fit(mind, world)
    assert "agent Mind in environment World: " in str(caught.value)
    assert message in str(caught.value)


def test_what_an_author_leaves_unsaid_has_a_default_that_accuses_nobody() -> None:
    unsaid = {
        Agent: ("idea", "reads_reward"),
        Environment: ("senses", "acts", "objective", "generalises"),
    }
    for contract, names in unsaid.items():
        assert all(hasattr(contract, name) for name in names)
        declared = {n for n in contract.__annotations__ if n[0] != "_"}
        fields = {field.name for field in dataclasses.fields(contract)}
        assert {n for n in declared - fields if not hasattr(contract, n)} == set()
    assert Agent.reads_reward, "its champions may exceed the memoryless score"
