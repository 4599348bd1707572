"""OpenAI-ES with NumPy and mpi4py over a Python loop of single environments."""

from typing import Any

import gymnasium
import numpy as np
from numpy_es import Rollout, Weights, main


def episodes(settings: dict[str, Any]) -> Rollout:
    """One episode of Gymnasium's CartPole a member, ended when the pole falls."""
    environment = gymnasium.make("CartPole-v1", max_episode_steps=settings["steps"])

    def rollout(weights: Weights, rng: np.random.Generator) -> tuple[np.ndarray, int]:
        scores = np.zeros(len(weights[0][0]))
        for member in range(len(scores)):
            layers = [(matrix[member], bias[member, 0]) for matrix, bias in weights]
            x, _ = environment.reset(seed=int(rng.integers(2**31)))
            done = False
            while not done:
                for matrix, bias in layers[:-1]:
                    x = np.tanh(x @ matrix + bias)
                action = int((x @ layers[-1][0] + layers[-1][1]).argmax())
                x, reward, ended, cut, _ = environment.step(action)
                scores[member] += float(reward)
                done = ended or cut
        return scores, int(scores.sum())

    return rollout


if __name__ == "__main__":
    main(episodes)
