"""Updates and agents compute alike beyond the 32,768 rows where XLA once erred.

XLA cuts long work into blocks of so many; one jaxlib got the rows behind them wrong.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evolife import keys, perturbations
from evolife.base import Both, Continuous, Discrete, Spec
from evolife.plugins import registry
from tests.agent_tools import genome_like, time_steps

BLOCK = 2**15
LAST = slice(BLOCK - 5, None)
SPEC = Spec(3, Both(Discrete(3), Continuous(2)))
KEY = keys.root_key(1)


@pytest.mark.parametrize("pairs", [BLOCK, BLOCK + 1, BLOCK + 771])
def test_the_update_of_many_members_is_the_sum_of_their_perturbations(pairs):
    genome = {"w": jnp.zeros((3, 2)), "bias": jnp.zeros(3)}
    plan = perturbations.layout(genome, 1)
    weights = np.random.default_rng(pairs).normal(size=pairs).astype(np.float32)
    drawn = jax.jit(jax.vmap(lambda i: perturbations.draw(plan, KEY, i)))(
        jnp.arange(pairs)
    )
    found = jax.jit(lambda *given: perturbations.weighted_sum(plan, *given))(
        drawn, weights
    )
    parts = [np.asarray(drawn[:, cut], np.float64) for cut in _cuts(plan)]
    for leaf, wanted in zip(
        jax.tree.leaves(found), _summed(plan, parts, weights), strict=True
    ):
        np.testing.assert_allclose(leaf, wanted, rtol=1e-3, atol=0.05)


def _cuts(plan):
    ends = np.cumsum(plan.lengths())
    return [slice(b - n, b) for b, n in zip(ends, plan.lengths(), strict=True)]


def _summed(plan, parts, weights):
    for shape, part in zip(plan.shapes, parts, strict=True):
        if plan.is_matrix(shape):
            a, b = part[:, : shape[0]], part[:, shape[0] :]
            yield np.einsum("p,pi,pj->ij", weights, a, b)
        else:
            yield weights @ part


@pytest.mark.parametrize("name", registry.names("agents"))
def test_agents_step_alike_in_many_lives_and_in_few(name):
    agent = registry.load("agents", name)(SPEC)
    genome = genome_like(jax.eval_shape(agent.init_genome, KEY), 3)
    sensed = time_steps(SPEC, 1)[0]

    def stepped(life):
        born = agent.init_state(genome, life)
        seen = sensed._replace(observation=jax.random.normal(life, (3,)))
        state, action = agent.step(genome, born, seen, life)
        return action, [jnp.sum(leaf) for leaf in jax.tree.leaves(state)]

    lives = jax.random.split(KEY, BLOCK + 3)
    program = jax.jit(jax.vmap(stepped))
    many, few = program(lives), program(lives[LAST])
    for all_, last in zip(*map(jax.tree.leaves, (many, few)), strict=True):
        np.testing.assert_allclose(all_[LAST], last, rtol=1e-3, atol=1e-3)
