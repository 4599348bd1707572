"""With ``learns=False`` every agent is newborn at every step, as the engine runs it."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evolife.base import Agent, Array, Environment, Spec, TimeStep
from evolife.engine import lifetime
from evolife.keys import root_key
from evolife.parts import features, output_size
from evolife.plugins import registry
from tests.agent_tools import CONTROL, genome_like, time_steps

KEY = root_key(43)
STEPS, HALF = 24, 12
SPEC = Spec(3, CONTROL)


class Script(NamedTuple):
    """What is shown, one row a step, and what was done."""

    shown: TimeStep
    done: Array
    clock: Array


@dataclasses.dataclass(frozen=True)
class Scripted(Environment):
    """Shows what the script in its state says, whatever is done."""

    senses = acts = objective = generalises = ""

    @property
    def spec(self) -> Spec:
        return SPEC

    @property
    def reward_range(self) -> tuple[float, float]:
        return -np.inf, np.inf

    def reset(self, key: Any) -> Any:
        return began(stacked(STEPS))

    def step(self, state: Script, action: Any, key: Any) -> Any:
        done = state.done.at[state.clock].set(features(CONTROL, action))
        clock = state.clock + 1
        state = Script(state.shown, done, clock)
        return state, jax.tree.map(lambda leaf: leaf[clock], state.shown)


def stacked(count: int) -> TimeStep:
    """``STEPS`` time steps; each count has others."""
    rows = time_steps(SPEC, count)[:STEPS]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *rows)


def began(shown: TimeStep) -> tuple[Script, TimeStep]:
    done = jnp.zeros((STEPS, output_size(CONTROL)))
    script = Script(shown, done, jnp.zeros((), jnp.int32))
    return script, jax.tree.map(lambda leaf: leaf[0], shown)


@dataclasses.dataclass(frozen=True)
class Subject:
    """An agent, and its actions for a script with learning on and off."""

    agent: Agent
    genome: Any
    acts: Any

    def newborn(self, shown: TimeStep) -> np.ndarray:
        """What it would do in its first step, for each time step."""
        birth, _, thoughts, _ = (jax.random.fold_in(KEY, i) for i in range(4))
        state = self.agent.init_state(self.genome, birth)

        def first(t: Array, sensed: TimeStep) -> Array:
            key = jax.random.fold_in(thoughts, t)
            _, action = self.agent.step(self.genome, state, sensed, key)
            return features(CONTROL, action)

        return np.asarray(jax.jit(jax.vmap(first))(jnp.arange(STEPS), shown))


@pytest.fixture(scope="module", params=registry.names("agents"))
def subject(request):
    agent = registry.load("agents", request.param)(SPEC)
    genome = genome_like(agent.init_genome(KEY), 2)
    edges = jnp.asarray(lifetime.bin_edges(STEPS, 1))

    def acts(shown: TimeStep, learns: bool) -> Array:
        who, world = dataclasses.replace(agent, learns=learns), Scripted()
        life = lifetime.birth(who, world, genome, KEY, 1)
        script, sensed = began(shown)
        life = life._replace(environment=script, timestep=sensed)
        life = lifetime.advance(who, world, genome, life, KEY, edges, 0, 1)
        return life.environment.done

    return Subject(agent, genome, jax.jit(acts, static_argnums=1))


def pasts() -> dict[str, TimeStep]:
    """Scripts that differ from ``stacked(STEPS)`` in their first halves alone."""
    shown, other = stacked(STEPS), stacked(STEPS + 1)
    early = jnp.arange(STEPS) < HALF
    rewards = jnp.where(early, other.reward, shown.reward)
    another = [
        jnp.where(early.reshape(-1, *[1] * (new.ndim - 1)), new, old)
        for new, old in zip(other, shown, strict=True)
    ]
    return {"rewards": shown._replace(reward=rewards), "all": TimeStep(*another)}


def test_every_action_is_that_of_a_newborn(subject):
    shown = stacked(STEPS)
    found = np.asarray(subject.acts(shown, False))
    np.testing.assert_allclose(found, subject.newborn(shown), rtol=1e-4, atol=1e-5)
    assert len(np.unique(found, axis=0)) > 1, "it does the same whatever it senses"


@pytest.mark.parametrize("changed", pasts())
def test_the_past_matters_while_it_learns_and_never_without(subject, changed):
    """Bit for bit the same actions once time steps are the same again."""
    shown, other = stacked(STEPS), pasts()[changed]
    for learns in (False, True):
        one, two = (np.asarray(subject.acts(s, learns)) for s in (shown, other))
        forgets = np.array_equal(one[HALF:], two[HALF:])
        assert forgets == (not learns or not subject.agent.reads_reward)
        if changed == "all":
            assert not np.array_equal(one[:HALF], two[:HALF])
