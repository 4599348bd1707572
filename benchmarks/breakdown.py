"""Where the time of a step goes: the parts of a life, each alone, on one core.

    python benchmarks/breakdown.py [--rounds 7] [--out FOLDER]

The parts take turns. ``products`` multiplies a batch by the shared matrices and does
nothing else; ``world`` steps the environment with a constant action; ``shared`` lives
with one genome for all, ``low-rank`` with every member's own. The rest of a generation
(propose, exchange, update) is timed by ``evolife plan``.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from machine import describe, keep

from evolife.launching.affinity import allowed_cores, pin
from evolife.launching.process import prepare_process

WORK = {
    "CartPole, MLP-64-64": ("cartpole", "env.trials=null"),
    "CartPole, MLP-128-128": (
        *("cartpole", "env.trials=null", "agent.hidden=[128, 128]"),
    ),
    "oven, GRU-64": ("oven", "agent.hidden=64", "env.delay=100", "lifetime.steps=1000"),
    "bandit, GRU-64": ("bandit", "agent.hidden=64", "lifetime.steps=500"),
}
COMMON = ("population={size: 1024, tile: auto}", "lifetime.lives=1", "control=null")


def parts(config: str, *overrides: str) -> tuple[int, int, dict[str, Callable]]:
    """Tile, steps, and each part as a compiled function of nothing."""
    import jax
    import jax.numpy as jnp

    from evolife import keys, lifetime
    from evolife.config.model import load_config
    from evolife.experiment import build

    experiment = build(load_config(config, [*overrides, *COMMON]))
    agent, world = experiment.agent, experiment.environment
    steps, tile = experiment.config.lifetime.steps, experiment.grid.tile
    genome = agent.init_genome(keys.root_key(0))
    members, key = jnp.arange(tile), keys.root_key(1)
    proposal = experiment.strategy.propose(experiment.newborn(), jnp.int32(0))
    matrices = [leaf for leaf in jax.tree.leaves(genome) if leaf.ndim == 2]
    action = jax.tree.map(
        lambda x: jnp.zeros(x.shape, x.dtype), _action(agent, world, genome)
    )

    def scan(step: Callable, carry: Any) -> Any:
        return jax.lax.fori_loop(0, steps, lambda t, c: step(c, t), carry)

    def multiply(xs: Any, t: Any) -> Any:
        # Each product feeds the next step, so that none can be left out.
        pairs = zip(xs, matrices, strict=True)
        return [x + 1e-3 * (x @ m)[:, :1] for x, m in pairs]

    def stepped(member: Any) -> Any:
        state, _ = world.reset(key)

        def step(carry: Any, t: Any) -> Any:
            state, total = carry
            luck = jax.random.fold_in(jax.random.fold_in(key, member), t)
            state, timestep = world.step(state, action, luck)
            return state, total + timestep.reward + timestep.observation.sum()

        return scan(step, (state, jnp.float32(0)))

    def lived(genome: Any, member: Any) -> Any:
        own = keys.life_key(key, 0, member, 0)
        return lifetime.live(agent, world, genome, own, steps).score

    def low_rank(proposal: Any) -> Any:
        build = experiment.strategy.member
        return jax.vmap(lambda i: lived(build(proposal, i), i))(members)

    begin = [jnp.ones((tile, m.shape[0])) for m in matrices]
    made = {
        "products": (jax.jit(lambda xs: scan(multiply, xs)), begin),
        "world": (jax.jit(jax.vmap(stepped)), members),
        "shared": (jax.jit(jax.vmap(lambda i: lived(genome, i))), members),
        "low-rank": (jax.jit(low_rank), proposal),
    }
    return tile, steps, {name: _bound(*pair) for name, pair in made.items()}


def _action(agent: Any, world: Any, genome: Any) -> Any:
    """The shape of an action."""
    import jax

    from evolife import keys

    key = keys.root_key(0)
    _, timestep = world.reset(key)
    state = agent.init_state(genome, key)
    return jax.eval_shape(agent.step, genome, state, timestep, key)[1]


def _bound(function: Callable, argument: Any) -> Callable:
    import jax

    return lambda: jax.block_until_ready(function(argument))


def measure(work: tuple[str, ...], rounds: int) -> tuple[int, dict[str, list[float]]]:
    """Nanoseconds of a member-step, by part, one number a round."""
    tile, steps, made = parts(*work)
    times: dict[str, list[float]] = {name: [] for name in made}
    for part in made.values():
        part()
    for _ in range(rounds):
        for name, part in made.items():
            begun = time.perf_counter()
            part()
            times[name].append((time.perf_counter() - begun) / (tile * steps) * 1e9)
    return tile, times


def main() -> None:
    """Measure all work and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    prepare_process()
    pin(allowed_cores()[0])
    rows = []
    for name, work in WORK.items():
        tile, times = measure(work, args.rounds)
        cells = " | ".join(
            f"{statistics.median(t):.0f} ({min(t):.0f} .. {max(t):.0f})"
            for t in times.values()
        )
        pairs = zip(times["shared"], times["low-rank"], strict=True)
        share = statistics.median(a / b for a, b in pairs)
        rows.append(f"| {name} | {tile} | {cells} | {share:.2f} |")
    lines = [
        "# Where the time of a step goes",
        "",
        f"`python benchmarks/breakdown.py`: nanoseconds of one member's step on one "
        f"core, median of {args.rounds} rounds (smallest .. largest). {describe()}.",
        "",
        "| work | tile | products | world | shared genome | low-rank "
        "| shared / low-rank |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        *rows,
    ]
    keep(lines, args.out, "breakdown.md")


if __name__ == "__main__":
    main()
