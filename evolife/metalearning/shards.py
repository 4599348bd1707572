"""The shards of a meta-batch: each rank works out its own, and all get the rest."""

from typing import Any

import jax
import numpy as np
from jax.flatten_util import ravel_pytree

from evolife.keys import root_key
from evolife.metalearning.gradient_estimator import Carry, GradientEstimator
from evolife.pytrees import digest, from_bytes, rebuild, take_apart, to_bytes
from evolife.ranks.mpi import Ranks, share_of
from evolife.selection import operator as operators
from evolife.selection.operator import Operator


class Worker:
    """Works out this rank's shards and gathers everyone's."""

    def __init__(self, route: GradientEstimator, ranks: Ranks) -> None:
        self._route, self._ranks = route, ranks
        self._programs: dict[int, Any] = {}
        wanted = jax.eval_shape(lambda: operators.init(root_key(0), route.architecture))
        self.size = sum(leaf.size for leaf in wanted)
        shapes = jax.eval_shape(
            lambda key: route.gradient(
                0, operators.init(key, route.architecture), route.begin(0, key), key
            ),
            root_key(0),
        )
        self.names = tuple(sorted(shapes[2]))

    def step(
        self, operator: Operator, carries: list[Carry], key: Any
    ) -> tuple[np.ndarray, list[Carry], list[bytes]]:
        """Rows of all shards, ``(S, P + M)``; what is carried on; all ranks' notes."""
        mine = list(self._ranks.share(self._route.shards))
        fresh = list(carries)
        begun = []
        for shard in mine:
            slope, fresh[shard], told = self._program(shard)(
                operator, carries[shard], jax.random.fold_in(key, shard)
            )
            begun.append((slope, told))
        rows = np.zeros((len(mine), self.size + len(self.names)), np.float32)
        for row, (slope, told) in zip(rows, begun, strict=True):
            row[: self.size] = ravel_pytree(slope)[0]
            row[self.size :] = [told[name] for name in self.names]
        rows, notes = self._ranks.exchange(rows, self._route.shards, digest(operator))
        return rows, fresh, notes

    def _program(self, shard: int) -> Any:
        if shard not in self._programs:
            route = self._route

            def gradient(operator: Operator, carry: Carry, key: Any) -> Any:
                return route.gradient(shard, operator, carry, key)

            self._programs[shard] = jax.jit(gradient)
        return self._programs[shard]


def gathered(carries: tuple[Carry, ...], ranks: Ranks) -> tuple[Carry, ...]:
    """What every shard carries, from the rank that works it out; collective."""
    fresh = list(carries)
    for rank in range(ranks.size):
        for shard in share_of(len(carries), rank, ranks.size):
            leaves = take_apart(carries[shard])
            mine = np.frombuffer(to_bytes(leaves), np.uint8)
            table = np.where(ranks.rank == rank, mine, 0).astype(np.uint8)
            total = ranks.sum_exact(table).tobytes()
            fresh[shard] = rebuild(carries[shard], from_bytes(leaves, total))
    return tuple(fresh)
