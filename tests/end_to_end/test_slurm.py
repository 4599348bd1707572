"""The README's job script under a real Slurm: stopped, requeued, nothing is lost."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.cli_tools import (
    champions,
    digests,
    environment,
    lines_so_far,
    run_here,
    until,
)
from tests.end_to_end import slurm_cluster
from tests.project.test_docs import blocks

BUSY = (
    "control=null",
    "agent.hidden=8",
    "env.pulls=5",
    "population.size=32",
    "population.tile=8",
    "lifetime.steps=1500",
    "lifetime.lives=4",
    "best_of_k.keep=2",
    "best_of_k.lives=16",
    "best_of_k.archive=4",
    "generations=8",
)
"""Generations of long lives, so that a signal finds the run at work."""
_LONG = 300

pytestmark = [
    pytest.mark.skipif(
        bool(slurm_cluster.missing()), reason=slurm_cluster.missing() or "it is there"
    ),
    pytest.mark.mpi,
]


def test_the_readmes_job_is_stopped_requeued_and_ends_as_if_never_stopped(tmp_path):
    (script,) = (b.text for b in blocks("README.md") if "#SBATCH" in b.text)
    script = re.sub(r"--ntasks=\S+ --cpus-per-task=\S+", "-n1 -c2", script)
    script = script.replace("train bandit", " ".join(("train", "bandit", *BUSY)))
    (tmp_path / "job.sh").write_text(script)
    program = tmp_path / "bin" / "evolife"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m evolife "$@"\n')
    program.chmod(0o755)
    env = environment()
    env["PATH"] = f"{program.parent}:{env['PATH']}"
    out = tmp_path / "runs" / "bandit-64"
    with (
        tempfile.TemporaryDirectory(prefix="slurm-") as folder,
        slurm_cluster.cluster(Path(folder)) as variables,
    ):
        env.update(variables)

        def slurm(*words):
            done = subprocess.run(words, env=env, cwd=tmp_path, capture_output=True)
            assert done.returncode == 0, done.stderr
            return done.stdout.decode()

        job = slurm("sbatch", "--parsable", "--output=job.log", "job.sh").strip()
        assert until(lambda: lines_so_far(out) >= 2, _LONG), said(tmp_path)
        slurm("scancel", "--signal=USR1", job)
        waits = f"JobId={job} .*JobState=PENDING .*Restarts=1"
        shown = ("scontrol", "show", "job", "-o", job)
        assert until(lambda: re.search(waits, slurm(*shown)), nap=0.2), said(tmp_path)
        stopped = lines_so_far(out)
        assert stopped < 8 and "with a checkpoint" in said(tmp_path)
        slurm("scontrol", "update", f"JobId={job}", "StartTime=now")
        assert until(lambda: "dashboard:" in said(tmp_path), _LONG), said(tmp_path)
    whole = run_here(
        "train", "bandit", *BUSY, "--ranks", 1, "--out", tmp_path / "whole"
    )
    assert whole.returncode == 0, whole.stderr
    assert digests(out) == digests(tmp_path / "whole")
    assert champions(out) == champions(tmp_path / "whole")


def said(folder):
    """What the job and its steps printed so far."""
    return (folder / "job.log").read_text()
