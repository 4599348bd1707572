"""A sweep as a Slurm array: the script, and what its tasks do."""

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest

from evolife.storage.sweep_folder import SweepFolder, read_entries
from evolife.storage.sweep_status import standings
from evolife.sweeps.prepare import make, prepare
from evolife.sweeps.slurm import MOST_TASKS, script
from evolife.sweeps.spec import Slurm
from tests.cli_tools import complaint, environment, run, run_here
from tests.paths import DATA
from tests.sweep_tools import SMALL, write_sweep

GOLDEN = DATA / "sweep.sbatch"
SETTINGS = Slurm(
    ntasks=64,
    time="02:00:00",
    partition="cpu",
    account="p123",
    setup=["module load openmpi", "source ~/venv/bin/activate"],
    options=["--constraint=amd"],
)


def golden():
    folder = Path("/scratch/me/runs/sweep of mine")
    command = ["/usr/bin/python3", "-m", "evolife"]
    return script(SETTINGS, "agents", folder, [0, 2, 3, 7], command, most=3)


def test_the_script_is_the_golden_one():
    """Look at the difference, and where it is meant, write the file anew."""
    assert golden() == GOLDEN.read_text()


def test_bash_can_read_the_script():
    subprocess.run(["bash", "-n"], input=golden(), text=True, check=True)


@pytest.mark.parametrize("count", [1, 999, 1000, 1001, 2500])
def test_every_line_is_run_once_by_arrays_of_any_size(count, tmp_path):
    """The loop of each task, run by bash with srun replaced by an echo."""
    lines = [7 * i for i in range(count)]
    text = script(Slurm(), "many", tmp_path, lines, ["true"])
    tasks = min(count, MOST_TASKS)
    assert f"#SBATCH --array=0-{tasks - 1}\n" in text
    loop = text.replace("srun", 'echo "${@}"')
    whole = f"for SLURM_ARRAY_TASK_ID in $(seq 0 {tasks - 1}); do (\n{loop}\n) done"
    told = subprocess.run(["bash", "-e"], input=whole, text=True, capture_output=True)
    assert told.returncode == 0, told.stderr
    found = [int(line.rpartition(" ")[2]) for line in told.stdout.splitlines()]
    assert sorted(found) == lines


def cluster(folder, body):
    """A folder of programs that stand for Slurm's; returns what finds them first."""
    folder.mkdir()
    programs = {"sbatch": body, "srun": '#!/bin/bash\nexec "$@"\n'}
    for name, text in programs.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755 | stat.S_IXUSR)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


RUNS_ALL = """#!/bin/bash
# Runs all tasks of an array one after the other, each as far as it comes.
last=$(sed -n 's/^#SBATCH --array=0-\\([0-9]*\\).*/\\1/p' "$1")
for task in $(seq 0 "$last"); do
  SLURM_ARRAY_TASK_ID=$task bash "$1" 1>&2
done
echo "Submitted batch job 4711"
"""


@pytest.mark.slow
def test_tasks_run_the_sweep_and_a_second_array_only_what_is_missing(tmp_path):
    parameters = {"agent.hidden": {"values": [[3], [4]]}}
    path, out = write_sweep(tmp_path, parameters), tmp_path / "out"
    prepared = prepare(str(path), SMALL)
    mine = make(prepared.sweep, out).run(prepared.entries[1].run).path / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("precious")
    extra = cluster(tmp_path / "bin", RUNS_ALL)
    words = ("sweep", path, *SMALL, "--out", out, "--launcher", "slurm", "--json")
    first = run(*words, extra=extra)
    assert first.returncode == 1, first.stderr
    report = json.loads(first.stdout)
    assert report["job"] == "4711" and report["states"] == {"done": 1, "failed": 1}
    folder = SweepFolder(out)
    found = {s.entry.run: s for s in standings(folder, read_entries(folder))}
    (failed,) = (s for s in found.values() if s.state == "failed")
    assert "is not empty and holds no run" in failed.message
    again = run(*words, extra=extra)
    assert again.returncode == 1
    lines = next(
        line
        for line in (out / "sweep.sbatch").read_text().splitlines()
        if line.startswith("lines=")
    )
    missing = [e.run for e in read_entries(folder)].index(failed.entry.run)
    assert lines == f"lines=({missing})"


def test_without_slurm_the_script_is_there_to_take_along(tmp_path):
    words = ("--out", tmp_path / "out", "--launcher", "slurm")
    only_python = {"PATH": str(Path(environment()["PATH"].split(":")[0]))}
    result = run("sweep", write_sweep(tmp_path, {"seed": {"value": 1}}), *words,
                 extra=only_python)  # fmt: skip
    assert "no sbatch here; the script is written" in complaint(result)
    assert (tmp_path / "out" / "sweep.sbatch").read_text().startswith("#!/usr/bin/env")


def test_sbatch_says_why_it_refuses(tmp_path):
    extra = cluster(tmp_path / "bin", "#!/bin/bash\necho no such queue >&2\nexit 1\n")
    words = ("--out", tmp_path / "out", "--launcher", "slurm")
    path = write_sweep(tmp_path, {"seed": {"value": 1}})
    result = run("sweep", path, *words, extra=extra)
    assert "no such queue" in complaint(result, code=1)


def test_what_decides_on_the_way_is_no_array(tmp_path):
    metric = {"name": "fitness/mean"}
    rule = {"metric": metric, "early_terminate": {"min_iter": 1}}
    path = write_sweep(tmp_path, {"seed": {"value": 1}}, **rule)
    result = run_here("sweep", path, "--out", tmp_path / "out", "--launcher", "slurm")
    assert "which an array cannot" in complaint(result)
