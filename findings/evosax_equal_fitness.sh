#!/usr/bin/env bash
# evosax 0.3.2: on equal fitness (a plateau) the step size of the CMA-ES family falls to
# exactly 0, is divided by, and every later genome is NaN; SimpleES grows or shrinks by
# the parity of the population; ASEBO is left with a thousandth of its spread.
# Exits 0 as long as the library behaves so, 1 when that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet evosax==0.3.2 jax==0.10.2 jaxlib==0.10.2
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import importlib.metadata as metadata
import sys

import jax
import jax.numpy as jnp
from evosax.algorithms import algorithms

for package in ("evosax", "jax", "jaxlib"):
    print(package, metadata.version(package))

D, GENERATIONS = 10, 500


def plateau(name, members):
    """The spread of the first and last population, and the first that is NaN."""
    algorithm = algorithms[name](population_size=members, solution=jnp.zeros(D))
    params = algorithm.default_params

    def generation(state, key):
        ask, tell = jax.random.split(key)
        population, state = algorithm.ask(ask, state, params)
        state, _ = algorithm.tell(tell, population, jnp.zeros(members), state, params)
        state = jax.tree.map(lambda x: jax.lax.convert_element_type(x, jnp.result_type(x)), state)
        return state, (jnp.isnan(population).any(), population.std())

    state = algorithm.init(jax.random.key(1), jnp.ones(D), params)
    state = jax.tree.map(lambda x: jax.lax.convert_element_type(x, jnp.result_type(x)), state)
    keys = jax.random.split(jax.random.key(0), GENERATIONS)
    _, (broken, spread) = jax.lax.scan(generation, state, keys)
    return float(spread[0]), float(spread[-1]), int(broken.argmax()) if broken.any() else None


changed = False
print(f"\nfitness 0 for all, {D} dimensions, {GENERATIONS} generations")
for name in ("CMA_ES", "Sep_CMA_ES", "MA_ES", "LM_MA_ES"):
    first, last, nan = plateau(name, 16)
    print(f"{name}: expected a finite population; seen NaN from generation {nan}")
    changed |= nan is None
for members, grows in ((16, True), (17, False)):
    first, last, _ = plateau("SimpleES", members)
    print(f"SimpleES, {members} members: expected about {first:.2g}; seen {last:.2g}")
    changed |= (last > 100 * first) != grows
first, last, _ = plateau("ASEBO", 16)
print(f"ASEBO: expected to sample with {first:.2g}; seen {last:.2g}")
changed |= last > first / 100
sys.exit(changed)
PYTHON
