"""A table of environments in which every command works, or refuses in one line.

Each row trains two generations, sweeps two runs and asks the doctor. What works gives
the bits of an environment in which nothing is amiss.
"""

import contextlib
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from evolife.processes.affinity import allowed_cores
from evolife.processes.mpirun import obstacle
from tests.cli_tools import EVOLIFE, TINY, digests, environment, mpirun
from tests.end_to_end import slurm_cluster
from tests.processes.test_launcher import HOSTILE

pytestmark = pytest.mark.slow

RANKS = "1" if obstacle() else "2"
NOBODY = 54321
"""A user id that nobody has."""
TRAIN = ("train", "bandit", *TINY, "generations=2")
PYTHON = (
    "import sys, evolife; "
    "evolife.train(*sys.argv[4:], ranks=int(sys.argv[1]), out=sys.argv[3])"
)
SALLOC = {
    "SLURM_JOB_ID": "7",
    "SLURM_JOBID": "7",
    "SLURM_NODELIST": "elsewhere",
    "SLURM_JOB_NODELIST": "elsewhere",
    "SLURM_NTASKS": "1",
    "SLURM_NNODES": "1",
    "SLURM_TASKS_PER_NODE": "1",
    "SLURM_CPUS_PER_TASK": "2",
    "SLURM_JOB_CPUS_PER_NODE": "2",
}
SRUN = {
    **SALLOC,
    "SLURM_PROCID": "0",
    "SLURM_LOCALID": "0",
    "SLURM_STEP_ID": "0",
    "SLURM_STEP_NUM_TASKS": "1",
    "SLURM_STEP_TASKS_PER_NODE": "1",
    "SLURM_CPUS_ON_NODE": "2",
}


@dataclasses.dataclass(frozen=True)
class Row:
    """One environment; ``before`` stands in front of every command line."""

    name: str
    variables: dict[str, str] = dataclasses.field(default_factory=dict)
    without: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    refused: str = ""
    """What commands that work with JAX say; empty where they work."""
    closed: bool = False
    """Whether stdin, stdout and stderr are closed."""
    ranks: str = "1"
    cores: int | None = None
    """What the doctor counts, where the row decides."""
    place: str = ""
    """Folder to work in instead of an own one."""


ROWS = (
    Row("another job's variables and presets", HOSTILE, ranks=RANKS),
    Row("a user without name and home", without=("HOME", "USER", "LOGNAME")),
    Row("closed streams", closed=True, ranks=RANKS),
    Row(
        "an ASCII terminal, no docstrings, no room for temporary files or caches",
        {
            "LC_ALL": "C",
            "PYTHONCOERCECLOCALE": "0",
            "PYTHONUTF8": "0",
            "PYTHONIOENCODING": "ascii",
            "PYTHONOPTIMIZE": "2",
            "TERM": "dumb",
            "COLUMNS": "1",
            "TMPDIR": "/nonexistent",
            "XDG_CACHE_HOME": "/nonexistent",
        },
    ),
    Row("mpirun of one rank", ranks=RANKS),
    Row("salloc of one task with two cores", SALLOC, ranks="auto", cores=2),
    Row("srun of one task with two cores", SRUN, ranks=RANKS, cores=2),
    Row("a folder that takes no files", refused="--out DIR", place="/proc"),
    Row("JAX in 64 bits", {"JAX_ENABLE_X64": "1"}),
    Row("no such device", {"JAX_PLATFORMS": "cuda"}, refused="JAX_PLATFORMS=cuda"),
)


@pytest.fixture(scope="module")
def bits(trained_run):
    """Digests where nothing is amiss; that run has also filled the compile cache."""
    return digests(trained_run)[:2]


@pytest.fixture(scope="module")
def slurm():
    """What names a real cluster, empty where none can be run."""
    if slurm_cluster.missing():
        yield {}
        return
    # Sockets have short names only.
    with (
        tempfile.TemporaryDirectory(prefix="slurm-") as folder,
        slurm_cluster.cluster(Path(folder)) as variables,
    ):
        yield variables


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_commands_work_or_refuse_in_one_line(row, bits, slurm, tmp_path):
    row = prepared(row, slurm)
    out, sweep = tmp_path / "run", tmp_path / "sweep.yaml"
    given = dict(item.split("=", 1) for item in (*TINY, "generations=2"))
    fixed = "".join(f"  {key}: {{value: {value}}}\n" for key, value in given.items())
    sweep.write_text(
        "name: two\nmethod: grid\nbase: bandit\n"
        f"parameters:\n  seed: {{values: [0, 1]}}\n{fixed}",
        encoding="utf-8",
    )
    said = evolife(row, tmp_path, "doctor", "--json")
    if not row.closed:
        cores = json.loads(said)["usable_cores"]
        assert cores == min(row.cores or cores, len(allowed_cores()))
    if row.refused:
        evolife(row, tmp_path, *TRAIN, "--ranks", row.ranks, fails=True)
        evolife(row, tmp_path, "sweep", sweep, fails=True)
        return
    if row.name.startswith("srun"):
        words = ["-c", PYTHON, row.ranks, "--out", out, *TRAIN[1:]]
        evolife(row, tmp_path, *words, command=EVOLIFE[:1])
    else:
        evolife(row, tmp_path, *TRAIN, "--ranks", row.ranks, "--out", out)
    assert digests(out) == bits
    told = json.loads((out / "manifest.json").read_text())["sessions"][0]
    expected = RANKS if row.ranks == "auto" else row.ranks
    assert str(told["ranks"]) == expected
    evolife(row, tmp_path, "sweep", sweep, "--out", tmp_path / "swept")
    runs = sorted((tmp_path / "swept" / "runs").iterdir())
    assert len(runs) == 2 and bits in [digests(run) for run in runs]


def prepared(row, slurm):
    """The row as it can be made here; real launchers instead of their variables."""
    if row.name.startswith("mpirun"):
        if obstacle():
            pytest.skip(obstacle())
        before, variables = mpirun(1)
        return dataclasses.replace(row, before=tuple(before), variables=variables)
    if row.variables in (SALLOC, SRUN) and slurm:
        launcher = ("salloc", "-Q") if row.variables is SALLOC else ("srun",)
        before = (*launcher, "-n1", "-c2")
        return dataclasses.replace(row, before=before, variables=slurm)
    if row.name.startswith("a user"):
        return as_nobody(row)
    return row


def as_nobody(row):
    """As a user id that no one has, who may read and write what root may."""
    if os.geteuid() or shutil.which("setpriv") is None:
        pytest.skip("only root can become somebody else, and only with setpriv")
    become = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    # mpirun asks whether the user may run Python, which the rights below do not change.
    code = "import os, sys; sys.exit(not os.access(sys.executable, os.X_OK))"
    asked = subprocess.run([*become, sys.executable, "-c", code], capture_output=True)
    ranks = "1" if asked.returncode else RANKS
    before = (*become, "--inh-caps=+dac_override", "--ambient-caps=+dac_override")
    tried = subprocess.run([*before, "true"], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"this machine lets nobody be somebody else: {tried.stderr}")
    return dataclasses.replace(row, before=before, ranks=ranks)


def evolife(row, folder, *words, command=EVOLIFE, fails=False):
    """Run a command in the environment of ``row``; return what it printed."""
    env = {k: v for k, v in environment().items() if k not in row.without}
    line = [*row.before, *command, *map(str, words)]
    if row.closed:
        line = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *line]
    ended = subprocess.run(
        line,
        env={**env, **row.variables},
        cwd=row.place or folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=240,
    )
    told = ended.stderr.decode(errors="replace")
    assert "Traceback" not in told and "Exception ignored" not in told, told
    if not fails:
        assert ended.returncode == 0, told
        return ended.stdout.decode("ascii")
    assert ended.returncode in (1, 2), told
    lines = told.splitlines()
    assert len(lines) == 1 and lines[0].startswith("evolife: "), told
    assert row.refused in lines[0]
    return ""


def test_a_closed_stream_is_not_taken_by_a_file(tmp_path):
    code = (
        "import os; from evolife.processes.surroundings import settle; settle(); "
        f"path = {str(tmp_path / 'file')!r}; file = open(path, 'w'); "
        "assert file.fileno() > 2; os.write(1, b'native'); os.write(2, b'native'); "
        "print('text'); file.close(); assert not os.path.getsize(path)"
    )
    line = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-c", code]
    assert subprocess.run(line, env=environment()).returncode == 0


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_any_text_is_written_in_any_encoding(encoding):
    code = (
        "import sys; from evolife.processes.surroundings import settle; settle(); "
        "from evolife.console.terminal import Terminal; "
        "Terminal().text('\\u2581\\udcff\\u2026'); Terminal().warning('\\u2581\\udcff')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(PYTHONIOENCODING=encoding),
        capture_output=True,
    )
    assert ended.returncode == 0, ended.stderr
    assert rb"\u2581\udcff" in ended.stdout and rb"\u2581\udcff" in ended.stderr


def test_a_reader_that_leaves_and_a_full_disk_are_no_tracebacks():
    words = " ".join(EVOLIFE)
    gone = subprocess.run(
        ["bash", "-c", f"{words} list | true; exit ${{PIPESTATUS[0]}}"],
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert (gone.returncode, gone.stderr) == (1, "")
    if Path("/dev/full").exists():
        with open("/dev/full", "w") as full, contextlib.suppress(OSError):
            ended = subprocess.run(
                [*EVOLIFE, "list"],
                env=environment(),
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
            )
            assert ended.returncode == 2
            assert ended.stderr == "evolife: No space left on device\n"
