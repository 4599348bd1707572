#!/usr/bin/env bash
# jaxlib 0.10.2 on CPUs: jax.lax.optimization_barrier keeps nothing apart. It is documented
# to keep the compiler from moving operations across it, but XLA drops it before it fuses:
# what is computed before the barrier is fused into each of its uses behind it, as without
# one. Who draws numbers once and uses them three times pays for loops that are not
# vectorised (random numbers written in the order in which a product reads them took three
# times as long). The state that a loop carries is written out; a barrier is not. In
# jaxlib 0.11.2 it works.
#
# Expected: one sine in the compiled program with a barrier. Seen: three on 0.10.2, as
# without one, and one on 0.11.2. Exits 0 while that is so, and 1 once it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/try.py" <<'PY'
import re
import sys

import jax
import jax.numpy as jnp
import jaxlib

print(f"jax {jax.__version__}, jaxlib {jaxlib.__version__}")


def program(keep_apart):
    def f(x):
        y = keep_apart(jnp.sin(x))
        return y[:, :64].T @ y[:, 64:128], y[:, 128:].sum(0)

    return jax.jit(f).lower(jnp.ones((64, 392))).compile().as_text()


plain = program(lambda y: y)
barred = program(jax.lax.optimization_barrier)
counts = [len(re.findall(r" sine\(", text)) for text in (plain, barred)]
print(f"  sines without a barrier: {counts[0]}, with one: {counts[1]}")
sys.exit(counts != [3, 3 if jaxlib.__version__ == "0.10.2" else 1])
PY
python3 -m venv "$folder/venv"
for version in 0.10.2 0.11.2; do
    "$folder/venv/bin/pip" install --quiet "jax==$version" "jaxlib==$version"
    JAX_PLATFORMS=cpu "$folder/venv/bin/python" "$folder/try.py"
done
