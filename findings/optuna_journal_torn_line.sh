#!/usr/bin/env bash
# A torn last line of Optuna's journal (a process killed in the middle of a write) is read
# without complaint by the next start, which then appends its own record to it, and no
# start after that can read the journal.
#
# Expected: the torn line is ignored, cut off, or refused at the first start, before
# anything is written. Seen: the first start succeeds and damages the file for good.
# Exits 0 while that is so, and 1 once the behaviour has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet optuna==5.0.0
cd "$folder"
venv/bin/python - <<'PY'
import json
import platform
import sys
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

optuna.logging.set_verbosity(optuna.logging.ERROR)
print(f"Python {platform.python_version()}, optuna {optuna.__version__}")
path = Path("study.journal").resolve()


def start():
    storage = JournalStorage(JournalFileBackend(str(path)))
    return optuna.create_study(storage=storage, study_name="s", load_if_exists=True)


start().ask()
whole = path.read_bytes()
path.write_bytes(whole[:-10])  # as a kill in the middle of a write leaves it
start()
print("first start after the kill: succeeds")
after = path.read_bytes()
glued = len(after) > len(whole) - 10 and after.startswith(whole[:-10])
print("the torn line was appended to:", glued)
try:
    start()
except (ValueError, json.JSONDecodeError) as error:
    print(f"second start: {type(error).__name__}: {error}")
    sys.exit(0 if glued else 1)
print("second start: succeeds; the behaviour has changed")
sys.exit(1)
PY
