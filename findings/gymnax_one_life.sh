#!/usr/bin/env bash
# gymnax 1.0.1: some environments begin every episode alike and draw nothing in its
# course, whatever the keys, so that many episodes are copies of one. Compared are eight
# keys under the same random actions, from reset through 300 steps with resets between.
# Exits 0 as long as these three do so and two others do not, 1 when that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet gymnax==1.0.1 jax==0.10.2 jaxlib==0.10.2
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import importlib.metadata as metadata
import sys

import gymnax
import jax
import jax.numpy as jnp

for package in ("gymnax", "jax", "jaxlib"):
    print(package, metadata.version(package))

KNOWN = {"DeepSea-bsuite", "DiscountingChain-bsuite", "Pong-misc"}
KEYS, COURSES, STEPS = 8, 4, 300
# Two that differ, one from the start and one only in its course.
LIKE_OTHERS = {"Asterix-MinAtar", "CartPole-v1"}


def apart(tree):
    return jnp.any(jnp.stack([jnp.any(x != x[:1]) for x in jax.tree.leaves(tree)]))


def differs(name):
    environment, params = gymnax.make(name)
    space = environment.action_space(params)
    starts = jax.random.split(jax.random.key(0), KEYS)
    begun = jax.jit(jax.vmap(lambda key: environment.reset(key, params)))(starts)
    if apart(begun):
        return "from the start"

    def course(number):
        def step(carry, key):
            state, found = carry
            action = space.sample(key)
            fresh = jax.random.split(jax.random.fold_in(key, 1), KEYS)
            told, state, reward, done, _ = jax.vmap(
                lambda key, state: environment.step(key, state, action, params)
            )(fresh, state)[:5]
            state = jax.tree.map(lambda new, old: new.astype(old.dtype), state, carry[0])
            return (state, found | apart((told, reward, done))), None

        state = jax.tree.map(jnp.asarray, begun[1])
        keys = jax.random.split(jax.random.key(number), STEPS)
        return jax.lax.scan(step, (state, jnp.zeros((), bool)), keys)[0][1]

    return "in its course" if any(bool(course(i)) for i in range(COURSES)) else "never"


alike = set()
for name in sorted(KNOWN | LIKE_OTHERS):
    found = differs(name)
    if found == "never":
        alike.add(name)
    print(f"{name}: expected lives to differ by key; seen to differ {found}", flush=True)
print("one life only:", ", ".join(sorted(alike)))
sys.exit(alike != KNOWN)
PYTHON
