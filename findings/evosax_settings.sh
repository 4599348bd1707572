#!/usr/bin/env bash
# evosax 0.3.2: settings that do not do what their names say. xNES applies std_init twice;
# SV_Open_ES reads only the first value of std_schedule, others take it twice; GESMR_GA's
# default of one group chooses no mutation rate; DiffusionEvolution stands still after 128
# generations; Rm_ES adapts its step size alike for f and -f; xNES stays diagonal.
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
import optax
from evosax.algorithms import algorithms

for package in ("evosax", "jax", "jaxlib"):
    print(package, metadata.version(package))

D, K = 6, 16
changed = False


def expect(what, expected, seen, as_before):
    global changed
    print(f"{what}: expected {expected}; seen {seen}")
    changed |= not as_before


def run(algorithm, params, state, fitness, generations):
    for generation in range(generations):
        ask, tell = jax.random.split(jax.random.fold_in(jax.random.key(3), generation))
        population, state = algorithm.ask(ask, state, params)
        yield population, state
        state, _ = algorithm.tell(tell, population, fitness(population), state, params)


def sphere(population):
    return jnp.sum(jnp.square(population - 0.5), axis=-1)


def minus_sphere(population):
    return -sphere(population)


xnes = algorithms["xNES"](population_size=4096, solution=jnp.zeros(D))
params = xnes.default_params.replace(std_init=jnp.float32(0.1))
state = xnes.init(jax.random.key(0), jnp.zeros(D), params)
spread = float(xnes.ask(jax.random.key(1), state, params)[0].std())
expect("xNES with std_init = 0.1 samples with", 0.1, f"{spread:.4f}", spread < 0.02)

ellipse = jnp.eye(D) + 0.9 * jnp.ones((D, D))
*_, (_, state) = run(
    xnes, params, state, lambda x: jnp.einsum("ki,ij,kj->k", x, ellipse, x), 20
)
apart = float(jnp.abs(state.B - jnp.diag(jnp.diag(state.B))).max())
expect("xNES, off the diagonal of its matrix after 20 generations", "> 0", apart, apart == 0)

schedule = optax.linear_schedule(1.0, 0.1, 9)
for name, more in (("SV_Open_ES", {"num_populations": 2}), ("Open_ES", {})):
    one = algorithms[name](
        population_size=K, solution=jnp.zeros(D), std_schedule=schedule, **more
    )
    start = jnp.zeros((2, D)) if more else jnp.zeros(D)
    begun = one.init(jax.random.key(0), start, one.default_params)
    seen = [
        round(float(jnp.ravel(state.std)[0]), 2)
        for _, state in run(one, one.default_params, begun, sphere, 4)
    ]
    wanted = [round(float(schedule(i)), 2) for i in range(4)]
    before = {"SV_Open_ES": [1.0] * 4, "Open_ES": [1.0, 1.0, 0.9, 0.8]}[name]
    expect(f"{name}, std of four generations", wanted, seen, seen == before)


def rates(name, size, fitness):
    one = algorithms[name](population_size=size, solution=jnp.zeros(D))
    params = one.default_params
    if name == "GESMR_GA":
        population = jax.random.normal(jax.random.key(0), (size, D))
        begun = one.init(jax.random.key(1), population, fitness(population), params)
    else:
        begun = one.init(jax.random.key(1), jnp.zeros(D), params)
    *_, (_, state) = run(one, params, begun, fitness, 30)
    return [round(float(x), 5) for x in jnp.ravel(state.std)]


for name, size in (("GESMR_GA", 17), ("Rm_ES", 16)):
    pair = [rates(name, size, fitness) for fitness in (sphere, minus_sphere)]
    said = f"step size on f and on -f after 30 generations"
    expect(f"{name}, {said}", "different", pair, pair[0] == pair[1])

diffusion = algorithms["DiffusionEvolution"](population_size=K, solution=jnp.zeros(D))
params = diffusion.default_params
population = jax.random.normal(jax.random.key(0), (K, D))
state = diffusion.init(jax.random.key(1), population, sphere(population), params)
moves, last = [], population
for population, state in run(diffusion, params, state, sphere, 160):
    moves.append(float(jnp.abs(population - last).max()))
    last = population
said = "largest move of a member in generations 100 and 150"
expect(f"DiffusionEvolution, {said}", "> 0", (moves[100], moves[150]), moves[150] < 1e-6)
sys.exit(changed)
PYTHON
