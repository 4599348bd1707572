"""Backprop through generations of evolution on differentiable tasks."""

import dataclasses
from typing import Annotated, Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from annotated_types import Ge, Gt, Le

from evolife.base import Array, Key
from evolife.metalearning.gradients import all_finite, clipped, zeros_like
from evolife.metalearning.on_functions import OnFunctions
from evolife.metalearning.tasks.episodes import Episode, choose
from evolife.selection.operator import Operator


class Carried(NamedTuple):
    """What a shard carries: its searches, and how often it has been asked."""

    episodes: Episode
    """Stacked over the shard's tasks."""
    windows: Array
    """``()`` int32, how many windows came before."""


@dataclasses.dataclass(frozen=True)
class Unrolled(OnFunctions):
    """Truncated backprop through time, where time is generations (Werbos 1990).

    The gap of a generation is log10 of f(centre) over f(start). Searches go on from
    window to window, and gradients do not: windows shorter than a search teach haste.
    """

    idea: ClassVar[str] = "the gap after some generations, by backprop through them"

    final: Annotated[float, Ge(0), Le(1)] = 0.5
    """Part of the loss that is the window's last gap; the rest is the mean gap."""
    task_clip: Annotated[float, Gt(0)] = 1.0
    """Longest gradient of a single task: some searches are chaotic."""

    def begin(self, shard: int, key: Key) -> Carried:
        """Searches that have not been asked for anything yet."""
        return Carried(self.start(shard, key), jnp.int32(0))

    def gradient(
        self, shard: int, operator: Operator, carry: Carried, key: Key
    ) -> tuple[Operator, Carried, dict[str, Array]]:
        """Mean over tasks of each one's gradient, none longer than ``task_clip``."""
        one = self.search(shard)
        limit = self.limit(carry.windows)

        def of_task(episode: Episode, key: Key) -> tuple[Any, ...]:
            over = episode.generation >= limit
            episode = choose(over, one.begin(key), episode)

            def loss(operator: Operator) -> tuple[Array, Any]:
                after, gaps = one.window(episode, operator, self.window)
                mean, last = jnp.mean(gaps), gaps[-1]
                return self.final * last + (1 - self.final) * mean, (after, last)

            (value, (after, last)), slope = jax.value_and_grad(loss, has_aux=True)(
                operator
            )
            sound = jnp.isfinite(value) & all_finite(slope)
            # A search that was lost is given up: its next window is of another task.
            ended = jnp.where(sound, after.generation, jnp.int32(self.length))
            after = after._replace(generation=ended)
            slope = clipped(choose(sound, slope, zeros_like(slope)), self.task_clip)
            return slope, after, jnp.where(sound, value, 0), last, sound

        keys = jax.random.split(key, self.tasks)
        slopes, after, values, last, sound = jax.vmap(of_task)(carry.episodes, keys)
        count = jnp.maximum(1, jnp.sum(sound))
        slope = jax.tree.map(lambda x: jnp.sum(x, axis=0) / count, slopes)
        told = {
            "loss": jnp.sum(values) / count,
            "gap": jnp.sum(jnp.where(sound, last, 0)) / count,
            "lost": jnp.mean(~sound),
        }
        return slope, Carried(after, carry.windows + 1), told
