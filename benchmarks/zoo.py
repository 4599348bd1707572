"""What a step of each agent and of each environment costs, alone, on one core.

    python benchmarks/zoo.py [--parts agents worlds] [--rounds 5] [--out FOLDER]

Agents live on the bandit, which costs next to nothing: with a genome each (low-rank),
and with one genome for all, which is the limit. That a step costs the same late in life
is shown by lives that are eight times as long.
"""

import argparse
import dataclasses
import math
from pathlib import Path
from statistics import median
from typing import Any

from breakdown import low_rank, measure, parts, prepared
from machine import describe, keep

from evolife.plugins.files import load
from evolife.plugins.registry import names
from evolife.processes.affinity import allowed_cores, pin
from evolife.processes.prepare import prepare_process

SIZES, STEPS, LONGER = (32, 64), 500, 8
WORLDS = {
    "bandit": ("bandit",),
    "digits": ("digits", "lifetime.steps=500"),
    "digits, real": ("digits", "env={name: digits, task: digits}"),
    "gymnax CartPole-v1": ("cartpole", "env.trials=null"),
    "mover": ("mover",),
    "oven": ("oven", "env.delay=100", "lifetime.steps=1000"),
    "recall": ("recall",),
    "tabular_mdp": ("tabular_mdp",),
}


def agent(name: str, hidden: int) -> str:
    """The override for an agent of so many hidden units."""
    fields = {field.name: field for field in dataclasses.fields(load("agents", name))}
    several = isinstance(fields["hidden"].default, tuple)
    return f"agent={{name: {name}, hidden: {[hidden] if several else hidden}}}"


def agent_row(name: str, hidden: int, rounds: int) -> str:
    """Rates with own genomes and with a shared one, state bytes, and late in life."""
    words = ("bandit", agent(name, hidden))
    short = prepared(*words, f"lifetime.steps={STEPS}")
    long = prepared(*words, f"lifetime.steps={STEPS * LONGER}")
    tile = short.grid.tile
    shared = parts(short)["shared"]
    made = {"own": low_rank(short), "shared": shared, "long": low_rank(long)}
    times = measure(made, rounds)
    rate = {
        kind: tile * STEPS / median(times[kind]) / 1e6 for kind in ("own", "shared")
    }
    ratios = sorted(
        limit / own for limit, own in zip(times["shared"], times["own"], strict=True)
    )
    late = median(
        long / own / LONGER
        for long, own in zip(times["long"], times["own"], strict=True)
    )
    return (
        f"| {name} | {hidden} | {tile} | {rate['own']:.2f} | {rate['shared']:.2f} "
        f"| {median(ratios):.2f} ({ratios[0]:.2f} .. {ratios[-1]:.2f}) | {late:.2f} "
        f"| {_state_bytes(short):,} |"
    )


def world_row(name: str, rounds: int) -> str:
    """Rate of the environment with one action after the other, and its state."""
    experiment = prepared(*WORLDS[name])
    times = measure({"world": parts(experiment)["world"]}, rounds)["world"]
    steps = experiment.grid.tile * experiment.settings.steps
    rates = sorted(steps / t / 1e6 for t in times)
    size = _bytes(_shapes(experiment.environment.reset))
    return (
        f"| {name} | {experiment.grid.tile} | {median(rates):.1f} "
        f"({rates[0]:.1f} .. {rates[-1]:.1f}) | {size:,} |"
    )


def _shapes(function: Any, *given: Any) -> Any:
    import jax

    from evolife import keys

    return jax.eval_shape(function, *given, keys.root_key(0))


def _state_bytes(experiment: Any) -> int:
    agent = experiment.agent
    return _bytes(_shapes(agent.init_state, _shapes(agent.init_genome)))


def _bytes(tree: Any) -> int:
    import jax

    leaves = jax.tree.leaves(tree)
    return sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in leaves)


def agents_page(rounds: int) -> list[str]:
    """What a step of each agent costs."""
    agents = [(name, size) for name in sorted(names("agents")) for size in SIZES]
    return [
        "# What a step of each agent costs",
        "",
        f"`python benchmarks/zoo.py --parts agents`: one core, medians of {rounds} "
        f"rounds (smallest .. largest). {describe()}.",
        "",
        f"Agents on the bandit, T = {STEPS}, million steps a second: every member "
        f"with its own genome, and all with one, the limit; then the time of a step in "
        f"lives {LONGER} times as long, over that in these.",
        "",
        "| agent | hidden | tile | own genomes | one genome | of the limit "
        "| longer lives | bytes of state |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        *(agent_row(name, size, rounds) for name, size in agents),
    ]


def worlds_page(rounds: int) -> list[str]:
    """What a step of each environment costs, with nobody in it."""
    return [
        "# What a step of each environment costs",
        "",
        f"`python benchmarks/zoo.py --parts worlds`: one core, medians of {rounds} "
        f"rounds (smallest .. largest), million steps a second. {describe()}.",
        "",
        "| environment | tile | steps | bytes of state |",
        "| --- | ---: | ---: | ---: |",
        *(world_row(name, rounds) for name in WORLDS),
    ]


PAGES = {"agents": agents_page, "worlds": worlds_page}


def main() -> None:
    """Measure all and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--parts", nargs="+", choices=PAGES, default=list(PAGES))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    prepare_process()
    pin(allowed_cores()[0])
    for part in args.parts:
        keep(PAGES[part](args.rounds), args.out, f"zoo_{part}.md")


if __name__ == "__main__":
    main()
