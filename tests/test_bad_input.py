"""Bad input of every kind: one clear message, no traceback, nothing harmed."""

import json
import os
import resource
import shutil
import subprocess
import sys

import pytest

from tests.cli_tools import (
    TINY,
    champions,
    complaint,
    descendants,
    digests,
    environment,
    lines_so_far,
    needs_mpi,
    run,
    started,
    tree,
    until,
)

STRANGER = '''
"""An agent that acts otherwise than any environment asks."""
import dataclasses
import jax.numpy as jnp
from evolife.base import Agent

@dataclasses.dataclass(frozen=True)
class Stranger(Agent):
    idea = "none"
    reads_reward = False
    def init_genome(self, key):
        return {"w": jnp.zeros(3)}
    def init_state(self, genome, key):
        return ()
    def step(self, genome, state, timestep, key):
        return state, jnp.zeros(4)
'''
# Runs many commands in one process, as the shell would run each: JAX starts once.
BATCH = """
import contextlib, io, json, os, sys, tempfile, traceback
from evolife.cli import main
results = []
for argv in json.load(sys.stdin):
    files = [tempfile.TemporaryFile("w+") for _ in range(2)]
    saved = [os.dup(1), os.dup(2)]
    for number, file in enumerate(files, start=1):
        os.dup2(file.fileno(), number)
    try:
        code = main(argv)
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush(), sys.stderr.flush()
    for number, old in enumerate(saved, start=1):
        os.dup2(old, number)
        os.close(old)
    for file in files:
        file.seek(0)
    results.append([code, *(file.read() for file in files)])
json.dump(results, sys.stdout)
"""


def config_cases(at):
    """Arguments that make a bad config, and words the message must hold."""
    return {
        "unknown key": (["populaton.size=8"], ["populaton", "mean 'population'"]),
        "unknown nested key": (["population.tyle=8"], ["population.tyle", "'tile'"]),
        "unknown setting": (["agent.hiden=8"], ["agent.hiden", "'hidden'"]),
        "unknown setting of strategy": (["strategy.sgma=1"], ["sgma", "'sigma'"]),
        "wrong type": (["generations=many"], ['generations = "many"', "integer"]),
        "text for a truth": (["record.tensorboard=yes"], ["record.tensorboard", "yes"]),
        "a number for a section": (["population=3"], ["population = 3"]),
        "fraction": (["population.size=2.5"], ["population.size = 2.5", "integer"]),
        "nan": (["strategy.sigma=.nan"], ["strategy.sigma", "finite"]),
        "infinite": (["strategy.learning_rate=.inf"], ["learning_rate", "finite"]),
        "negative": (["lifetime.steps=-5"], ["lifetime.steps = -5", "at least 1"]),
        "negative setting": (["strategy.sigma=-1"], ["strategy.sigma = -1", "above 0"]),
        "zero": (["generations=0"], ["generations = 0", "at least 1"]),
        "too little archive": (["best_of_k.archive=1"], ["archive (1)", "keep (2)"]),
        "no override": (["generations"], ["'generations'", "key=value"]),
        "empty key": (["=3"], ["'=3'", "key=value"]),
        "broken value": (["agent={name: gru"], ["agent={name: gru", "not valid YAML"]),
        "unknown env": (["env.name=bandot"], ["bandot", "mean 'bandit'"]),
        "unknown agent": (["agent.name=grue"], ["grue", "mean 'gru'"]),
        "unknown strategy": (["strategy.name=CMAES"], ["CMAES", "mean 'CMA_ES'"]),
        "unknown selection": (["selection.name=rank"], ["rank", "centered_rank"]),
        "unknown agent of the control": (["control.agent.name=no"], ["control.agent"]),
        "life too short": (["lifetime.steps=2"], ["a life of 2 steps", "env.pulls"]),
        "no plugins there": (["--plugins", f"{at}/none"], [f"{at}/none"]),
        "agent that does not fit": (
            ["--plugins", f"{at}/plugins", "agent={name: stranger}"],
            ["agent Stranger in environment Bandit", "float32[4]", "int32[]"],
        ),
        "ranks 0": (["--ranks", "0"], ["--ranks 0", "1 or more"]),
        "ranks -1": (["--ranks", "-1"], ["--ranks -1", "1 or more"]),
        "ranks 1.5": (["--ranks", "1.5"], ["'1.5'", "auto"]),
        "unknown option": (["--rnks", "1"], ["--rnks", "--help"]),
        "existing run": (["--out", f"{at}/run"], ["already holds a run", "--resume"]),
        "folder with other files": (["--out", f"{at}/plugins"], ["not empty"]),
        "file in the way": (["--out", f"{at}/file"], ["is a file", "--out"]),
        "folder below a file": (["--out", f"{at}/file/run"], ["--out DIR"]),
        "folder that cannot be": (["--out", "/proc/run"], ["/proc/run", "--out"]),
        "name too long": (["--out", f"{at}/" + "x" * 300], ["too long"]),
        "out and resume": (["--resume", f"{at}/run", "--out", "x"], ["--out"]),
    }


def command_cases(at):
    """Whole command lines that make no sense, and words the message must hold."""
    evaluate, resume = ["evaluate", f"{at}/run"], ["train", "--ranks", "1", "--resume"]
    return {
        "no command": ([], ["COMMAND"]),
        "dashes only": (["--"], ["COMMAND"]),
        "unknown command": (["trian", "bandit"], ["'trian'", "mean 'train'"]),
        "train nothing": (["train"], ["needs a config"]),
        "list nothing": (["list", "cats"], ["'cats'", "agents"]),
        "describe nothing": (["describe"], ["config"]),
        "no such config": (["train", "bandir"], ["bandir", "mean 'bandit'"]),
        "config name too long": (["train", "x" * 5000], ["too long"]),
        "missing file": (["train", f"{at}/none.yaml"], ["none.yaml", "no such file"]),
        "folder as config": (["train", f"{at}/run"], ["cannot be read"]),
        "config of bytes": (["train", f"{at}/bytes.yaml"], ["bytes.yaml:2", "UTF-8"]),
        "broken config": (["train", f"{at}/broken.yaml"], ["broken.yaml:3", "YAML"]),
        "empty config": (["train", f"{at}/empty.yaml"], ["is empty"]),
        "resume nothing": ([*resume, f"{at}/rnu"], ["no run folder", "mean 'run'"]),
        "resume no run": ([*resume, f"{at}/plugins"], ["holds no config.yaml"]),
        "other seed": ([*resume, f"{at}/run", "seed=1"], ["another config", "--out"]),
        "other config": ([*resume, f"{at}/run", "demo"], ["another config"]),
        "other control": (
            [*resume, f"{at}/controlled", "control.agent.hidden=[5]"],
            ["controlled/control was made by another config"],
        ),
        "fewer generations": (
            [*resume, f"{at}/run", "generations=1"],
            ["generations = 1", "has lived 2", "at least 2"],
        ),
        "other archive": (
            [*resume, f"{at}/run", "best_of_k.archive=9"],
            ["checkpoint of another config", "archive"],
        ),
        "checkpoint of another config": (
            [*resume, f"{at}/swapped"],
            ["another config"],
        ),
        "config cut off": ([*resume, f"{at}/cut-config"], ["cut-config/config.yaml:"]),
        "manifest cut off": ([*resume, f"{at}/cut-manifest"], ["manifest", "damaged"]),
        "metrics altered": ([*resume, f"{at}/metrics"], ["metrics.jsonl, line 1"]),
        "no champions": (
            ["evaluate", f"{at}/unfinished"],
            ["no champions", "--resume"],
        ),
        "champions cut off": (["evaluate", f"{at}/cut-champions"], ["cannot be read"]),
        "champions strange": (["evaluate", f"{at}/strange"], ["champions", "damaged"]),
        "agent cut off": (["evaluate", f"{at}/cut-agent"], ["agent_001", "be read"]),
        "agent missing": (["evaluate", f"{at}/no-agent"], ["agent_002", "be read"]),
        "evaluate nothing": (["evaluate", f"{at}/none"], ["no run folder"]),
        "one life": ([*evaluate, "--lives", "1"], ["--lives 1", "interval"]),
        "negative lives": ([*evaluate, "--lives", "-5"], ["--lives -5"]),
        "too many lives": ([*evaluate, "--lives", "10000000000"], ["--lives 100000"]),
        "lives of words": ([*evaluate, "--lives", "few"], ["--lives", "'few'"]),
        "no steps": ([*evaluate, "--steps", "0"], ["steps = 0", "at least 1"]),
        "too few steps": ([*evaluate, "--steps", "3"], ["a life of 3 steps"]),
        "unknown world": ([*evaluate, "--env", "ovne"], ["ovne", "mean 'oven'"]),
        "world too long": ([*evaluate, "--env", "x" * 5000], ["too long"]),
        "world in no file": ([*evaluate, "--env", f"{at}/no.yaml"], ["cannot be read"]),
        "world not finite": ([*evaluate, "--env", f"{at}/nan.yaml"], ["finite"]),
        "world of other sizes": (
            [*evaluate, "--env", "{name: bandit, arms: 7}"],
            ["agent_001.safetensors holds", "evolved as"],
        ),
        "unknown change": ([*evaluate, "agent.hiden=2"], ["hiden", "'hidden'"]),
    }


BASE = ("train", "bandit", *TINY, "--ranks", "1")
CASES = [*config_cases(""), *command_cases("")]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """Two runs, spoilt copies of them, and files that are no configs."""
    at = tmp_path_factory.mktemp("bad")
    control = "control={agent: {name: reflex, hidden: [4]}}"
    for name, more in (("run", ()), ("controlled", (control,))):
        done = run(*BASE, "generations=2", *more, "--out", at / name)
        assert done.returncode == 0, done.stderr
    spoil(at)
    (at / "plugins" / "agents").mkdir(parents=True)
    (at / "plugins" / "agents" / "stranger.py").write_text(STRANGER)
    (at / "file").write_text("precious")
    (at / "bytes.yaml").write_bytes(b"name: x\nclaim: \xff\n")
    (at / "broken.yaml").write_text("name: x\nenv: {name: bandit\n")
    (at / "empty.yaml").write_text("# nothing\n")
    (at / "nan.yaml").write_text("env: {name: bandit, arms: .nan}\n")
    return at


def spoil(at):
    """Copies of a run, each of which lacks or holds something it should not."""
    names = ("swapped", "cut-config", "cut-manifest", "metrics", "unfinished")
    more = ("cut-champions", "strange", "cut-agent", "no-agent", "cut-checkpoint")
    for name in (*names, *more):
        shutil.copytree(at / "run", at / name)
    other = at / "controlled" / "control" / "checkpoints" / "gen_000002"
    shutil.rmtree(at / "swapped" / "checkpoints" / "gen_000002")
    shutil.copytree(other, at / "swapped" / "checkpoints" / "gen_000002")
    shutil.rmtree(at / "unfinished" / "champions")
    (at / "strange" / "champions" / "champions.json").write_text('{"champions": [{}]}')
    (at / "no-agent" / "champions" / "agent_002.safetensors").unlink()
    line = (at / "metrics" / "metrics.jsonl").read_text()
    (at / "metrics" / "metrics.jsonl").write_text("{" + line)
    halve(at / "cut-config" / "config.yaml", at / "cut-manifest" / "manifest.json")
    halve(at / "cut-champions" / "champions" / "champions.json")
    halve(at / "cut-agent" / "champions" / "agent_001.safetensors")
    halve(at / "cut-checkpoint" / "checkpoints" / "gen_000002" / "arrays.npz")


def halve(*paths):
    for path in paths:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def contents(folder):
    """What users keep: everything but the file that only holds a lock."""
    return {name: hash for name, hash in tree(folder).items() if ".lock" not in name}


@pytest.fixture(scope="module")
def outcomes(workplace):
    """Every case's code, stdout and stderr; and the disk as it was before and after."""
    commands = {
        **{
            name: ([*BASE, "--out", f"{workplace}/new", *words], told)
            for name, (words, told) in config_cases(workplace).items()
        },
        **command_cases(workplace),
    }
    before = contents(workplace)
    done = subprocess.run(
        [sys.executable, "-c", BATCH],
        input=json.dumps([words for words, _ in commands.values()]),
        capture_output=True,
        text=True,
        timeout=300,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr
    results = [
        subprocess.CompletedProcess(words, *outcome)
        for (words, _), outcome in zip(
            commands.values(), json.loads(done.stdout), strict=True
        )
    ]
    told = [words for _, words in commands.values()]
    return dict(zip(commands, zip(results, told, strict=True), strict=True)), before


@pytest.mark.parametrize("name", CASES)
def test_bad_input_gets_one_clear_message(outcomes, name):
    result, words = outcomes[0][name]
    told = complaint(result)
    assert result.stdout == ""
    for word in words:
        assert word in told


def test_nothing_on_disk_was_harmed(outcomes, workplace):
    assert contents(workplace) == outcomes[1]


def test_checkpoints_that_are_all_damaged_fail_the_work(workplace):
    folder = workplace / "cut-checkpoint"
    before = contents(folder)
    told = complaint(run("train", "--resume", folder, "--ranks", 1), code=1)
    assert "no valid checkpoint is left" in told
    assert str(folder / "checkpoints" / "gen_000002") in told
    assert contents(folder) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    told = complaint(run(*BASE, "--out", tmp_path / "run"))
    assert "Permission denied" in told and "--out" in told


@needs_mpi
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["env.name=bandot"], "mean 'bandit'"),
        (["strategy.sigma=-1", "--ranks", 2], "above 0"),
        (["--out", "{at}/run", "--ranks", 2], "already holds a run"),
        (["--resume", "{at}/metrics", "--ranks", 2], "metrics.jsonl, line 1"),
    ],
)
def test_two_ranks_complain_once(workplace, words, told):
    words = [str(word).format(at=workplace) for word in words]
    before = contents(workplace)
    base = (
        ("train", "--resume", words[1])
        if words[0] == "--resume"
        else ("train", "bandit", *TINY)
    )
    own = (
        () if "--out" in words or "--resume" in words else ("--out", workplace / "new")
    )
    rest = words[2:] if words[0] == "--resume" else words
    inside = 2 if "--ranks" not in words else 0
    result = run(*base, *own, *rest, ranks=inside)
    assert result.returncode == 2
    assert result.stderr.count(told) == 1
    assert "Traceback" not in result.stderr
    assert contents(workplace) == before


@needs_mpi
def test_ranks_that_contradict_the_launcher_are_refused(tmp_path):
    result = run("train", "bandit", "--ranks", 3, "--out", tmp_path / "run", ranks=2)
    assert result.returncode == 2
    assert result.stderr.count("--ranks 3 contradicts Open MPI's mpirun") == 1
    assert not (tmp_path / "run").exists()


def limited():
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def test_a_disk_that_is_full_from_the_start_is_left_as_it_was(tmp_path):
    result = run(*BASE, "--out", tmp_path / "run", preexec_fn=limited)
    told = complaint(result, code=1)
    assert "free some space" in told and str(tmp_path / "run") in told
    assert [*tmp_path.iterdir()] == []


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs Linux")
@pytest.mark.parametrize("ranks", [1, pytest.param(2, marks=needs_mpi)])
def test_a_disk_that_fills_up_ends_the_work_and_it_can_go_on(tmp_path, ranks):
    folder, whole = tmp_path / "run", tmp_path / "whole"
    busy = ("train", "bandit", *TINY, "lifetime.steps=2000", "checkpoint.every=2")
    words = (*busy, "generations=1000000", "--ranks", ranks)
    with started(*words, "--out", folder) as work:
        assert until(lambda: lines_so_far(folder) > 4)
        size = (folder / "metrics.jsonl").stat().st_size + 100
        for pid in (work.pid, *descendants(work.pid)):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        out, err = work.communicate(timeout=60)
    told = complaint(subprocess.CompletedProcess(words, work.returncode, out, err), 1)
    assert "cannot write" in told and "free some space" in told
    done = max(int(path.name[4:]) for path in (folder / "checkpoints").glob("gen_*"))
    assert done >= 2
    goal = f"generations={done + 3}"
    again = run("train", "--resume", folder, goal, "--ranks", ranks)
    assert again.returncode == 0, again.stderr
    assert run(*busy, goal, "--ranks", 1, "--out", whole).returncode == 0
    assert digests(folder) == digests(whole)
    assert champions(folder) == champions(whole)
