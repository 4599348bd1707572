#!/usr/bin/env bash
# jaxlib 0.10.2 and 0.11.2 on an x86-64 CPU with FMA, XLA_FLAGS=
# --xla_backend_optimization_level=0: the gradient of max(1.1 x + 0.3) is inf instead of
# 1.1 in a quarter of the rows. It asks which elements equal the maximum, and computes
# them anew for that; once the product is rounded before the sum and once it is not, so
# that none equals it, and 1.1 is divided by their number, 0. Right at level 1, by default
# and without FMA (--xla_cpu_max_isa=AVX); so are the values themselves at level 0.
#
# Expected: 1.1 at the largest of each row, 0 elsewhere. Seen: 24 wrong rows of 100.
# Exits 0 while that is so, and 1 once the behaviour has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/try.py" <<'PY'
import os
import platform

import jax
import jax.numpy as jnp
import jaxlib
import numpy as np

print(f"Python {platform.python_version()}, numpy {np.__version__}, ", end="")
print(f"jaxlib {jaxlib.__version__}, XLA_FLAGS={os.environ.get('XLA_FLAGS', '')}")
rows = np.random.default_rng(0).normal(size=(100, 6)).astype(np.float32)
loss = jax.jit(jax.value_and_grad(lambda x: jnp.max(x * 1.1 + 0.3, axis=1).sum()))
value, slope = loss(rows)
largest = rows.astype(np.float64).max(axis=1, keepdims=True)
np.testing.assert_allclose(value, (1.1 * largest + 0.3).sum(), rtol=1e-5)
right = np.where(rows == largest, 1.1, 0.0)
wrong = ~np.isclose(slope, right, rtol=1e-5).all(axis=1)
print(f"  {wrong.sum()} rows of {len(rows)} have a wrong gradient")
if wrong.any():
    print(f"  the first: {np.asarray(slope)[wrong][0]}, expected {right[wrong][0]}")
print("wrong" if wrong.any() else "right")
PY
python3 -m venv "$folder/venv"
try() { JAX_PLATFORMS=cpu XLA_FLAGS=$1 "$folder/venv/bin/python" "$folder/try.py" | tee "$folder/said"; }
install() { "$folder/venv/bin/pip" install --quiet "jax==$1" "jaxlib==$1" numpy==2.3.5; }
zero="--xla_backend_optimization_level=0"
for version in 0.10.2 0.11.2; do
    install "$version"
    for flags in "" "--xla_backend_optimization_level=1" "$zero --xla_cpu_max_isa=AVX"; do
        try "$flags" && [ "$(tail -1 "$folder/said")" = right ] || exit 1
    done
    try "$zero" && [ "$(tail -1 "$folder/said")" = wrong ] || exit 1
done
