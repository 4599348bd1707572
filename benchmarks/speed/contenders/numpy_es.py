"""OpenAI-ES by hand with NumPy and mpi4py, vectorised over the members of a rank."""

import os

# Threads are chosen before NumPy is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from collections.abc import Callable
from typing import Any

import numpy as np
from mpi4py import MPI
from protocol import Team, options, serve

Weights = list[tuple[np.ndarray, np.ndarray]]
Rollout = Callable[[Weights, np.random.Generator], tuple[np.ndarray, int]]
_SIGMA, _RATE = 0.1, 0.02


class OpenES:
    """Each rank draws its own members and their noise; ranks add up their gradients."""

    def __init__(self, settings: dict[str, Any], rollout: Rollout) -> None:
        self.comm = MPI.COMM_WORLD
        self.rank, self.size = self.comm.Get_rank(), self.comm.Get_size()
        _keep_to_a_core(self.rank, self.size)
        self.sizes = (4, *settings["hidden"], 2)
        self.mine = settings["population"] // self.size
        self.rollout, self.generation = rollout, 0
        self.mean = np.random.default_rng(0).normal(
            0, 0.1, sum((m + 1) * n for m, n in self._shapes())
        )
        self.mean = self.mean.astype(np.float32)

    def run(self, count: int) -> int:
        """Evolve ``count`` generations; return the steps all ranks took."""
        return sum(self._generation() for _ in range(count))

    def _generation(self) -> int:
        rng = np.random.default_rng((self.generation, self.rank))
        half = rng.standard_normal((self.mine // 2, self.mean.size), np.float32)
        noise = np.concatenate([half, -half])
        members = self.mean + _SIGMA * noise
        fitness, steps = self.rollout(self._weights(members), rng)
        everyone = np.empty((self.size, self.mine), np.float32)
        self.comm.Allgather(fitness.astype(np.float32), everyone)
        ranks = everyone.ravel().argsort().argsort() / (everyone.size - 1) - 0.5
        weights = ranks.reshape(everyone.shape)[self.rank].astype(np.float32)
        ascent = np.empty_like(self.mean)
        self.comm.Allreduce(weights @ noise, ascent)
        self.mean += _RATE / (everyone.size * _SIGMA) * ascent
        self.generation += 1
        return int(self.comm.allreduce(steps))

    def _shapes(self) -> list[tuple[int, int]]:
        return list(zip(self.sizes[:-1], self.sizes[1:], strict=True))

    def _weights(self, members: np.ndarray) -> Weights:
        """``(n, inputs, outputs)`` matrices and ``(n, 1, outputs)`` biases."""
        layers, start = [], 0
        for m, n in self._shapes():
            end = start + m * n
            matrix = np.ascontiguousarray(members[:, start:end]).reshape(-1, m, n)
            layers.append((matrix, members[:, end : end + n].reshape(-1, 1, n)))
            start = end + n
        return layers


def lives(settings: dict[str, Any]) -> Rollout:
    """CartPole for all members at once, episode after episode, T steps each."""
    steps = settings["steps"]

    def rollout(weights: Weights, rng: np.random.Generator) -> tuple[np.ndarray, int]:
        members = len(weights[0][0])
        state = rng.uniform(-0.05, 0.05, (members, 4)).astype(np.float32)
        alive, scores = np.ones(members, bool), np.zeros(members, np.float32)
        for _ in range(steps):
            x = state[:, None, :]
            for matrix, bias in weights[:-1]:
                x = np.tanh(x @ matrix + bias)
            output = (x @ weights[-1][0] + weights[-1][1])[:, 0]
            state = _cartpole(state, output[:, 1] > output[:, 0])
            fallen = (np.abs(state[:, 0]) > 2.4) | (np.abs(state[:, 2]) > 0.2094395)
            scores += alive
            alive &= ~fallen
            if fallen.any():
                fresh = rng.uniform(-0.05, 0.05, (int(fallen.sum()), 4))
                state[fallen] = fresh
        return scores, members * steps

    return rollout


def _cartpole(state: np.ndarray, right: np.ndarray) -> np.ndarray:
    """One step of the dynamics of Barto, Sutton and Anderson (1983), by Euler."""
    x, speed, angle, spin = state.T
    force = np.where(right, np.float32(10), np.float32(-10))
    cos, sin = np.cos(angle), np.sin(angle)
    push = (force + 0.05 * spin**2 * sin) / 1.1
    turn = (9.8 * sin - cos * push) / (0.5 * (4 / 3 - 0.1 * cos**2 / 1.1))
    pull = push - 0.05 * turn * cos / 1.1
    moved = (x + 0.02 * speed, speed + 0.02 * pull)
    return np.stack([*moved, angle + 0.02 * spin, spin + 0.02 * turn], axis=1)


def _keep_to_a_core(rank: int, size: int) -> None:
    if size > 1 and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[rank % len(cores)]})


def main(rollout_of: Callable[[dict[str, Any]], Rollout] = lives) -> None:
    """Serve rounds until the harness hangs up."""
    settings = options()
    es = OpenES(settings, rollout_of(settings))
    team = Team(es.rank, settings.get("pipes", ()))
    serve(es.run, team, settings["seconds"], lambda: {"version": np.__version__})


if __name__ == "__main__":
    main()
