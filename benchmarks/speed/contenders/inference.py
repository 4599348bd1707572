"""The limit: batched inference of one genome that all lives share, and nothing else."""

import time
from collections.abc import Callable
from typing import Any

from protocol import Team, options, serve

from evolife.processes.prepare import enable_compile_cache, prepare_process

_BATCHES = (32, 64, 128, 256, 512, 1024)


def lives_of(settings: dict[str, Any]) -> tuple[Callable[[int, int], None], int, int]:
    """Return what lives all members in batches of some size, and K and T."""
    import jax
    import jax.numpy as jnp

    from evolife import keys
    from evolife.config.model import load_config
    from evolife.engine import lifetime
    from evolife.plugins.build import build_run

    config = load_config(settings["config"], settings["overrides"])
    experiment = build_run(config).experiment
    agent, environment = experiment.agent, experiment.environment
    steps, size = config.lifetime.steps, config.population.size
    genome = agent.init_genome(keys.root_key(0))
    pool = keys.pool_key(0, keys.Pool.EVOLVE)

    @jax.jit
    def batch(genome: Any, generation: Any, members: Any) -> Any:
        def life(member: Any) -> Any:
            key = keys.life_key(pool, generation, member, 0)
            return lifetime.live(agent, environment, genome, key, steps).score

        return jax.vmap(life)(members)

    def live(generation: int, width: int) -> None:
        parts = jnp.arange(size).reshape(-1, width)
        jax.block_until_ready([batch(genome, generation, part) for part in parts])

    return live, size, steps


def fastest(live: Callable[[int, int], None], size: int) -> int:
    """The batch that is fastest here: the limit is not to depend on our choice."""
    taken: dict[int, float] = {}
    for width in [width for width in _BATCHES if size % width == 0]:
        live(0, width)
        begun = time.perf_counter()
        live(0, width)
        taken[width] = time.perf_counter() - begun
    return min(taken, key=lambda width: taken[width]) if taken else size


def main() -> None:
    """Serve rounds until the harness hangs up."""
    settings = options()
    prepare_process()
    team = Team()
    enable_compile_cache()
    live, size, steps = lives_of(settings)
    width = fastest(live, size)

    def run(count: int) -> int:
        for generation in range(count):
            live(generation, width)
        return count * size * steps

    serve(run, team, settings["seconds"], lambda: {"tile": width})


if __name__ == "__main__":
    main()
