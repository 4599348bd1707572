"""Agents whose synapses change: each does what its equations say."""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evolife.agents.backprop_learner import BackpropLearner
from evolife.agents.learned_rule import LearnedRule
from evolife.agents.neuromodulated import Neuromodulated
from evolife.agents.spiking import Spiking
from evolife.base import Both, Continuous, Discrete, Spec, TimeStep
from evolife.keys import root_key
from evolife.parts.actions import features
from evolife.parts.policy import draw
from evolife.parts.spikes import fire

KEY = root_key(23)
CONTROL = Both(Discrete(3), Continuous(2, -2.0, 6.0))
SPACES = [Discrete(4), Continuous(3, -2.0, 6.0), CONTROL]


def genome_like(genome: Any, seed: int, scale: float = 0.5) -> Any:
    rng = np.random.default_rng(seed)
    return jax.tree.map(
        lambda leaf: jnp.asarray(rng.normal(0, scale, leaf.shape), jnp.float32), genome
    )


def time_steps(spec: Spec, count: int) -> list[TimeStep]:
    rng = np.random.default_rng(count)
    return [
        TimeStep(
            jnp.asarray(rng.normal(size=spec.observation_size), jnp.float32),
            jnp.float32(rng.normal()),
            jnp.asarray(rng.random() < 0.3),
        )
        for _ in range(count)
    ]


def wide(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), tree)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def told(sensed: TimeStep) -> np.ndarray:
    return np.array([sensed.reward, sensed.first], np.float64)


def senses(sensed: TimeStep, last: np.ndarray) -> np.ndarray:
    return np.concatenate([wide(sensed.observation), last, told(sensed)])


def through(layer: Any, x: np.ndarray) -> np.ndarray:
    return x @ layer.weight + layer.bias


def encoded(space: Any, out: np.ndarray) -> np.ndarray:
    """Features of the action that the largest of ``out``, or their tanh, stand for."""
    if isinstance(space, Both):
        cut = space.discrete.size
        return np.append(encoded(space.discrete, out[:cut]), np.tanh(out[cut:]))
    if isinstance(space, Continuous):
        return np.tanh(out)
    return np.eye(space.size)[np.argmax(out)]


def assert_near(found: Any, wanted: Any) -> None:
    for a, b in zip(*map(jax.tree.leaves, (found, wanted)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize("space", SPACES)
def test_neuromodulated_plasticity_is_backpropamine(space):
    """Miconi et al. 2019, twenty steps in float64."""
    spec, n = Spec(5, space), 6
    agent = Neuromodulated(spec, n)
    genome = genome_like(agent.init_genome(KEY), 1)
    g = wide(genome)
    state, step = agent.init_state(genome, KEY), jax.jit(agent.step)
    h, fast, trace = np.zeros(n), np.zeros((n, n)), np.zeros((n, n))
    last, eta = wide(state.last_action), sigmoid(g.rate)
    assert all((leaf == 0).all() for leaf in state)
    for sensed in time_steps(spec, 20):
        state, action = step(genome, state, sensed, KEY)
        x = through(g.senses, senses(sensed, last))
        new = np.tanh(x + (g.recurrent + g.plasticity * fast).T @ h)
        signal = np.tanh(through(g.modulator, new))[0]
        fast = np.clip(fast + signal * trace, -1, 1)
        trace = (1 - eta) * trace + eta * np.multiply.outer(h, new)
        h, last = new, encoded(space, through(g.readout, new))
        assert_near(state, (h, fast, trace, last))
        assert_near(features(space, action), last)
    assert np.abs(fast).max() == 1, "no synapse reached its bound"


def test_without_a_signal_no_fast_weight_changes():
    agent = Neuromodulated(Spec(3, Discrete(2)), 5)
    genome = genome_like(agent.init_genome(KEY), 2)
    silent = jax.tree.map(jnp.zeros_like, genome.modulator)
    fast, step = jax.random.uniform(KEY, (5, 5), minval=-1.0), jax.jit(agent.step)
    for modulator, same in ((silent, True), (genome.modulator, False)):
        state = agent.init_state(genome, KEY)._replace(fast=fast)
        for sensed in time_steps(agent.spec, 6):
            gated = genome._replace(modulator=modulator)
            state, _ = step(gated, state, sensed, KEY)
        assert np.array_equal(state.fast, fast) is same


def test_a_trace_sees_only_the_two_units_of_its_synapse():
    n, k = 6, 2
    agent = Neuromodulated(Spec(3, Discrete(2)), n)
    genome = genome_like(agent.init_genome(KEY), 3)
    # Without weights between them, moving one unit moves no other.
    apart = genome._replace(
        recurrent=jnp.zeros((n, n)), plasticity=jnp.zeros((n, n)), rate=jnp.zeros(())
    )
    state = agent.init_state(apart, KEY)
    first, second = time_steps(agent.spec, 2)
    state, _ = agent.step(apart, state, first, KEY)
    plain, _ = agent.step(apart, state, second, KEY)
    earlier = state._replace(hidden=state.hidden.at[k].add(0.3))
    bias = apart.senses.bias.at[k].add(0.3)
    later = apart._replace(senses=apart.senses._replace(bias=bias))
    row, column = np.zeros((n, n), bool), np.zeros((n, n), bool)
    row[k], column[:, k] = True, True
    for moved, entries in (
        (agent.step(apart, earlier, second, KEY)[0], row),
        (agent.step(later, state, second, KEY)[0], column),
    ):
        np.testing.assert_array_equal(moved.trace != plain.trace, entries)


@pytest.mark.parametrize("current", [0.15, 0.199, 0.21, 0.3, 0.55, 0.99, 1.5])
def test_a_neuron_fires_at_the_rate_of_the_closed_form(current):
    """Voltage ``I (1 - d^k) / (1 - d)`` after k ticks; never 1 if ``I <= 1 - d``."""
    decay, ticks = 0.8, 400

    def tick(voltage, _):
        return fire(voltage, jnp.float32(current), decay)

    _, spikes = jax.lax.scan(tick, jnp.zeros(()), length=ticks)
    found = np.flatnonzero(spikes) + 1
    if current <= 1 - decay:
        assert not len(found)
        return
    period = max(math.ceil(math.log(1 - (1 - decay) / current) / math.log(decay)), 1)
    np.testing.assert_array_equal(found, np.arange(period, ticks + 1, period))


def isolated(currents: list[float], **settings: Any) -> tuple[Spiking, Any]:
    """Neurons without synapses, each driven by a constant current of its own."""
    agent = Spiking(Spec(1, Discrete(2)), len(currents), **settings)
    genome = jax.tree.map(jnp.zeros_like, agent.init_genome(KEY))
    bias = jnp.array(currents, jnp.float32)
    return agent, genome._replace(senses=genome.senses._replace(bias=bias))


def test_before_and_then_after_strengthens_and_the_reverse_weakens():
    """A pair of spikes k ticks apart: ``M A+ d^k`` one way, ``-M A- d^k`` the other."""
    agent, genome = isolated([0.6, 0.28], substeps=6, decay=0.8, fading=0.9)
    genome = genome._replace(
        plus=jnp.array([0.3, 0.2]),
        minus=jnp.array([0.05, 0.1]),
        modulator=genome.modulator._replace(bias=jnp.array([0.7])),
    )
    # Neuron 0 fires at ticks 2, 4 and 6; neuron 1 at tick 6.
    sensed = time_steps(agent.spec, 1)[0]
    state, _ = agent.step(genome, agent.init_state(genome, KEY), sensed, KEY)
    d, signal = 0.9, math.tanh(0.7)
    forth = signal * 0.2 * (d**4 + d**2)
    back = -signal * 0.05 * (d**4 + d**2)
    itself = signal * (0.3 - 0.05) * (d**2 + (d**2 + d**4))
    np.testing.assert_allclose(state.synapses, [[itself, forth], [back, 0]], atol=1e-6)
    np.testing.assert_allclose(state.trace, [d**4 + d**2 + 1, 1], rtol=1e-6)


def test_without_a_third_factor_no_synapse_changes():
    agent, genome = isolated([0.6, 0.28], substeps=6)
    genome = genome._replace(plus=jnp.ones(2), minus=jnp.ones(2))
    state = agent.init_state(genome, KEY)
    for sensed in time_steps(agent.spec, 3):
        state, _ = agent.step(genome, state, sensed, KEY)
    assert (state.eligible != 0).any() and (state.synapses == 0).all()


def test_timing_changes_only_the_synapses_of_the_neuron_that_spiked():
    currents, k = [0.6, 0.28, 0.4, 0.9, 0.3], 2

    def eligible(currents):
        agent, genome = isolated(currents, substeps=8)
        genome = genome._replace(plus=jnp.full(5, 0.3), minus=jnp.full(5, 0.2))
        state = agent.init_state(genome, KEY)
        sensed = time_steps(agent.spec, 1)[0]
        return np.asarray(agent.step(genome, state, sensed, KEY)[0].eligible)

    moved = eligible([*currents[:k], 0.25, *currents[k + 1 :]]) != eligible(currents)
    touched = np.zeros((5, 5), bool)
    touched[k], touched[:, k] = True, True
    np.testing.assert_array_equal(moved, touched)


@pytest.mark.parametrize("space", SPACES)
def test_a_spiking_network_follows_its_equations(space):
    """Ten steps of four ticks in float64."""
    spec, n = Spec(5, space), 8
    agent = Spiking(spec, n)
    genome = genome_like(agent.init_genome(KEY), 4, 0.7)
    g = wide(genome)
    state, step = agent.init_state(genome, KEY), jax.jit(agent.step)
    v, s, trace, last = np.zeros(n), np.zeros(n), np.zeros(n), wide(state.last_action)
    w, eligible = np.clip(g.synapses, -1, 1), np.zeros((n, n))
    assert_near(state, (v, s, trace, w, eligible, last))
    for sensed in time_steps(spec, 10):
        state, _ = step(genome, state, sensed, KEY)
        drive, eligible = through(g.senses, senses(sensed, last)), 0.8 * eligible
        for _ in range(4):
            v = 0.8 * v + drive + w.T @ s
            s = (v >= 1).astype(float)
            v[s == 1] = 0
            for a in range(n):
                for b in range(n):
                    eligible[a, b] += g.plus[b] * 0.9 * trace[a] * s[b]
                    eligible[a, b] -= g.minus[b] * s[a] * 0.9 * trace[b]
            trace = 0.9 * trace + s
        rates = 0.1 * trace
        signal = np.tanh(through(g.modulator, np.append(rates, sensed.reward)))
        w = np.clip(w + signal * eligible, -1, 1)
        last = encoded(space, through(g.readout, rates))
        assert_near(state, (v, s, trace, w, eligible, last))
    assert (np.abs(w) == 1).any() and (np.abs(w) < 1).any()


def learned(spec: Spec, **settings: Any) -> tuple[LearnedRule, Any, Any]:
    agent = LearnedRule(spec, **settings)
    genome = genome_like(agent.init_genome(KEY), 5)
    return agent, genome, agent.init_state(genome, KEY)


@pytest.mark.parametrize(
    ("space", "hidden"), list(zip(SPACES, [(), (4,), (3, 4)], strict=True))
)
def test_every_synapse_runs_the_one_rule(space, hidden):
    """Six steps, synapse by synapse, in float64."""
    spec = Spec(5, space)
    agent, genome, state = learned(spec, hidden=hidden, units=3, channels=2)
    g, step = wide(genome), jax.jit(agent.step)
    layers, messages, said = (wide(part) for part in state)
    layers = list(layers)
    for sensed in time_steps(spec, 6):
        state, action = step(genome, state, sensed, KEY)
        back = np.tanh(through(g.feedback, said))
        news = told(sensed) @ g.rule.broadcast
        passed = [np.zeros(0)] * len(layers)
        for at in reversed(range(len(layers))):
            states, ahead = layers[at].copy(), np.zeros((*layers[at].shape[:2], 4))
            for a, b in np.ndindex(states.shape[:2]):
                m, r = messages[at][a], back[b]
                x = through(g.rule.update, np.concatenate([states[a, b], m * r]))
                gate, new = np.split(x + m @ g.rule.before + r @ g.rule.after + news, 2)
                opened = np.clip(0.5 + gate / 4, 0, 1)
                states[a, b] += opened * (np.tanh(new) - states[a, b])
                ahead[a, b] = through(g.rule.emit, states[a, b])
            layers[at], passed[at] = states, ahead[:, :, :2]
            mixed = np.einsum("abc,bc->ac", ahead[:, :, 2:], back)
            back = np.tanh(mixed / np.sqrt(states.shape[1]))
        m, messages = np.tanh(through(g.encode, wide(sensed.observation)[:, None])), []
        for weights in passed:
            messages.append(m)
            m = np.tanh(np.einsum("abc,ac->bc", weights, m) / np.sqrt(len(weights)))
        out = through(g.decode, m)[:, 0]
        done = encoded(space, out)
        said = np.stack([done, np.tanh(out)], axis=1)
        assert_near(state, (tuple(layers), tuple(messages), said))
        assert_near(features(space, action), done)


def permuted(state: Any, *orders: np.ndarray) -> Any:
    """The state of the same network with the neurons of each layer in other orders."""
    befores, afters = orders[:-1], orders[1:]
    return state._replace(
        synapses=tuple(
            s[a][:, b] for s, a, b in zip(state.synapses, befores, afters, strict=True)
        ),
        messages=tuple(m[a] for m, a in zip(state.messages, befores, strict=True)),
        said=state.said[orders[-1]],
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


def log_density(space: Any, out: np.ndarray, sample: np.ndarray) -> float:
    if isinstance(space, Both):
        cut = space.discrete.size
        choice = log_density(space.discrete, out[:cut], sample[:cut])
        return choice + log_density(space.continuous, out[cut:], sample[cut:])
    if isinstance(space, Discrete):
        return float(np.log(np.exp(out)[sample == 1] / np.exp(out).sum())[0])
    mean, raw = np.split(out, 2)
    spread = np.exp(2 * np.tanh(raw / 2) - 1)
    chance = np.exp(-(((sample - mean) / spread) ** 2) / 2) / spread
    return float(np.log(chance / np.sqrt(2 * np.pi)).sum())


def forward(weights: Any, x: np.ndarray) -> tuple[np.ndarray, float]:
    hidden = np.tanh(through(weights.senses, x))
    return through(weights.policy, hidden), through(weights.value, hidden)[0]


def differences(weights: Any, space: Any, x: np.ndarray, sample: np.ndarray) -> Any:
    """Gradient of log-density plus value by central differences, in float64."""
    leaves, treedef = jax.tree.flatten(weights)

    def merit(at: int, where: tuple, by: float) -> float:
        moved = [leaf.copy() for leaf in leaves]
        moved[at][where] += by
        out, value = forward(jax.tree.unflatten(treedef, moved), x)
        return log_density(space, out, sample) + value

    slopes = [np.zeros_like(leaf) for leaf in leaves]
    for at, slope in enumerate(slopes):
        for where in np.ndindex(slope.shape):
            rise = merit(at, where, 1e-5) - merit(at, where, -1e-5)
            slope[where] = rise / 2e-5
    return jax.tree.unflatten(treedef, slopes)


@pytest.mark.parametrize(
    ("space", "bound"), [(SPACES[0], 10.0), (SPACES[1], 10.0), (CONTROL, 0.6)]
)
def test_the_actor_critic_is_the_one_of_the_textbook(space, bound):
    """Sutton & Barto 2018, ch. 13.5-6, its gradients by central differences."""
    spec = Spec(2, space)
    agent = BackpropLearner(spec, 3, bound=bound)
    genome = genome_like(agent.init_genome(KEY), 6)
    slow = jax.tree.map(lambda x: x - 2, genome.log_steps)
    # A step size above 1 counts as 1.
    slow = slow._replace(value=slow.value._replace(bias=jnp.float32(0.3)))
    genome = genome._replace(log_steps=slow)
    state, step = agent.init_state(genome, KEY), jax.jit(agent.step)
    weights, last, value = wide(genome.weights), wide(state.last_action), 0.0
    paces = jax.tree.map(lambda x: np.exp(min(float(x), 0)), genome.log_steps)
    traces = jax.tree.map(np.zeros_like, weights)
    for i, sensed in enumerate(time_steps(spec, 7)):
        key = jax.random.fold_in(KEY, i)
        state, action = step(genome, state, sensed, key)
        x = senses(sensed, last)
        discount = 0.0 if sensed.first else 0.95
        error = float(sensed.reward) + discount * forward(weights, x)[1] - value
        error = np.clip(error, -bound, bound)
        pushed = jax.tree.map(lambda s, z, e=error: s * e * z, paces, traces)
        weights = jax.tree.map(
            lambda w, push: np.clip(w + push, -bound, bound), weights, pushed
        )
        out, value = forward(weights, x)
        drawn, sample = draw(space, jnp.asarray(out, jnp.float32), key)
        assert_near(action, drawn)
        slopes = differences(weights, space, x, wide(sample))
        traces = jax.tree.map(
            lambda z, g, kept=discount * 0.8: np.clip(kept * z + g, -bound, bound),
            traces,
            slopes,
        )
        last = wide(features(space, action))
        np.testing.assert_allclose(last, squashed(space, sample), atol=1e-5)
        assert_near(state, (weights, traces, value, last))


def squashed(space: Any, sample: Any) -> np.ndarray:
    cut = {Discrete: len(sample), Continuous: 0, Both: 3}[type(space)]
    return np.append(sample[:cut], np.tanh(sample[cut:]))


def test_a_gradient_learner_finds_the_arm_that_pays():
    """Which of two arms pays is up to the life: 64 lives of a genome never evolved."""
    agent = BackpropLearner(Spec(1, Discrete(2)), 8)
    genome, lives, steps = agent.init_genome(KEY), 64, 300

    def live(key, good, learns):
        born = agent.init_state(genome, key)

        def step(carry, t):
            state, reward = carry
            sensed = TimeStep(jnp.ones(1), reward, t == 0)
            now = state if learns else born
            state, action = agent.step(genome, now, sensed, jax.random.fold_in(key, t))
            reward = (action == good).astype(jnp.float32)
            return (state, reward), reward

        return jax.lax.scan(step, (born, jnp.float32(0)), jnp.arange(steps))[1]

    run = jax.jit(jax.vmap(live, (0, 0, None)), static_argnums=2)
    inputs = jax.random.split(KEY, lives), jnp.arange(lives) % 2
    learning, frozen = (np.asarray(run(*inputs, learns)) for learns in (True, False))
    assert learning[:, -50:].mean() > 0.9
    # Arms are balanced over lives: what does not learn earns one half, whatever it
    # prefers, within 5 standard errors of its 19,200 draws.
    assert abs(frozen.mean() - 0.5) < 5 * 0.5 / math.sqrt(lives * steps)
    assert abs(learning[:, 0].mean() - 0.5) < 5 * 0.5 / math.sqrt(lives)


def test_numbers_are_drawn_from_the_gaussian_that_is_stated():
    """Moments of 40,000 draws within 5 standard errors, choice and numbers apart."""
    outputs = jnp.array([0.5, -1.0, 1.0, 0.3, -0.2, 1.5, -2.0])
    count = 40_000
    keys = jax.random.split(KEY, count)
    action, sample = jax.vmap(lambda key: draw(CONTROL, outputs, key))(keys)
    numbers, choices = np.asarray(sample[:, 3:]), np.asarray(action[0])
    spread = np.exp(2 * np.tanh(np.array([1.5, -2.0]) / 2) - 1)
    assert (np.abs(numbers.mean(0) - [0.3, -0.2]) < 5 * spread / count**0.5).all()
    assert (np.abs(numbers.std(0) / spread - 1) < 5 / (2 * count) ** 0.5).all()
    chances = np.exp(outputs[:3]) / np.exp(outputs[:3]).sum()
    error = np.sqrt(chances * (1 - chances) / count)
    found = np.bincount(choices, minlength=3) / count
    assert (np.abs(found - chances) < 5 * error).all()
    np.testing.assert_allclose(action[1], 2 + 4 * np.tanh(numbers), atol=1e-5)
    together = np.corrcoef(np.stack([*numbers.T, choices == 2]))
    assert np.abs(together - np.eye(3)).max() < 5 / count**0.5
