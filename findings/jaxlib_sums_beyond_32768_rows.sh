#!/usr/bin/env bash
# jaxlib 0.10.2 on a CPU: jit(vmap(lambda row: sum((matrix @ row) ** 2))) over more than
# 32,768 rows of 3 numbers gives wrong sums for every row behind the last whole block of
# 32,768, and says nothing. Right in 0.10.1, and with the new fusions of XLA switched off by
# XLA_FLAGS=--xla_cpu_experimental_ynn_fusion_type= (all are small integers: exact).
#
# Expected: the same sums as NumPy's. Seen: one wrong sum of 32,769, 7,232 of 40,000.
# Exits 0 while that is so, and 1 once the behaviour has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/try.py" <<'PY'
import os
import platform

import jax
import jaxlib
import numpy as np

print(f"Python {platform.python_version()}, numpy {np.__version__}, ", end="")
print(f"jaxlib {jaxlib.__version__}, XLA_FLAGS={os.environ.get('XLA_FLAGS', '')}")
matrix = np.arange(9).reshape(3, 3).astype(np.float32)
program = jax.jit(jax.vmap(lambda row: ((matrix @ row) ** 2).sum()))
wrong = 0
for count in (32_768, 32_769, 40_000, 65_536):
    rows = (np.arange(3 * count) % 11).reshape(-1, 3).astype(np.float32)
    right = ((rows @ matrix.T) ** 2).sum(axis=1)
    places = np.flatnonzero(np.asarray(program(rows)) != right)
    wrong += places.size
    where = f", first at {places[0]}" if places.size else ""
    print(f"  {count} rows: {places.size} sums are wrong{where}")
print("wrong" if wrong else "right")
PY
python3 -m venv "$folder/venv"
try() { JAX_PLATFORMS=cpu XLA_FLAGS=$1 "$folder/venv/bin/python" "$folder/try.py" | tee "$folder/said"; }
install() { "$folder/venv/bin/pip" install --quiet "jax==$1" "jaxlib==$1" numpy==2.3.5; }
install 0.10.1
try "" && [ "$(tail -1 "$folder/said")" = right ] || exit 1
install 0.10.2
try "--xla_cpu_experimental_ynn_fusion_type=" && [ "$(tail -1 "$folder/said")" = right ] || exit 1
try "" && [ "$(tail -1 "$folder/said")" = wrong ] || exit 1
