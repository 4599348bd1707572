"""Searches on drawn functions in fixed shards: what routes over generations share."""

import dataclasses
import functools
from typing import Annotated, Any, ClassVar

import jax
import jax.numpy as jnp
from annotated_types import Ge, Le, Len

from evolife.base import Array, Key
from evolife.keys import root_key
from evolife.metalearning.gradient_estimator import GradientEstimator
from evolife.metalearning.tasks.draw import Ranges, check_families
from evolife.metalearning.tasks.episodes import Episode, Search, search
from evolife.metalearning.tasks.functions import families
from evolife.selection import operator as operators
from evolife.selection.operator import Operator
from evolife.selection.shaping.learned import Learned

_JUDGED = 32
"""Tasks of each shard's shape that operators are compared on while they are trained."""


@dataclasses.dataclass(frozen=True)
class OnFunctions(Ranges, GradientEstimator):
    """Searches on drawn functions, in windows, each shard with its own D and N."""

    strategy: Annotated[str, Len(1)] = "SNES"
    """Algorithm of evosax whose selection is trained."""
    dimensions: Annotated[tuple[Annotated[int, Ge(2), Le(1000)], ...], Len(1)] = (
        *(2, 5, 10, 20),
    )
    """D of each shard."""
    members: Annotated[tuple[Annotated[int, Ge(2), Le(4096)], ...], Len(1)] = (
        *(8, 16, 16, 32),
    )
    """N of each shard."""
    tasks: Annotated[int, Ge(1)] = 16
    """Tasks in each shard."""
    families: Annotated[tuple[str, ...], Len(1)] = families("train")
    """Families of functions that tasks are drawn from."""
    window: Annotated[int, Ge(1)] = 50
    """Generations between two updates of the operator."""
    length: Annotated[int, Ge(1)] = 50
    """Generations of a search, after which another task is drawn."""
    growth: Annotated[int, Ge(0)] = 0
    """Windows after which searches are a window longer; 0: whole from the start."""

    def __post_init__(self) -> None:
        """Refuse what cannot be trained on.

        Raises:
            ValueError: unknown families, shards of unequal description, or a window
                longer than a search.
        """
        check_families(self.families, smooth=self.needs_gradients)
        if len(self.dimensions) != len(self.members):
            raise ValueError(
                f"dimensions has {len(self.dimensions)} entries and members "
                f"{len(self.members)}: give each shard one of both"
            )
        if self.window > self.length:
            raise ValueError(f"window = {self.window}: at most length = {self.length}")

    needs_gradients: ClassVar[bool] = True

    @property
    def shards(self) -> int:
        """One for each entry of ``dimensions``."""
        return len(self.dimensions)

    @functools.cached_property
    def _learned(self) -> Learned:
        with jax.ensure_compile_time_eval():
            fresh = operators.init(root_key(0), self.architecture)
        return Learned("", self.architecture, fresh)

    def search(self, shard: int, names: tuple[str, ...] | None = None) -> Search:
        """The shard's search, on its own families or on others."""
        sizes = self.dimensions[shard], self.members[shard]
        ranges = Ranges(*(getattr(self, f.name) for f in dataclasses.fields(Ranges)))
        return search(
            self.strategy, *sizes, self._learned, names or self.families, ranges
        )

    def start(self, shard: int, key: Key) -> Episode:
        """Searches, one a task, that will be renewed at different times."""
        episodes = jax.vmap(self.search(shard).begin)(jax.random.split(key, self.tasks))
        phase = jnp.arange(self.tasks) * (self.length // self.window) // self.tasks
        # Not yet lived so far: only the moment of their renewal is spread.
        return episodes._replace(generation=(phase * self.window).astype(jnp.int32))

    def limit(self, windows: Array) -> Array:
        """Generations of a search so far into training."""
        if not self.growth:
            return jnp.int32(self.length)
        grown = self.window * (1 + windows // self.growth)
        return jnp.minimum(grown, self.length).astype(jnp.int32)

    def validate(self, operator: Operator) -> Array:
        """Minus the mean final gap on the validation families; larger is better."""
        names = families("validation")
        scores = []
        for shard in range(self.shards):
            one = self.search(shard, names)
            keys = jax.random.split(jax.random.fold_in(root_key(1), shard), _JUDGED)

            def final(key: Key, one: Search = one) -> Array:
                return one.window(one.begin(key), operator, self.length)[1][-1]

            scores.append(-jnp.mean(jax.vmap(final)(keys)))
        return jnp.mean(jnp.stack(scores))

    def described(self) -> dict[str, Any]:
        """The families of each split."""
        return {
            "families": list(self.families),
            "validation families": list(families("validation")),
            "test families": list(families("test")),
        }
