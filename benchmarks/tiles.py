"""Whether the bits of a life depend on how many members one program lives.

    python benchmarks/tiles.py [--out FOLDER]

Every agent in two worlds, its members lived in tiles of 4, 16, 32 and 128, under XLA's
default arithmetic and, in a process of its own, with consistent arithmetic.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from machine import describe, keep

TILES = (4, 16, 32, 128)
SIZE, STEPS = 128, 40
WORLDS = {
    "bandit": ("env.pulls=40",),
    "mover": (),
}
FLAGS = {
    "default": "",
    "consistent": "--xla_cpu_enable_platform_dependent_math=false",
}


def scores(world: str, agent: str, tile: int) -> Any:
    """``(K, lives)`` returns and late rewards of the first generation."""
    import numpy as np

    from evolife import keys
    from evolife.config.model import load_config
    from evolife.engine.work import Task
    from evolife.plugins.build import build_run
    from evolife.ranks.base import Serial

    words = [
        *(f"agent={{name: {agent}}}", "control=null", f"lifetime.steps={STEPS}"),
        *(f"population={{size: {SIZE}, tile: {tile}}}", "lifetime.lives=1"),
        *WORLDS[world],
    ]
    made = build_run(load_config(world, words)).experiment
    asked = made.strategy.ask(made.newborn(), np.int32(0))
    task = Task(asked, keys.pool_key(0, keys.Pool.EVOLVE), np.int32(0))
    lived = made.evaluator.live(made.grid, task, Serial())
    return np.stack([lived.scores, lived.gathered.late], axis=-1)


def differing() -> dict[str, dict[str, float]]:
    """The part of numbers that differ from those of the largest tile."""
    from evolife.plugins import registry

    found: dict[str, dict[str, float]] = {}
    for world in WORLDS:
        for agent in registry.names("agents"):
            like = scores(world, agent, TILES[-1])
            parts = {
                str(tile): float((scores(world, agent, tile) != like).mean())
                for tile in TILES[:-1]
            }
            found[f"{agent} in {world}"] = parts
            print(agent, world, parts, file=sys.stderr, flush=True)
    return found


def main() -> None:
    """Measure under each setting in a process of its own, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.here:
        from evolife.processes.prepare import prepare_process

        prepare_process()
        print(json.dumps(differing()))
        return
    told = {}
    for name, flags in FLAGS.items():
        env = {**os.environ, "XLA_FLAGS": flags}
        command = [sys.executable, __file__, "--here"]
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True)
        told[name] = json.loads(done.stdout)
    head = [f"{name}: tile {tile}" for name in FLAGS for tile in TILES[:-1]]
    lines = [
        *("# Whether bits depend on the tile", ""),
        f"`python benchmarks/tiles.py`: the part of {2 * SIZE} numbers (return and "
        f"late reward of {SIZE} members, T = {STEPS}) that differ from those of tile "
        f"{TILES[-1]}. {describe()}",
        "",
        f"| agent | {' | '.join(head)} |",
        f"| --- |{' ---: |' * len(head)}",
    ]
    for row in told["default"]:
        cells = [f"{told[n][row][str(t)]:.0%}" for n in FLAGS for t in TILES[:-1]]
        lines.append(f"| {row} | {' | '.join(cells)} |")
    keep(lines, args.out, "tiles.md")


if __name__ == "__main__":
    main()
