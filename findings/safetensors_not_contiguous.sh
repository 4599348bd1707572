#!/usr/bin/env bash
# safetensors 0.8.0 writes NumPy arrays that are not contiguous (transposed, strided,
# reversed) as the memory lies, under the shape that was asked for: the file is valid,
# nothing is said, and other numbers come back. 0.7.0 wrote them right.
#
# Expected: what was given comes back, or is refused. The documentation asks for
# contiguous arrays; nothing checks it. Seen: other numbers, without a warning.
# Exits 0 while that is so, and 1 once the behaviour has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/try.py" <<'PY'
import platform

import numpy as np
import safetensors
from safetensors.numpy import load, save

rows = np.arange(6, dtype=np.float32).reshape(2, 3)
print(f"Python {platform.python_version()}, numpy {np.__version__}, ", end="")
print(f"safetensors {safetensors.__version__}")
for name, array in {
    "in rows": rows,
    "transposed": rows.T,
    "strided": np.arange(12, dtype=np.float32)[4:10:2],
}.items():
    found = load(save({"x": array}))["x"]
    right = np.array_equal(found, array)
    print(f"  {name}: gave {array.tolist()}, got {found.tolist()}: {right}")
PY
python3 -m venv "$folder/venv"
for version in 0.7.0 0.8.0; do
    "$folder/venv/bin/pip" install --quiet "safetensors==$version" numpy==2.3.5
    "$folder/venv/bin/python" "$folder/try.py" | tee "$folder/$version"
done
[ "$(grep -c ': True$' "$folder/0.7.0")" = 3 ] || exit 1
grep -q 'in rows.*: True$' "$folder/0.8.0" || exit 1
[ "$(grep -c ': False$' "$folder/0.8.0")" = 2 ] || exit 1
