"""evolife on CartPole until its centre balances the pole on fresh episodes."""

import jax
import numpy as np
from ours import Evolution, joined
from protocol import options

settings = options()
ranks, team = joined(settings)

from evolife import keys, lifetime, noise  # noqa: E402  (after the process is prepared)


def main() -> None:
    """Answer with the generation whose centre passes."""
    evolution = Evolution(settings, ranks)
    experiment = evolution.experiment
    pool = keys.pool_key(experiment.config.seed, keys.Pool.EVALUATE)

    @jax.jit
    def score(strategy: object, generation: np.int32) -> jax.Array:
        genome = noise.materialise(experiment.strategy.centre(strategy))

        def episode(number: jax.Array) -> jax.Array:
            key = keys.life_key(pool, generation, 0, number)
            lived = lifetime.live(
                experiment.agent, experiment.environment, genome, key, 500
            )
            return lived.score

        return jax.vmap(episode)(np.arange(settings["episodes"])).mean()

    for step in evolution.steps:
        # Every rank measures the same lives: that costs less than telling the others.
        mean = float(score(step.progress.strategy, np.int32(step.generation)))
        if mean >= settings["solved"]:
            team.answer(generation=step.generation, score=mean)
            break
    ranks.close()


if __name__ == "__main__":
    main()
