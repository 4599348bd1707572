"""evolife on CartPole until its centre balances the pole on fresh episodes."""

from collections.abc import Callable
from typing import Any

from ours import Evolution, joined
from protocol import options


def scorer(experiment: Any, episodes: int) -> Callable[[Any, int], float]:
    """Return what gives a strategy's centre its mean return on fresh episodes."""
    import jax
    import numpy as np

    from evolife import keys, perturbations
    from evolife.engine import lifetime

    agent, environment = experiment.agent, experiment.environment
    pool = keys.pool_key(experiment.settings.seed, keys.Pool.EVALUATE)
    steps = experiment.settings.steps

    @jax.jit
    def score(strategy: Any, generation: Any) -> jax.Array:
        genome = perturbations.materialise(experiment.strategy.centre(strategy))

        def episode(number: jax.Array) -> jax.Array:
            key = keys.life_key(pool, generation, 0, number)
            return lifetime.live(agent, environment, genome, key, steps).score

        return jax.vmap(episode)(np.arange(episodes)).mean()

    return lambda strategy, generation: float(score(strategy, np.int32(generation)))


def main() -> None:
    """Answer with the generation whose centre passes."""
    settings = options()
    ranks, team = joined(settings)
    evolution = Evolution(settings, ranks)
    score = scorer(evolution.experiment, settings["episodes"])
    for step in evolution.steps:
        # Every rank measures the same lives: that costs less than telling the others.
        mean = score(step.progress.strategy, step.generation)
        if mean >= settings["solved"]:
            team.answer(generation=step.generation, score=mean)
            break
    ranks.close()


if __name__ == "__main__":
    main()
