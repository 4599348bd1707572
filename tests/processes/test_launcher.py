"""How a process decides to run, starts local ranks, and is prepared for JAX."""

import os
import signal
import subprocess
import sys
import time

import pytest

from evolife.errors import InvalidInput
from evolife.processes import placement
from evolife.processes.advice import advice
from evolife.processes.affinity import allowed_cores, core_for, usable_cores
from evolife.processes.granted_cores import granted_cores
from evolife.processes.local_environment import local_environment
from evolife.processes.mpirun import find_mpirun, launch_local, obstacle
from evolife.processes.mpirun_notices import ChatterFilter, Heard
from evolife.processes.numerics import exact_flags
from evolife.processes.placement import Plan, place, plan_ranks
from evolife.processes.prepare import prepare_process

LAUNCH = (
    "import sys; from evolife.processes.mpirun import launch_local; "
    "sys.exit(launch_local(int(sys.argv[1]), sys.argv[3:], "
    "[sys.executable, sys.argv[2]]))"
)
OPEN_MPI = {"OMPI_COMM_WORLD_RANK": "2", "OMPI_COMM_WORLD_SIZE": "4"}
STEP = {
    "SLURM_JOB_ID": "7",
    "SLURM_NTASKS": "6",
    "SLURM_PROCID": "5",
    "SLURM_STEP_ID": "0",
    "SLURM_STEP_NUM_TASKS": "6",
    "SLURM_LOCALID": "1",
    "SLURM_STEP_TASKS_PER_NODE": "4(x1),2",
}
ONE_TASK = {**STEP, "SLURM_STEP_NUM_TASKS": "1", "SLURM_STEP_TASKS_PER_NODE": "1"}
PMI2 = {"PMI_RANK": "0", "PMI_SIZE": "1", "PMI_FD": "8"}
BATCH = {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "6", "SLURM_PROCID": "0"}


@pytest.mark.parametrize(
    ("env", "size"),
    [
        ({}, None),
        (OPEN_MPI, 4),
        (STEP, 6),
        (BATCH, None),
        ({**STEP, **OPEN_MPI}, 4),
        ({**STEP, "SLURM_PTY_PORT": "40000", "PMIX_RANK": "0"}, None),
        ({**STEP, "FLUX_URI": "local:///run/flux"}, None),
        ({"FLUX_URI": "x", "FLUX_TASK_RANK": "0", "FLUX_JOB_SIZE": "3"}, 3),
        ({"PMI_RANK": "0", "PMI_SIZE": "9"}, 9),
        ({"PALS_RANKID": "0", "PMI_RANK": "0", "PMI_SIZE": "8"}, 8),
        ({"MV2_COMM_WORLD_RANK": "0", "MV2_COMM_WORLD_SIZE": "2"}, 2),
        ({"PMIX_RANK": "3"}, 0),
        ({**STEP, **PMI2, "PMI_SIZE": "6", "PMI_RANK": "5"}, 6),
        # The only task of a step: a notebook, an interactive shell, a job of one task.
        (ONE_TASK, None),
        ({**ONE_TASK, **PMI2}, None),
        ({**ONE_TASK, "PMIX_RANK": "0"}, None),
        ({"FLUX_TASK_RANK": "0", "FLUX_JOB_SIZE": "1"}, None),
        # mpirun -n 1, in such a step or not, was asked for one rank.
        ({**ONE_TASK, "OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "1"}, 1),
        ({**ONE_TASK, **PMI2, "MPI_LOCALRANKID": "0"}, 1),
    ],
)
def test_the_launchers_world_is_read_from_the_environment(env, size):
    assert (place(env) and place(env).size) == size


def test_the_place_of_a_slurm_task_counts_tasks_on_its_node():
    here = place(STEP)
    assert here is not None
    assert (here.rank, here.local_rank, here.local_size) == (5, 1, 4)


@pytest.fixture
def alone(monkeypatch):
    """Four cores, no launcher, a working mpirun."""
    for name in [*OPEN_MPI, *STEP, "PMIX_RANK", "PMI_RANK", "FLUX_TASK_RANK"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(placement, "usable_cores", lambda: 4)
    monkeypatch.setattr(placement.mpirun, "obstacle", lambda: "")
    return monkeypatch


def test_alone_ranks_are_started_as_asked_or_one_a_core(alone):
    assert plan_ranks("auto") == Plan("start", 4)
    assert plan_ranks(3) == Plan("start", 3)
    alone.setattr(placement, "usable_cores", lambda: 1)
    assert plan_ranks("auto") == Plan("join", 1)


def test_one_rank_never_touches_mpi(alone):
    def fail():
        raise AssertionError

    alone.setattr(placement.mpirun, "obstacle", fail)
    assert plan_ranks(1) == Plan("join", 1)


def test_without_mpi_auto_falls_back_and_a_count_is_refused(alone):
    alone.setattr(placement.mpirun, "obstacle", lambda: "no mpirun; install it")
    plan = plan_ranks("auto")
    assert (plan.mode, plan.ranks) == ("join", 1)
    assert "install it" in plan.note
    with pytest.raises(InvalidInput, match=r"--ranks 2: no mpirun.*--ranks 1"):
        plan_ranks(2)
    with pytest.raises(InvalidInput, match="--ranks 0"):
        plan_ranks(0)


def test_under_a_launcher_its_world_is_joined_and_no_other_count(alone):
    for name, value in OPEN_MPI.items():
        alone.setenv(name, value)
    assert plan_ranks("auto") == plan_ranks(4) == Plan("join", 4)
    for count in (1, 3):
        with pytest.raises(InvalidInput, match="which started 4"):
            plan_ranks(count)


def test_the_only_task_of_a_step_divides_its_cores_among_ranks(alone):
    for name, value in ONE_TASK.items():
        alone.setenv(name, value)
    assert plan_ranks("auto") == Plan("start", 4)
    assert plan_ranks(2) == Plan("start", 2)
    assert plan_ranks(1) == Plan("join", 1)


def test_mpirun_of_one_rank_leaves_cores_unused_only_in_words(alone):
    for name, value in {**OPEN_MPI, "OMPI_COMM_WORLD_SIZE": "1"}.items():
        alone.setenv(name, value)
    plan = plan_ranks("auto")
    assert (plan.mode, plan.ranks) == ("join", 1)
    assert "1 of 4 cores" in plan.note and "--ranks 4" in plan.note
    assert plan_ranks(1) == Plan("join", 1)
    assert plan_ranks(2) == Plan("start", 2)


@pytest.mark.parametrize(
    ("env", "cores"),
    [
        ({}, None),
        ({"SLURM_JOB_CPUS_PER_NODE": "2", "SLURM_CPUS_PER_TASK": "2"}, 2),
        ({"SLURM_JOB_CPUS_PER_NODE": "64(x2)", "SLURM_CPUS_PER_TASK": "2"}, 2),
        ({"SLURM_CPUS_ON_NODE": "8", "SLURM_JOB_CPUS_PER_NODE": "16,8"}, 8),
        (
            {
                "SLURM_CPUS_ON_NODE": "64",
                "SLURM_CPUS_PER_TASK": "3",
                "SLURM_TASKS_PER_NODE": "4(x2),1",
            },
            12,
        ),
        (
            {
                "SLURM_CPUS_PER_TASK": "3",
                "SLURM_TASKS_PER_NODE": "4",
                "SLURM_STEP_TASKS_PER_NODE": "1",
            },
            3,
        ),
        ({"SLURM_CPUS_PER_TASK": "many"}, None),
        ({"PBS_JOBID": "1.host", "NCPUS": "6"}, 6),
        ({"NCPUS": "6"}, None),
        ({"SGE_ROOT": "/sge", "NSLOTS": "5", "NHOSTS": "1"}, 5),
        ({"SGE_ROOT": "/sge", "NSLOTS": "50", "NHOSTS": "3"}, None),
        ({"LSB_MCPU_HOSTS": "first 4 second 2"}, 4),
    ],
)
def test_what_a_batch_system_granted_is_read_from_the_environment(env, cores):
    assert granted_cores(env) == cores


def test_cores_granted_are_cores_used(monkeypatch):
    monkeypatch.setattr("evolife.processes.affinity.allowed_cores", lambda: [*range(9)])
    for name in [name for name in os.environ if name.startswith("SLURM_")]:
        monkeypatch.delenv(name)
    everything = usable_cores()
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "1")
    assert usable_cores() == 1
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "1000")
    assert usable_cores() == everything


def test_missing_mpirun_is_refused_with_a_remedy(monkeypatch):
    monkeypatch.setattr("evolife.processes.mpirun.find_mpirun", lambda: None)
    with pytest.raises(InvalidInput, match=r"evolife\[mpi\]"):
        launch_local(2, [])


def test_usable_cores_respects_container_quotas(tmp_path):
    allowed = len(allowed_cores())
    assert usable_cores(tmp_path) == allowed
    groups = tmp_path / "sys/fs/cgroup"
    (groups / "job/cpu").mkdir(parents=True)
    (tmp_path / "proc/self").mkdir(parents=True)
    (groups / "cpu.max").write_text("max 100000\n")
    assert usable_cores(tmp_path) == allowed
    (tmp_path / "proc/self/cgroup").write_text("0::/job\n")
    (groups / "job/cpu.max").write_text("50000 100000\n")
    assert usable_cores(tmp_path) == 1


def test_ranks_of_a_machine_get_cores_of_their_own_or_none():
    for count in range(1, 17):
        cores = list(range(100, 100 + count))
        for ranks in range(1, 20):
            chosen = [core_for(rank, ranks, cores) for rank in range(ranks)]
            if count > 1 and count / 2 < ranks <= count:
                assert len(set(chosen)) == ranks
                assert set(chosen) <= set(cores)
            else:
                assert set(chosen) == {None}


RULE = "-" * 74 + "\n"
KEPT = f"{RULE}rank 1 noticed: exited on signal 9 (Killed).\n{RULE}"
DROPPED = (
    f"{RULE}prterun detected that one or more processes exited with non-zero status,\n"
    f"thus causing the job to be terminated.\n{RULE}"
    f"{RULE}MPI_ABORT was invoked on rank 1 in communicator MPI_COMM_WORLD\n{RULE}\0"
    f"{RULE}rank 0 with PID 7 exited on\nsignal 10 (User defined signal 1).\n{RULE}"
)


def test_chatter_is_dropped_and_all_else_kept_however_it_arrives():
    text = f"first\n--\n{DROPPED}{KEPT}progress\rhalf a line{'-' * 80}\n---"
    expected = text.replace(DROPPED, "").encode()
    data = text.encode()
    for step in (1, 2, 7, 50, 1000):
        chatter = ChatterFilter()
        parts = [chatter.feed(data[i : i + step]) for i in range(0, len(data), step)]
        assert b"".join(parts) + chatter.rest() == expected


def test_a_lone_rule_or_prompt_is_not_held_for_ever():
    chatter = ChatterFilter()
    assert chatter.feed(b"no newline yet") == b"no newline yet"
    long = b"x" * 80 + b"\n"
    shown = chatter.feed(b"\n" + RULE.encode())
    for _ in range(200):
        shown += chatter.feed(long)
    assert shown.count(long) == 200


def test_who_spoke_is_known_however_it_arrives():
    rank = "rank 3: trouble\n"
    cases = {
        KEPT: Heard(True, False, True),
        f"progress\nevolife: it is over\n{DROPPED}": Heard(False, True, True),
        f"no evolife: here\nevolife: warning: slow\n{KEPT}": Heard(True, False, True),
        f"{KEPT}{rank}": Heard(True, True, True),
        f"{'.' * 200}{rank}": Heard(False, False, True),
        DROPPED: Heard(False, False, False),
    }
    for text, expected in cases.items():
        data = text.encode()
        for step in (1, 3, 70, 1000):
            chatter = ChatterFilter()
            for i in range(0, len(data), step):
                chatter.feed(data[i : i + step])
            chatter.rest()
            assert chatter.heard == expected, (text, step)


def test_only_what_needs_it_is_followed_by_a_remedy():
    silent, notice = Heard(False, False, False), Heard(True, False, True)
    assert advice(0, 2, silent, asked=False) == ""
    assert "did not keep" in advice(0, 2, notice, asked=False)
    assert advice(2, 2, Heard(True, True, True), asked=False) == ""
    assert advice(130, 2, notice, asked=True) == ""
    assert "code 183" in advice(183, 2, notice, asked=False)
    assert "out of memory" in advice(137, 2, notice, asked=False)
    assert "--ranks 1" in advice(213, 2, notice, asked=False)
    assert "does not say why" in advice(213, 2, silent, asked=False)


def test_what_mpirun_says_of_its_own_ends_with_our_line(tmp_path, monkeypatch, capfd):
    mpirun = tmp_path / "mpirun"
    mpirun.write_text(
        "#!/bin/sh\n[ $1 = --version ] && echo 'mpirun (Open MPI) 5' && exit\n"
        "echo 'Out of resource' >&2\nexit 213\n"
    )
    mpirun.chmod(0o755)
    monkeypatch.setattr("evolife.processes.mpirun.find_mpirun", lambda: mpirun)
    assert launch_local(2, []) == 1
    said, last = capfd.readouterr().err.splitlines()
    assert said == "Out of resource"
    assert last.startswith("evolife: mpirun could not run 2 ranks") and "213" in last


def test_an_mpirun_that_does_not_run_is_no_riddle(tmp_path, monkeypatch):
    mpirun = tmp_path / "mpirun"
    mpirun.write_text("#!/bin/sh\necho 'undefined symbol: x' >&2\nexit 127\n")
    mpirun.chmod(0o755)
    monkeypatch.setattr("evolife.processes.mpirun.find_mpirun", lambda: mpirun)
    monkeypatch.setattr("evolife.processes.mpirun.local_library", lambda _: "Open MPI")
    assert "does not run (undefined symbol: x)" in obstacle()


HOSTILE = {
    # A Slurm allocation of one task; files of a PBS and an SGE job that are not here.
    "SLURM_JOB_ID": "7",
    "SLURM_JOBID": "7",
    "SLURM_NODELIST": "another",
    "SLURM_JOB_NODELIST": "another",
    "SLURM_TASKS_PER_NODE": "1",
    "SLURM_NTASKS": "1",
    "PBS_JOBID": "7.host",
    "PBS_ENVIRONMENT": "PBS_BATCH",
    "PBS_NODEFILE": "/nonexistent/nodes",
    "SGE_ROOT": "/nonexistent/sge",
    "PE_HOSTFILE": "/nonexistent/hosts",
    "JOB_ID": "7",
    "ARC": "lx-amd64",
    # What sites preset for the library that their module brings.
    "OMPI_MCA_pml": "ucx",
    "OPAL_PREFIX": "/nonexistent/openmpi",
    "PRTE_MCA_prte_default_hostfile": "/nonexistent/hosts",
    "PMIX_MCA_psec": "munge",
    "PMIX_MCA_ptl": "usock",
    "HYDRA_HOST_FILE": "/nonexistent/hosts",
    "HYDRA_LAUNCHER": "slurm",
    "FI_PROVIDER": "cxi",
    "UCX_TLS": "rc",
}
JOINED = """
import os
from evolife.ranks.mpi import Mpi
ranks = Mpi()
assert ranks.size == 2
print(os.environ["SLURM_JOB_ID"], os.environ["PBS_JOBID"], flush=True)
ranks.close()
"""


@pytest.mark.mpi
def test_local_ranks_ask_no_batch_system_and_heed_no_sites_preset(
    tmp_path, monkeypatch
):
    for name, value in HOSTILE.items():
        monkeypatch.setenv(name, value)
    home, libraries = tmp_path / "home", tmp_path / "module"
    for part, words in {
        "openmpi": "pml = ucx",
        "prte": "prte_default_hostfile = /nonexistent",
        "pmix": "psec = munge",
    }.items():
        (home / f".{part}").mkdir(parents=True)
        (home / f".{part}" / "mca-params.conf").write_text(f"{words}\n")
    monkeypatch.setenv("HOME", str(home))
    if sys.platform == "linux":
        libraries.mkdir()
        for name in ("libmpi.so.40", "libpmix.so.2", "libprrte.so.3"):
            (libraries / name).write_bytes(b"not for this mpirun")
        monkeypatch.setenv("LD_LIBRARY_PATH", str(libraries))
    process = start(tmp_path, 2, JOINED)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert out.splitlines() == ["7 7.host"] * 2


def test_a_moved_library_keeps_its_own_prefix_and_nothing_else(tmp_path):
    mpirun = tmp_path / "bin" / "mpirun"
    env = {
        "OPAL_PREFIX": str(tmp_path),
        "PRTE_PREFIX": "/elsewhere",
        "OMPI_MCA_pml": "ucx",
    }
    clean = local_environment(mpirun, env)
    assert clean["OPAL_PREFIX"] == str(tmp_path)
    assert "PRTE_PREFIX" not in clean and clean["OMPI_MCA_pml"] == "ob1"
    assert clean["HOME"]


def start(folder, ranks, body, *args):
    """Start ``body`` on local ranks through ``launch_local`` in a process."""
    script = folder / "script.py"
    script.write_text(body)
    return subprocess.Popen(
        [sys.executable, "-c", LAUNCH, str(ranks), str(script), *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


EXIT = """
import sys
from evolife.ranks.mpi import Mpi
ranks = Mpi()
print("out", flush=True)
ranks.close()
sys.exit(int(sys.argv[1:][ranks.rank]))
"""


@pytest.mark.mpi
@pytest.mark.parametrize("codes", ["0 0", "2 2", "0 75"])
def test_exit_codes_come_through_without_chatter(tmp_path, codes):
    process = start(tmp_path, 2, EXIT, *codes.split())
    out, err = process.communicate(timeout=30)
    assert process.returncode == int(codes.split()[1])
    assert out.splitlines() == ["out"] * 2
    assert err == ""


@pytest.mark.mpi
def test_a_rank_killed_from_outside_is_reported(tmp_path):
    body = (
        "import os, signal\n"
        "if os.environ['OMPI_COMM_WORLD_RANK'] == '1':\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "import time; time.sleep(20)\n"
    )
    if "Open MPI" not in subprocess.getoutput(f"{find_mpirun()} --version"):
        pytest.skip("the script asks for Open MPI's variables")
    process = start(tmp_path, 2, body)
    _, err = process.communicate(timeout=15)
    assert process.returncode == 137
    assert "signal 9" in err


RUNNING = """
import os, time
from pathlib import Path
from evolife.errors import Stopped
from evolife.processes.signals import guard
from evolife.processes.placement import place
from evolife.processes.prepare import prepare_process
from evolife.ranks.mpi import open_ranks
prepare_process()
with guard(open_ranks(place().size)) as ranks:
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    path = Path(__file__).parent / f"rank_{ranks.rank}"
    path.with_suffix(".new").write_text(f"{os.getpid()} {os.getppid()} {cores}")
    path.with_suffix(".new").rename(path)
    deadline = time.monotonic() + 20
    while not ranks.stop_requested() and time.monotonic() < deadline:
        time.sleep(0.01)
    raise Stopped("stopped")
"""


def running(folder, ranks):
    """Wait until ``ranks`` ranks run; returns their process ids and the texts."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        files = [folder / f"rank_{rank}" for rank in range(ranks)]
        if all(file.exists() for file in files):
            texts = [file.read_text().split(" ", 2) for file in files]
            return [int(pid) for pid, _, _ in texts], texts
        time.sleep(0.02)
    raise AssertionError("the ranks did not start")


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = subprocess.run(["ps", "-o", "stat=", str(pid)], capture_output=True)
    return not status.stdout.strip().startswith(b"Z") and bool(status.stdout.strip())


def ended_within(pids, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not any(alive(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.mpi
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_to_the_parent_stop_all_ranks_with_75(tmp_path, number):
    process = start(tmp_path, 2, RUNNING)
    pids, texts = running(tmp_path, 2)
    process.send_signal(number)
    _, err = process.communicate(timeout=15)
    assert process.returncode == 75
    assert err == "evolife: stopped\n"
    assert ended_within(pids, 5)
    if sys.platform == "linux" and len(allowed_cores()) in (2, 3):
        cores = {text[2] for text in texts}
        assert len(cores) == 2
        assert all("," not in text for text in cores)


@pytest.mark.mpi
def test_ranks_end_when_the_parent_or_mpirun_is_killed(tmp_path):
    for victim in ("parent", "mpirun"):
        folder = tmp_path / victim
        folder.mkdir()
        process = start(folder, 2, RUNNING)
        pids, texts = running(folder, 2)
        mpirun = int(texts[0][1])
        os.kill(process.pid if victim == "parent" else mpirun, signal.SIGKILL)
        assert ended_within([*pids, mpirun], 5)
        process.communicate(timeout=15)
        assert process.returncode != 0


def test_a_rank_that_starts_after_its_launchers_end_ends_too():
    launcher = subprocess.Popen([sys.executable, "-c", ""])
    launcher.wait()
    code = (
        "import time; from evolife.processes.prepare import prepare_process; "
        "prepare_process(); time.sleep(60)"
    )
    env = {**os.environ, "EVOLIFE_LAUNCHER": str(launcher.pid)}
    orphan = subprocess.run([sys.executable, "-c", code], env=env, timeout=30)
    assert orphan.returncode == -signal.SIGKILL


def test_one_thread_is_set_and_the_users_flags_win(monkeypatch):
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "EVOLIFE_LAUNCHER"):
        monkeypatch.setenv(name, "restored after the test")
        monkeypatch.delenv(name)
    monkeypatch.setenv("MKL_NUM_THREADS", "3")
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=true")
    monkeypatch.setattr("evolife.processes.prepare.place", lambda: None)
    prepare_process()
    given = exact_flags("--xla_cpu_multi_thread_eigen=true")
    flags = f"{given} intra_op_parallelism_threads=1"
    assert os.environ["XLA_FLAGS"] == flags
    assert os.environ["OMP_NUM_THREADS"] == os.environ["OPENBLAS_NUM_THREADS"] == "1"
    assert os.environ["MKL_NUM_THREADS"] == "3"
    prepare_process()
    assert os.environ["XLA_FLAGS"] == flags


CACHED = """
import hashlib, sys
from evolife.processes.prepare import enable_compile_cache, prepare_process
prepare_process()
import jax, jax.numpy as jnp
enable_compile_cache(sys.argv[1] == "0")
@jax.jit
def program(key):
    w = jax.random.normal(key, (64, 64)) / 8
    step = lambda h, k: (jnp.tanh(h @ w) + jax.random.normal(k, h.shape), h.sum())
    return jax.lax.scan(step, jnp.zeros((48, 64)), jax.random.split(key, 50))
leaves = jax.tree.leaves(jax.device_get(program(jax.random.key(0))))
print(hashlib.sha256(b"".join(leaf.tobytes() for leaf in leaves)).hexdigest())
"""


def test_the_compile_cache_gives_the_same_bits_and_only_rank_0_writes(tmp_path):
    def run(rank, cache):
        env = {**os.environ, "EVOLIFE_CACHE": str(cache), "JAX_PLATFORMS": "cpu"}
        env.pop("JAX_COMPILATION_CACHE_DIR", None)
        result = subprocess.run(
            [sys.executable, "-c", CACHED, str(rank)],
            capture_output=True,
            text=True,
            timeout=60,
            env=env,
        )
        assert result.returncode == 0, result.stderr
        assert result.stderr == ""
        return result.stdout, {p.name for p in tmp_path.glob("cache/xla/*/*-cache")}

    cache = tmp_path / "cache"
    fresh, entries = run(1, cache)
    assert not entries
    first, entries = run(0, cache)
    assert any("program" in name for name in entries)
    again, after = run(1, cache)
    assert after == entries
    assert fresh == first == again
    for path in tmp_path.glob("cache/xla/*/*-cache"):
        path.write_bytes(path.read_bytes()[:100])
    damaged, _ = run(0, cache)
    assert damaged == fresh


def test_an_unusable_cache_folder_is_left_alone(tmp_path, monkeypatch):
    import jax

    from evolife.processes.prepare import enable_compile_cache

    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv("EVOLIFE_CACHE", str(file))
    used = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", None)
    try:
        assert enable_compile_cache() is None
    finally:
        jax.config.update("jax_compilation_cache_dir", used)
    assert file.read_text() == ""


def test_output_goes_to_the_log_and_complaints_to_both(tmp_path):
    log = tmp_path / "logs" / "rank_0001.log"
    code = (
        "import os, sys; from pathlib import Path\n"
        "from evolife.processes.logs import complain, redirect_output\n"
        f"redirect_output(Path({str(log)!r}))\n"
        "print('python'); sys.stdout.flush(); os.write(2, b'native\\n')\n"
        "complain('rank 1: trouble')\n"
    )
    for _ in range(2):
        result = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=30
        )
        assert (result.stdout, result.stderr) == ("", "rank 1: trouble\n")
    assert log.read_text() == "python\nnative\nrank 1: trouble\n" * 2


def test_a_log_that_cannot_be_written_is_refused(tmp_path):
    from evolife.processes.logs import redirect_output

    (tmp_path / "logs").write_text("")
    with pytest.raises(InvalidInput, match="cannot write the log"):
        redirect_output(tmp_path / "logs" / "rank_0001.log")


@pytest.mark.mpi
def test_the_users_own_mpirun_joins_the_same_world(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from evolife.processes.signals import guard\n"
        "from evolife.processes.placement import plan_ranks\n"
        "from evolife.ranks.mpi import open_ranks\n"
        "plan = plan_ranks('auto')\n"
        "with guard(open_ranks(plan.ranks)) as ranks:\n"
        "    assert plan.mode == 'join' and ranks.size == plan.ranks == 2\n"
        "    assert ranks.gather_bytes(b'x') == [b'x', b'x']\n"
    )
    root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    result = subprocess.run(
        [str(find_mpirun()), "-n", "2", sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=30,
        stdin=subprocess.DEVNULL,
        env={
            **os.environ,
            **root,
            "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
        },
    )
    assert result.returncode == 0, result.stderr
