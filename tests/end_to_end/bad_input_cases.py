"""Bad input of every kind, and the words that its message must hold."""

import shutil

STRANGER = '''
"""An agent that acts otherwise than any environment asks."""
import dataclasses
import jax.numpy as jnp
from evolife.base import Agent

@dataclasses.dataclass(frozen=True)
class Stranger(Agent):
    hidden: int = 8
    idea = "none"
    reads_reward = False
    def init_genome(self, key):
        return {"w": jnp.zeros(3)}
    def init_state(self, genome, key):
        return ()
    def step(self, genome, state, timestep, key):
        return state, jnp.zeros(4)
'''


def config_cases(at):
    """Arguments that make a bad config, and words the message must hold."""
    return {
        "unknown key": (["populaton.size=8"], ["populaton", "mean 'population'"]),
        "unknown setting": (["agent.hiden=8"], ["agent.hiden", "'hidden'"]),
        "wrong type": (["generations=many"], ['generations = "many"', "integer"]),
        "negative setting": (["strategy.sigma=-1"], ["strategy.sigma = -1", "above 0"]),
        "no override": (["generations"], ["'generations'", "key=value"]),
        "unknown env": (["env.name=bandot"], ["bandot", "mean 'bandit'"]),
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
        "ranks by a slip": (["--ranks", "100000"], ["--ranks 100000", "a core"]),
        "ranks 1.5": (["--ranks", "1.5"], ["'1.5'", "auto"]),
        "unknown option": (["--rnks", "1"], ["--rnks", "--help"]),
        "existing run": (["--out", f"{at}/run"], ["already holds a run", "--resume"]),
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
        "broken config": (["train", f"{at}/broken.yaml"], ["broken.yaml:3", "YAML"]),
        "resume nothing": ([*resume, f"{at}/rnu"], ["no run folder", "mean 'run'"]),
        "other seed": (
            [*resume, f"{at}/run", "seed=1"],
            ["seed was 0, now is 1", "--out"],
        ),
        "other config": ([*resume, f"{at}/run", "demo"], ["another config", "was"]),
        "other control": (
            [*resume, f"{at}/run", "control.agent.hidden=[5]"],
            ["run/control was made by another config"],
        ),
        "fewer generations": (
            [*resume, f"{at}/run", "generations=1"],
            ["generations = 1", "has lived 4", "at least 4"],
        ),
        "other archive": (
            [*resume, f"{at}/run", "best_of_k.archive=9"],
            ["checkpoint of another config", "archive"],
        ),
        "config cut off": ([*resume, f"{at}/cut-config"], ["cut-config/config.yaml:"]),
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
        "too many lives": ([*evaluate, "--lives", "10000000000"], ["--lives 100000"]),
        "lives of words": ([*evaluate, "--lives", "few"], ["--lives", "'few'"]),
        "no steps": ([*evaluate, "--steps", "0"], ["steps = 0", "from 1 to"]),
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


def spoil(at):
    """Copies of a run, each of which lacks or holds something it should not."""
    names = ("cut-config", "metrics", "unfinished", "cut-champions")
    more = ("strange", "cut-agent", "no-agent", "cut-checkpoint")
    for name in (*names, *more):
        shutil.copytree(at / "run", at / name)
    shutil.rmtree(at / "unfinished" / "champions")
    (at / "strange" / "champions" / "champions.json").write_text('{"champions": [{}]}')
    (at / "no-agent" / "champions" / "agent_002.safetensors").unlink()
    line = (at / "metrics" / "metrics.jsonl").read_text()
    (at / "metrics" / "metrics.jsonl").write_text("{" + line)
    halve(at / "cut-config" / "config.yaml")
    halve(at / "cut-champions" / "champions" / "champions.json")
    halve(at / "cut-agent" / "champions" / "agent_001.safetensors")
    halve(at / "cut-checkpoint" / "checkpoints" / "gen_000004" / "arrays.npz")


def halve(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
