"""One rule in every synapse, for networks of any size and order."""

import dataclasses
import itertools
from typing import Any

import jax
import numpy as np
import pytest

from evolife.agents.learned_rule import LearnedRule
from evolife.base import Continuous, Discrete, Spec
from evolife.keys import root_key
from evolife.parts import features
from tests.agent_tools import (
    CONTROL,
    SPACES,
    affine,
    assert_near,
    encoded,
    genome_like,
    heard,
    time_steps,
    wide,
)

KEY = root_key(23)


def learned(spec: Spec, **settings: Any) -> tuple[LearnedRule, Any, Any]:
    agent = LearnedRule(spec, **settings)
    genome = genome_like(agent.init_genome(KEY), 5)
    return agent, genome, agent.init_state(genome, KEY)


def neurons_first(state: Any) -> tuple[Any, Any, Any]:
    """Synapses ``(in, out, units)``, messages ``(in, channels)``, said ``(out, 2)``."""
    messages = tuple(part.T for part in state.messages)
    sizes = [len(part) for part in (*messages, state.said.T)]
    synapses = tuple(
        part.T.reshape(*ends, -1)
        for part, ends in zip(state.synapses, itertools.pairwise(sizes), strict=True)
    )
    return synapses, messages, state.said.T


@pytest.mark.parametrize(
    ("space", "hidden"), list(zip(SPACES, [(), (4,), (3, 4)], strict=True))
)
def test_every_synapse_runs_the_one_rule(space, hidden):
    """Six steps, synapse by synapse, in float64."""
    spec = Spec(5, space)
    agent, genome, state = learned(spec, hidden=hidden, units=3, channels=2)
    g, step = wide(genome), jax.jit(agent.step)
    layers, messages, said = wide(neurons_first(state))
    layers = list(layers)
    for sensed in time_steps(spec, 6):
        state, action = step(genome, state, sensed, KEY)
        back = np.tanh(affine(g.feedback, said))
        news = heard(sensed) @ g.rule.broadcast
        passed = [np.zeros(0)] * len(layers)
        for at in reversed(range(len(layers))):
            states, ahead = layers[at].copy(), np.zeros((*layers[at].shape[:2], 4))
            for a, b in np.ndindex(states.shape[:2]):
                m, r = messages[at][a], back[b]
                x = affine(g.rule.update, np.concatenate([states[a, b], m * r]))
                gate, new = np.split(x + m @ g.rule.before + r @ g.rule.after + news, 2)
                opened = np.clip(0.5 + gate / 4, 0, 1)
                states[a, b] += opened * (np.tanh(new) - states[a, b])
                ahead[a, b] = affine(g.rule.emit, states[a, b])
            layers[at], passed[at] = states, ahead[:, :, :2]
            mixed = np.einsum("abc,bc->ac", ahead[:, :, 2:], back)
            back = np.tanh(mixed / np.sqrt(states.shape[1]))
        m, messages = np.tanh(affine(g.encode, wide(sensed.observation)[:, None])), []
        for weights in passed:
            messages.append(m)
            m = np.tanh(np.einsum("abc,ac->bc", weights, m) / np.sqrt(len(weights)))
        out = affine(g.decode, m)[:, 0]
        done = encoded(space, out)
        said = np.stack([done, np.tanh(out)], axis=1)
        assert_near(neurons_first(state), (tuple(layers), tuple(messages), said))
        assert_near(features(space, action), done)


def permuted(state: Any, *orders: np.ndarray) -> Any:
    """The state of the same network with the neurons of each layer in other orders."""
    ends = list(itertools.pairwise(orders))

    def moved(part: Any, a: np.ndarray, b: np.ndarray) -> Any:
        wide = part.reshape(-1, len(a), len(b))
        return wide[:, a][:, :, b].reshape(part.shape)

    return state._replace(
        synapses=tuple(
            moved(part, *pair) for part, pair in zip(state.synapses, ends, strict=True)
        ),
        messages=tuple(m[:, a] for m, (a, _) in zip(state.messages, ends, strict=True)),
        said=state.said[:, orders[-1]],
    )


def test_no_neuron_has_a_name():
    """Inputs, hidden neurons and outputs may each be reordered, synapses alike."""
    spec = Spec(5, Continuous(4))
    agent, genome, state = learned(spec, hidden=(6,))
    step = jax.jit(agent.step)
    rng = np.random.default_rng(0)
    same = [np.arange(5), np.arange(6), np.arange(4)]
    for which in ((0,), (1,), (2,), (0, 1, 2)):
        orders = [rng.permutation(o) if i in which else o for i, o in enumerate(same)]
        one, other = state, permuted(state, *orders)
        for sensed in time_steps(spec, 8):
            moved = sensed._replace(observation=sensed.observation[orders[0]])
            one, action = step(genome, one, sensed, KEY)
            other, turned = step(genome, other, moved, KEY)
            assert_near(turned, action[orders[2]])
        assert_near(other, permuted(one, *orders))
    # Unless the synapses move with them, moved inputs are other inputs.
    (_, action), (_, other) = (step(genome, state, s, KEY) for s in (sensed, moved))
    assert np.abs(action - other).max() > 1e-3


def test_reordered_choices_are_chosen_in_the_new_order():
    spec = Spec(3, Discrete(5))
    agent, genome, state = learned(spec, hidden=(6,))
    order = np.random.default_rng(1).permutation(5)
    other, picks = permuted(state, np.arange(3), np.arange(6), order), set()
    step = jax.jit(agent.step)
    for sensed in time_steps(spec, 30):
        state, choice = step(genome, state, sensed, KEY)
        other, moved = step(genome, other, sensed, KEY)
        assert order[int(moved)] == int(choice)
        picks.add(int(choice))
    assert len(picks) > 1


def test_one_genome_fits_every_size():
    """Evolved in one world, it lives in others, as large as it needs to be."""
    small = LearnedRule(Spec(1, Discrete(2)), (4,))
    genome = small.init_genome(KEY)
    for spec, hidden in (
        (Spec(7, Discrete(9)), (16, 3)),
        (Spec(2, Continuous(3)), ()),
        (Spec(30, CONTROL), (5,)),
    ):
        agent = dataclasses.replace(small, spec=spec, hidden=hidden)
        born = jax.eval_shape(agent.init_genome, KEY)
        sizes = [[x.shape for x in jax.tree.leaves(tree)] for tree in (born, genome)]
        assert sizes[0] == sizes[1]
        state, step = agent.init_state(genome, KEY), jax.jit(agent.step)
        moves = []
        for sensed in time_steps(spec, 12):
            state, action = step(genome, state, sensed, KEY)
            moves.append(np.asarray(features(spec.action_space, action)))
        assert np.isfinite(moves).all() and np.ptp(moves, axis=0).max() > 0
        other = agent.init_state(genome, root_key(24))
        assert not np.allclose(other.synapses[0], agent.init_state(genome, KEY)[0][0])
