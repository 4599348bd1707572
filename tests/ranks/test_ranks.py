"""Ranks: sharing, exact exchange, stops and failures, in real worlds under mpirun."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from evolife.errors import EvolifeError, InvalidInput, Stopped
from evolife.processes.signals import guard, stop_on_signals
from evolife.ranks.mpi import Serial, open_ranks, share_of

LAUNCH = (
    "import sys; from evolife.processes.mpirun import launch_local; "
    "sys.exit(launch_local(int(sys.argv[1]), [], [sys.executable, sys.argv[2]]))"
)
PRELUDE = """
import os, signal, sys, threading, time
from pathlib import Path
import numpy as np
from evolife.errors import EvolifeError, InvalidInput, Stopped
from evolife.processes.signals import guard
from evolife.processes.placement import place
from evolife.ranks.mpi import Serial, open_ranks, share_of
here = Path(__file__).parent
ranks = open_ranks(place().size)
def done(text="done"):
    (here / f"rank_{ranks.rank}").write_text(str(text))
"""


def run_world(folder, size, body):
    """Run ``body`` on every rank of a world; returns the process and their texts."""
    script = folder / "script.py"
    script.write_text(PRELUDE + body)
    result = subprocess.run(
        [sys.executable, "-c", LAUNCH, str(size), str(script)],
        capture_output=True,
        text=True,
        timeout=40,
        stdin=subprocess.DEVNULL,
    )
    return result, [path.read_text() for path in sorted(folder.glob("rank_*"))]


def test_shares_partition_the_units_and_are_balanced():
    for units in range(41):
        for size in range(1, 14):
            shares = [share_of(units, rank, size) for rank in range(size)]
            assert [unit for share in shares for unit in share] == list(range(units))
            lengths = [len(share) for share in shares]
            assert max(lengths) - min(lengths) <= 1


def test_a_rank_alone_gets_its_own_bits_and_no_alias():
    ranks = open_ranks(1)
    rows = np.array([[1.0], [-0.0], [np.nan]], np.float32)
    everyone, notes = ranks.exchange(rows, 3, b"note")
    assert everyone.tobytes() == rows.tobytes()
    assert notes == [b"note"]
    assert not np.shares_memory(everyone, rows)
    assert ranks.gather_bytes(b"xy") == [b"xy"]
    assert ranks.broadcast_bytes(b"payload") == b"payload"
    assert not np.signbit(ranks.sum_exact(np.array(-0.0))).any()


def test_rows_that_are_not_this_ranks_share_are_refused():
    with pytest.raises(ValueError, match="holds 3 of 3 units, but 2 rows"):
        Serial().exchange(np.zeros((2, 4)), 3)


EXCHANGES = """
def table(units):
    bits = np.random.default_rng(units).integers(0, 2**32, (units, 3), np.uint32)
    return bits.view(np.float32)   # NaN payloads, infinities and denormals among them
with guard(ranks):
    assert ranks.size == place().size
    for units in (0, 1, 2, 4, 7, 11, 64, 3001):
        mine = table(units)[list(ranks.share(units))]
        everyone, notes = ranks.exchange(mine, units, b"%03d" % ranks.rank)
        assert everyone.tobytes() == table(units).tobytes()
        assert everyone.shape == (units, 3) and everyone.dtype == np.float32
        assert notes == [b"%03d" % rank for rank in range(ranks.size)]
        everyone[:] = 0.0   # writable, and nobody else's
        flat = np.arange(units, dtype=np.int64)[list(ranks.share(units))]
        assert ranks.exchange(flat, units)[0].tolist() == list(range(units))
    everyone = list(range(ranks.size))
    assert ranks.gather_bytes(bytes([ranks.rank])) == [bytes([r]) for r in everyone]
    for length in (0, 1, 1_000_003):
        payload = np.random.default_rng(5).bytes(length)
        assert ranks.broadcast_bytes(payload if ranks.rank == 0 else None) == payload
    for units in (1, 2, 9, 1000):
        whole = table(units)
        mine = np.isin(np.arange(units), ranks.share(units))[:, None]
        part = np.where(mine, whole, -0.0)
        total = ranks.sum_exact(part.astype(np.float32))
        assert total.tobytes() == Serial().sum_exact(whole).tobytes()
        assert total.shape == whole.shape
    assert ranks.sum_exact(np.float32(ranks.rank == 0)).shape == ()
    assert not ranks.stop_requested()
    done()
"""


@pytest.mark.mpi
@pytest.mark.parametrize("size", [2, 3, 5])
def test_every_rank_gets_the_same_bits_in_unit_order(tmp_path, size):
    result, texts = run_world(tmp_path, size, EXCHANGES)
    assert result.returncode == 0, result.stderr
    assert texts == ["done"] * size
    assert result.stderr == ""


STOPS = """
askers = {askers}
with guard(ranks):
    ranks.gather_bytes(b"")
    if ranks.rank in askers:
        ranks.request_stop()
        assert ranks.stop_requested()
    deadline = time.monotonic() + 10
    while not ranks.stop_requested():
        assert time.monotonic() < deadline
        time.sleep(0.001)
    assert ranks.gather_bytes(b"ok") == [b"ok"] * ranks.size
    if ranks.rank == 0:
        time.sleep({pause})   # a slow checkpoint must not look like a failure
    done()
    raise Stopped("stopped at generation 7")
"""


@pytest.mark.mpi
@pytest.mark.parametrize(
    ("size", "askers", "pause"), [(2, {1}, 0), (3, {0}, 2.5), (5, {1, 2, 3, 4}, 0)]
)
def test_a_stop_asked_anywhere_reaches_all(tmp_path, size, askers, pause):
    body = STOPS.format(askers=askers, pause=pause)
    result, texts = run_world(tmp_path, size, body)
    assert result.returncode == 75, result.stderr
    assert texts == ["done"] * size
    assert result.stderr == "evolife: stopped at generation 7\n"


WAITING = """
with guard(ranks):
    if ranks.rank == 1:
        kill = lambda: os.kill(os.getpid(), signal.SIGTERM)
        threading.Timer(0.3, kill).start()
        before = time.process_time()
        ranks.gather_bytes(b"")
        assert ranks.stop_requested()
        done(time.process_time() - before)
    else:
        deadline = time.monotonic() + 10
        while not ranks.stop_requested():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(1.5)
        ranks.gather_bytes(b"")
        done(0)
"""


@pytest.mark.mpi
def test_a_waiting_rank_hears_signals_tells_others_and_leaves_its_core(tmp_path):
    result, texts = run_world(tmp_path, 2, WAITING)
    assert result.returncode == 0, result.stderr
    assert len(texts) == 2
    assert max(float(text) for text in texts) < 0.75


FAILURES = """
with guard(ranks):
    ranks.gather_bytes(b"")
    if ranks.rank == 1:
        {failure}
    ranks.gather_bytes(b"")
    done()
"""


@pytest.mark.mpi
@pytest.mark.parametrize(
    ("failure", "code", "message"),
    [
        ("raise RuntimeError('boom ' * 2)", 1, "RuntimeError: boom boom"),
        ("raise InvalidInput('bad file')", 2, "rank 1: bad file"),
    ],
)
def test_a_failure_of_one_rank_ends_all_with_its_message(
    tmp_path, failure, code, message
):
    started = time.monotonic()
    result, texts = run_world(tmp_path, 3, FAILURES.format(failure=failure))
    assert time.monotonic() - started < 20
    assert result.returncode == code
    assert texts == []
    assert result.stderr.count(message) == 1
    assert result.stderr.startswith("rank 1: ")
    assert ("Traceback" in result.stderr) == ("Runtime" in failure)
    assert "MPI_ABORT" not in result.stderr
    assert "prterun" not in result.stderr


@pytest.mark.mpi
def test_a_failure_of_all_ranks_is_shown_once(tmp_path):
    body = "with guard(ranks):\n    raise InvalidInput('unknown key')\n"
    result, _ = run_world(tmp_path, 3, body)
    assert result.returncode == 2
    assert result.stderr == "evolife: unknown key\n"


@pytest.mark.mpi
def test_different_failures_are_all_shown(tmp_path):
    body = "with guard(ranks):\n    raise EvolifeError(f'from {ranks.rank}')\n"
    result, _ = run_world(tmp_path, 2, body)
    assert result.returncode == 1
    assert sorted(result.stderr.splitlines()) == ["evolife: from 0", "rank 1: from 1"]


@pytest.mark.mpi
def test_a_world_of_one_under_a_launcher_of_four_is_refused(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from evolife.errors import InvalidInput\n"
        "from evolife.processes.signals import report_and_exit\n"
        "from evolife.processes.placement import place\n"
        "from evolife.ranks.mpi import open_ranks\n"
        "try:\n    open_ranks(place().size)\n"
        "except InvalidInput as error:\n    report_and_exit(error)\n"
    )
    told = {"MV2_COMM_WORLD_SIZE": "4", "MV2_COMM_WORLD_RANK": "0"}
    result = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=40,
        env={**os.environ, **told},
    )
    assert result.returncode == 2
    assert "started 4 ranks, but MPI finds a world of 1" in result.stderr
    assert "pip install 'evolife[mpi]'" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_guard_gives_a_lone_rank_the_exit_code_and_message(capfd):
    for error in (Stopped("a"), InvalidInput("a"), EvolifeError("a")):
        with pytest.raises(SystemExit) as caught, guard(Serial()):
            raise error
        assert caught.value.code == error.exit_code
        assert capfd.readouterr().err == "evolife: a\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_signals_ask_for_a_stop_and_handlers_return(number):
    ranks, before = Serial(), signal.getsignal(number)
    with stop_on_signals(ranks):
        assert not ranks.stop_requested()
        os.kill(os.getpid(), number)
        assert ranks.stop_requested()
        assert signal.getsignal(number) is not before
    assert signal.getsignal(number) is before


def test_a_second_interrupt_is_immediate():
    with pytest.raises(KeyboardInterrupt), stop_on_signals(Serial()):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
