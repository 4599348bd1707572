"""The way between ranks is timed by the calls that evolution makes."""

import json
import sys

import pytest

from evolife.ranks.base import Serial
from evolife.ranks.network import measure_network
from tests.cli_tools import complaint, run, run_here


def test_one_rank_alone_has_no_network():
    with pytest.raises(ValueError, match="one rank"):
        measure_network(Serial())
    assert "mpirun -n 2 evolife doctor" in complaint(run_here("doctor", "--network"))


@pytest.mark.mpi
def test_the_doctor_times_it_under_a_launcher():
    command = [sys.executable, "-m", "evolife"]
    told = run("doctor", "--network", "--json", ranks=2, command=command)
    assert told.returncode == 0, told.stderr
    report = json.loads(told.stdout)
    assert report["network"]["ranks"] == 2
    assert 0 < report["network"]["latency"] < 1
    assert 1e6 < report["network"]["bandwidth"] < 1e13
    advice = [line for line in report["advice"] if "--latency" in line]
    assert len(advice) == 1 and "--bandwidth" in advice[0]
