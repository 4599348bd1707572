#!/usr/bin/env bash
# gymnax 1.0.1 and gymnasium 1.3.0 differ: MountainCarContinuous keeps its speed at the left
# wall in gymnax and loses it in gymnasium; gymnax's Pong pays for time, not for points.
# Exits 0 as long as the libraries behave so, 1 when that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet \
  gymnax==1.0.1 gymnasium==1.3.0 jax==0.10.2 jaxlib==0.10.2
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import importlib.metadata as metadata
import sys

import gymnasium
import gymnax
import jax
import jax.numpy as jnp
import numpy as np

for package in ("gymnax", "gymnasium", "jax", "jaxlib"):
    print(package, metadata.version(package))

name = "MountainCarContinuous-v0"
theirs = gymnasium.make(name).unwrapped
theirs.reset(seed=0)
theirs.state = np.array([-1.19, -0.05], np.float32)
expected = theirs.step(np.zeros(1, np.float32))[0]
environment, params = gymnax.make(name)
_, state = environment.reset(jax.random.key(0), params)
state = state.replace(position=jnp.float32(-1.19), velocity=jnp.float32(-0.05))
seen = environment.step_env(jax.random.key(1), state, jnp.zeros(1), params)[0]
print(f"{name}, a step into the left wall: position and speed")
print(f"  expected as in gymnasium {expected}; seen in gymnax {np.asarray(seen)}")
changed = not (abs(float(expected[1])) < 1e-6 and abs(float(seen[1])) > 0.04)

environment, params = gymnax.make("Pong-misc")
step = jax.jit(environment.step_env)
_, state = environment.reset(jax.random.key(0), params)
rewards, done = [], False
while not done and len(rewards) < 1000:
    # Up all the time: the ball is missed once it does not fly straight at the paddle.
    key = jax.random.fold_in(jax.random.key(2), len(rewards))
    _, state, reward, done, _ = step(key, state, 1, params)
    rewards.append(float(reward))
print(f"Pong-misc, an episode of {len(rewards)} steps lost by going up all the time:")
print(f"  expected a reward below 0 at its end; seen {rewards[0]:g} at every step but "
      f"the last, and {rewards[-1]:g} there")
changed |= set(rewards[:-1]) != {1.0} or rewards[-1] != 0.0
sys.exit(changed)
PYTHON
