"""A small sphere, maximised, on which evosax's algorithms are tried."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from evolife.base import LifeStatistics
from evolife.strategies.evosax.strategy import build

TEMPLATE = {
    "b": jax.ShapeDtypeStruct((2,), jnp.float32),
    "w": jax.ShapeDtypeStruct((2, 2), jnp.float32),
}
SIZE, DIMENSIONS, OPTIMUM = 16, 6, 0.5


def newborn(key):
    return {
        name: jax.random.normal(jax.random.fold_in(key, i), leaf.shape)
        for i, (name, leaf) in enumerate(TEMPLATE.items())
    }


def flat(genome):
    return ravel_pytree(genome)[0]


def fitness_of(population):
    return -jnp.sum(jnp.square(population - OPTIMUM), axis=-1)


def landscape(which, population):
    """The sphere, a plateau without end, or stairs that end in one."""
    sphere = fitness_of(population)
    flat = jnp.zeros_like(sphere)
    return jnp.stack([sphere, flat, jnp.floor(sphere)])[which]


SPHERE, FLAT, STAIRS = range(3)


def statistics_of(fitness):
    return LifeStatistics(fitness, 2 * fitness, jnp.zeros_like(fitness))


def make(name, size=SIZE, selection=None, **settings):
    return build(name, size, settings, selection, TEMPLATE)


def live(strategy, state, generation, fitness_of=fitness_of):
    """One generation on the sphere; the population is built member by member."""
    proposal = strategy.ask(state, generation)
    member = functools.partial(strategy.member, proposal)
    genomes = jax.vmap(member)(jnp.arange(strategy.population_size))
    population = jax.vmap(flat)(genomes)
    fitness = fitness_of(population)
    statistics = statistics_of(fitness)
    after = strategy.tell(state, proposal, generation, fitness, statistics)
    return after, population


def evolve(strategy, generations=5, seed=0):
    step = jax.jit(functools.partial(live, strategy))
    state = strategy.init(jax.random.key(seed), newborn)
    for generation in range(generations):
        state, _ = step(state, jnp.int32(generation))
    return state


def types(tree):
    return jax.tree.map(jax.typeof, tree)


def close(left, right, atol=1e-6, rtol=1e-4):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=atol, rtol=rtol),
        left,
        right,
    )


def centre_fitness(strategy, state):
    return float(fitness_of(flat(strategy.centre(state))))


def marks_of_nan(state):
    """Where NaN is; in GuidedES it is evosax's mark for "no gradient was given"."""
    leaves = jax.tree_util.tree_leaves_with_path(state.algorithm)
    return [jax.tree_util.keystr(path) for path, x in leaves if jnp.isnan(x).any()]


def settled(tree):
    return jax.tree.map(
        lambda x: jax.lax.convert_element_type(x, jnp.result_type(x)), tree
    )
