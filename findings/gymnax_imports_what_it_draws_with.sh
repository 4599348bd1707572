#!/usr/bin/env bash
# gymnax 1.0.1: `import gymnax` loads matplotlib.pyplot, seaborn, and by it pandas and
# scipy.stats, though environments need them for nothing but pictures: two thirds
# of the modules, and of the time, that the import takes. Each process of a job on a
# network file system opens some 900 more files for it.
#
# Expected: none of the four is loaded. Seen: all four, and 922 of 1,335 modules theirs.
# Exits 0 while that is so, and 1 once it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet gymnax==1.0.1 jax==0.10.2 jaxlib==0.10.2 \
    six==1.17.0
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PY'
import importlib.metadata as metadata
import sys

import jax

before = set(sys.modules)
import gymnax

added = set(sys.modules) - before
drawing = {"matplotlib.pyplot", "seaborn", "pandas", "scipy.stats"}
print("gymnax", metadata.version("gymnax"), "jax", jax.__version__)
print(f"  {len(added)} modules beside JAX's {len(before)}, with {sorted(drawing & added)}")
roots = ("matplotlib", "seaborn", "pandas", "scipy")
print(f"  {sum(name.startswith(roots) for name in added)} of them are of {roots}")
sys.exit(not drawing <= added)
PY
