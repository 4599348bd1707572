#!/usr/bin/env bash
# Optuna's journal lock is a symbolic link whose target is the journal's path as it was
# given. A link is resolved from its own folder, so a relative path that names a folder
# ("runs/study.journal") leads nowhere. The lock's grace period, after which a lock that a
# killed process left is taken over, looks at the link's target, passes over the error,
# and never begins: whoever waits for such a lock waits without end (and, because that
# branch has no sleep, at full load). This script only shows why; it does not wait.
#
# Expected: the age of the lock can be read. Seen: FileNotFoundError for a relative path,
# none for an absolute one. Exits 0 while that is so, and 1 once it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet optuna==5.0.0
cd "$folder"
mkdir runs
venv/bin/python - <<'PY'
import os
import platform
import sys
from pathlib import Path

import optuna
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

print(f"Python {platform.python_version()}, optuna {optuna.__version__}")


def can_be_aged(path):
    """Whether the lock's age can be read as ``acquire`` reads it."""
    JournalFileBackend(path)
    lock = JournalFileSymlinkLock(path)
    lock.acquire()
    try:
        os.stat(f"{path}.lock")
    except OSError as error:
        print(f"{path}: {type(error).__name__}; link to {os.readlink(path + '.lock')}")
        return False
    finally:
        lock.release()
    print("absolute path: the lock's age can be read")
    return True


relative = can_be_aged("runs/study.journal")
absolute = can_be_aged(str(Path("runs/other.journal").resolve()))
sys.exit(0 if (relative, absolute) == (False, True) else 1)
PY
