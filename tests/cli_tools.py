"""Runs of the command line, here or in processes, and what they leave behind."""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

import pytest

from evolife.cli import main
from evolife.processes.mpirun import find_mpirun

EVOLIFE = [sys.executable, "-m", "evolife"]
TINY = (
    "control=null",
    "agent.hidden=8",
    "env.pulls=5",
    "population.size=32",
    "population.tile=8",
    "lifetime.steps=5",
    "lifetime.lives=4",
    "best_of_k.keep=2",
    "best_of_k.lives=16",
    "best_of_k.archive=4",
    "record.every=2",
    "record.validate_every=null",
)
"""A bandit that evolves in no time, in four units of work."""
CONTROL = "control={agent: {name: reflex, hidden: [4]}}"
_PATIENCE = 120
_LAUNCHERS = ("OMPI_", "PMIX_", "PRTE_", "PMI_", "SLURM_", "FLUX_", "PALS_", "MV2_")


def environment(**extra):
    """This process's, outside of any launcher, with one compile cache for all runs."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(_LAUNCHERS)}
    cache = Path(tempfile.gettempdir()) / f"evolife-tests-{os.getuid()}"
    env.setdefault("EVOLIFE_CACHE", str(cache))
    return {**env, **extra}


def mpirun(ranks):
    """The beginning of a command line for ``ranks`` ranks under the user's mpirun."""
    root = {
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
        "PRTE_MCA_hwloc_default_binding_policy": "none",
        "OMPI_MCA_btl": "^ofi",
        "OMPI_MCA_mtl": "^ofi",
    }
    return [str(find_mpirun()), "-n", str(ranks)], root


def run(*arguments, ranks=0, timeout=_PATIENCE, extra=None, **options):
    """Run evolife to its end, under mpirun where ``ranks`` is given."""
    before, more = mpirun(ranks) if ranks else ([], {})
    # What mpirun leaves is named by its process id, and ids come round again.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        own = {"TMPDIR": scratch} if ranks else {}
        env = environment(**{**more, **own, **(extra or {})})
        with started(*arguments, before=before, env=env, **options) as work:
            out, err = work.communicate(timeout=timeout)
            return subprocess.CompletedProcess(work.args, work.returncode, out, err)


def run_here(*arguments, cwd="."):
    """Run evolife to its end in this process, where JAX has started already.

    It takes a third of the time that :func:`run` takes. Signals, streams, ranks, and
    variables of the environment need a process.
    """
    words = [str(word) for word in arguments]
    own = mock.patch.dict(os.environ, environment(), clear=True)
    with own, contextlib.chdir(cwd), _caught() as files:
        try:
            code = main(words)
        except SystemExit as end:
            code = end.code
        for file in files:
            file.seek(0)
        out, err = (file.read() for file in files)
    return subprocess.CompletedProcess(words, code, out, err)


@contextlib.contextmanager
def _caught():
    """The files that stdout and stderr are inside, for native code too."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        kept = os.dup(1), os.dup(2)
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                yield out, err
        finally:
            for number, old in enumerate(kept, start=1):
                os.dup2(old, number)
                os.close(old)


@contextlib.contextmanager
def started(*arguments, before=(), env=None, command=EVOLIFE, **options):
    """Start evolife; nothing of it is left when the block ends."""
    process = subprocess.Popen(
        [*before, *command, *map(str, arguments)],
        env=env or environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )
    try:
        yield process
    finally:
        end(process)


def end(process):
    """Kill a process and all it started, wait for their end, return what was said."""
    family = [process.pid, *descendants(process.pid)]
    for pid in family:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    said = ()
    with contextlib.suppress(subprocess.TimeoutExpired, ValueError):
        said = process.communicate(timeout=10)
    assert gone(family), f"{process.args} left processes behind"
    return said


def descendants(pid):
    """Process ids of all that a process started, and what those started."""
    listing = subprocess.run(
        ["ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=True
    ).stdout
    children = {}
    for line in listing.splitlines():
        child, parent = map(int, line.split())
        children.setdefault(parent, []).append(child)
    found = [*children.get(pid, [])]
    for each in found:
        found += children.get(each, [])
    return found


def gone(pids, seconds=10):
    """Whether all these processes end within some seconds."""
    return until(lambda: not any(map(_alive, pids)), seconds)


def until(condition, seconds=_PATIENCE, nap=0.02):
    """Wait for a condition; return whether it came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(nap)
    return True


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return state_of(pid) not in {"", "Z"}


def state_of(pid):
    """The letter that ps gives to a process: S sleeps, T is stopped, Z is dead."""
    command = ["ps", "-o", "stat=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()[:1]


def metrics(folder):
    """The lines of ``metrics.jsonl``."""
    text = (Path(folder) / "metrics.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def check_every_json(folder):
    """Read every JSON document below a folder by a strict parser; the files' names.

    In files, in their lines, and in the heads of safetensors.
    """
    names = set()
    for path in sorted(Path(folder).rglob("*")):
        if path.suffix in (".json", ".jsonl", ".journal", ".safetensors"):
            documents = [_strict(text) for text in _texts(path)]
            assert documents, path
            names.add(path.name)
    return names


def _texts(path):
    content = path.read_bytes()
    if path.suffix != ".safetensors":
        whole = path.suffix == ".json"
        return [content] if whole else content.splitlines()
    head = content[8 : 8 + int.from_bytes(content[:8], "little")]
    told = _strict(head).get("__metadata__", {})
    return [head, *(text for text in told.values() if text.startswith("{"))]


def _strict(text):
    return json.loads(text, parse_constant=pytest.fail)


def digests(folder):
    """The digest after each generation, which are 1, 2, 3 ... each once."""
    lines = metrics(folder)
    assert [line["generation"] for line in lines] == list(range(1, len(lines) + 1))
    return [line["digest"] for line in lines]


def lines_so_far(folder):
    """How many generations ``metrics.jsonl`` tells of, while it is written."""
    path = Path(folder) / "metrics.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def champions(folder):
    """The bytes of all files of champions, by name."""
    found = sorted((Path(folder) / "champions").iterdir())
    assert found
    return {path.name: path.read_bytes() for path in found}


def tree(folder):
    """Every file below a folder and the hash of its content."""
    return {
        path.relative_to(folder).as_posix(): _hash(path)
        for path in sorted(Path(folder).rglob("*"))
    }


def contents(folder):
    """What users keep: everything but the file that only holds a lock."""
    return {name: hash for name, hash in tree(folder).items() if ".lock" not in name}


def _hash(path):
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def dashboard_steps(folder, tag="fitness/best"):
    """The steps at which TensorBoard's own reader shows a scalar."""
    from tensorboard.backend.event_processing import event_accumulator

    reader = event_accumulator.EventAccumulator(
        str(Path(folder) / "tensorboard"),
        size_guidance={event_accumulator.SCALARS: 0},
    )
    reader.Reload()
    return [event.step for event in reader.Scalars(tag)]


def complaint(result, code=2):
    """The one message of a command that failed with ``code`` and no traceback."""
    told = result.stderr
    assert result.returncode == code, told
    assert "Traceback" not in told and "Exception ignored" not in told, told
    lines = [line for line in told.splitlines() if line.startswith("evolife: ")]
    assert len(lines) == 1, told
    assert told.rstrip().splitlines()[-1] == lines[0] or code != 2, told
    return lines[0]
