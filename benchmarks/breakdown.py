"""Where the time of a step goes: the parts of a life, each alone, on one core.

    python benchmarks/breakdown.py [--rounds 7] [--out FOLDER]

The parts take turns. ``products`` multiplies a batch by the shared matrices and does
nothing else; ``world`` steps the environment with one action after the other;
``shared`` lives with one genome for all, ``low-rank`` with every member's own. What a
generation costs beside its lives is told by generation.py.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from machine import describe, keep

from evolife.processes.affinity import allowed_cores, pin
from evolife.processes.prepare import prepare_process

WORK = {
    "CartPole, MLP-64-64": ("cartpole", "env.trials=null"),
    "CartPole, MLP-128-128": (
        *("cartpole", "env.trials=null", "agent.hidden=[128, 128]"),
    ),
    "oven, GRU-64": ("oven", "agent.hidden=64", "env.delay=100", "lifetime.steps=1000"),
    "bandit, GRU-64": ("bandit", "agent.hidden=64", "lifetime.steps=500"),
}
PLASTIC = (
    *("cartpole", "env.trials=null", "lifetime.steps=100"),
    "agent={name: hebbian, hidden: [64, 64]}",
)
TILES = (4, 16, 64, 256, 1024)
COMMON = ("population={size: 1024, tile: auto}", "lifetime.lives=1", "control=null")


def prepared(config: str, *overrides: str) -> Any:
    """The experiment that a bundled config with changes describes."""
    from evolife.config.model import load_config
    from evolife.plugins.build import build_run

    return build_run(load_config(config, [*COMMON, *overrides])).experiment


def parts(experiment: Any) -> dict[str, Callable]:
    """Each part of a tile's lives as a compiled function of nothing."""
    import jax
    import jax.numpy as jnp

    from evolife import keys

    members = jnp.arange(experiment.grid.tile)
    genome = experiment.agent.init_genome(keys.root_key(0))
    matrices = [leaf for leaf in jax.tree.leaves(genome) if leaf.ndim == 2]
    begin = [jnp.ones((len(members), m.shape[0])) for m in matrices]
    shared = jax.vmap(lambda i: _lived(experiment, genome, i))
    made = {
        "products": (partial(_multiplied, experiment, matrices), begin),
        "world": (jax.vmap(partial(_stepped, experiment)), members),
        "shared": (shared, members),
    }
    bound = {name: _bound(jax.jit(part), given) for name, (part, given) in made.items()}
    return bound | {"low-rank": low_rank(experiment)}


def low_rank(experiment: Any) -> Callable:
    """A tile of members with a genome each, as a compiled function of nothing."""
    import jax
    import jax.numpy as jnp

    strategy = experiment.strategy
    proposal = strategy.ask(experiment.newborn(), jnp.int32(0))
    members = jnp.arange(experiment.grid.tile)

    def lived(proposal: Any) -> Any:
        member = strategy.member
        return jax.vmap(lambda i: _lived(experiment, member(proposal, i), i))(members)

    return _bound(jax.jit(lived), proposal)


def _lived(experiment: Any, genome: Any, member: Any) -> Any:
    """The score of one life."""
    from evolife import keys
    from evolife.engine import lifetime

    agent, world = experiment.agent, experiment.environment
    key = keys.life_key(keys.root_key(1), 0, member, 0)
    return lifetime.live(agent, world, genome, key, _steps(experiment)).score


def _multiplied(experiment: Any, matrices: list[Any], begin: list[Any]) -> Any:
    """Products with the shared matrices, and nothing else."""
    import jax

    def multiply(_: Any, xs: Any) -> Any:
        # Each product feeds the next step, so that none can be left out.
        pairs = zip(xs, matrices, strict=True)
        return [x + 1e-3 * (x @ m)[:, :1] for x, m in pairs]

    return jax.lax.fori_loop(0, _steps(experiment), multiply, begin)


def _stepped(experiment: Any, member: Any) -> Any:
    """The world alone, with actions that depend on the step only."""
    import jax
    import jax.numpy as jnp

    from evolife import keys

    world, key = experiment.environment, keys.root_key(1)
    space = world.spec.action_space

    def step(t: Any, carry: Any) -> Any:
        state, total = carry
        state, timestep = world.step(
            state, _action(space, t), jax.random.fold_in(mine, t)
        )
        return state, total + timestep.reward + timestep.observation.sum()

    # A task of its own for each member: equal ones would be worked out only once.
    mine = jax.random.fold_in(key, member)
    begin = world.reset(mine)[0], jnp.float32(0)
    return jax.lax.fori_loop(0, _steps(experiment), step, begin)


def _steps(experiment: Any) -> int:
    steps: int = experiment.settings.steps
    return steps


def _action(space: Any, t: Any) -> Any:
    """An action for step t: every choice in turn, numbers from low to high.

    With one that never changes, worlds would be worked out when they are compiled.
    """
    import jax.numpy as jnp

    from evolife.base import Both, Discrete

    if isinstance(space, Both):
        return _action(space.discrete, t), _action(space.continuous, t)
    if isinstance(space, Discrete):
        return (t % space.size).astype(jnp.int32)
    part = (t % 8).astype(jnp.float32) / 8
    return jnp.full(space.size, space.low + (space.high - space.low) * part)


def _bound(function: Callable, argument: Any) -> Callable:
    import jax

    return lambda: jax.block_until_ready(function(argument))


def measure(made: dict[str, Callable], rounds: int) -> dict[str, list[float]]:
    """Seconds of each part, one number a round; parts take turns."""
    times: dict[str, list[float]] = {name: [] for name in made}
    for part in made.values():
        part()
    for _ in range(rounds):
        for name, part in made.items():
            begun = time.perf_counter()
            part()
            times[name].append(time.perf_counter() - begun)
    return times


def step_rows(rounds: int) -> list[str]:
    """Nanoseconds of a member's step, by part."""
    rows = []
    for name, work in WORK.items():
        experiment = prepared(*work)
        tile = experiment.grid.tile
        times = measure(parts(experiment), rounds)
        scale = 1e9 / (tile * _steps(experiment))
        cells = " | ".join(_spread([t * scale for t in ts]) for ts in times.values())
        pairs = zip(times["shared"], times["low-rank"], strict=True)
        share = statistics.median(a / b for a, b in pairs)
        rows.append(f"| {name} | {tile} | {cells} | {share:.2f} |")
    return rows


def tile_rows(rounds: int) -> list[str]:
    """Nanoseconds of a plastic member's step and the bytes it goes through, by tile."""
    built = {tile: prepared(*PLASTIC, f"population.tile={tile}") for tile in TILES}
    made = {str(tile): low_rank(experiment) for tile, experiment in built.items()}
    times = measure(made, rounds)
    rows = []
    for tile, experiment in built.items():
        scale = 1e9 / (tile * _steps(experiment))
        touched = tile * _touched(experiment) / 2**20
        cell = _spread([t * scale for t in times[str(tile)]])
        rows.append(f"| {tile} | {touched:.2f} | {cell} |")
    return rows


def _touched(experiment: Any) -> int:
    """Bytes that one member reads or writes at every step and shares with nobody."""
    import jax

    from evolife import keys

    agent, key = experiment.agent, keys.root_key(0)
    genome = jax.eval_shape(agent.init_genome, key)
    state = jax.tree.leaves(jax.eval_shape(agent.init_state, genome, key))
    return 4 * (experiment.strategy.member_size + sum(leaf.size for leaf in state))


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.0f} ({min(values):.0f} .. {max(values):.0f})"


def main() -> None:
    """Measure all work and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    prepare_process()
    pin(allowed_cores()[0])
    lines = [
        "# Where the time of a step goes",
        "",
        f"`python benchmarks/breakdown.py`: nanoseconds of one member's step on one "
        f"core, median of {args.rounds} rounds (smallest .. largest). {describe()}.",
        "",
        "| work | tile | products | world | shared genome | low-rank "
        "| shared / low-rank |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        *step_rows(args.rounds),
        "",
        "Hebbian agent, H = 64: every member has weights of its own, which each step "
        "reads for the products and then changes.",
        "",
        "| tile | MB that the tile's members touch at every step | ns |",
        "| ---: | ---: | ---: |",
        *tile_rows(args.rounds),
    ]
    keep(lines, args.out, "breakdown.md")


if __name__ == "__main__":
    main()
