"""Drawn candidates of a best-of-K under halving: where ways of choosing are compared.

A judge sees all evidence so far, that of candidates already dropped too, and the better
half of the survivors by its merits goes on.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import jax
import jax.numpy as jnp
from annotated_types import Ge

from evolife.base import Array, Key, Selection
from evolife.metalearning.tasks import candidates as family
from evolife.metalearning.tasks.candidates import Candidates, Ranges
from evolife.metalearning.tasks.sampling import largest
from evolife.selection import halving
from evolife.selection.features import standardised
from evolife.selection.halving import Evidence, Plan, Shrinkage, plan
from evolife.selection.shaping.centered_rank import CenteredRank

_BLOCK = 256


Judge = Callable[[Evidence, Any], tuple[Array, Any]]
"""Evidence of all K and a memory to ``(K,)`` merits, larger is better, and a memory."""

Choose = Callable[[int, Array, int], tuple[Array, Any]]
"""Round, ``(n,)`` merits of its entrants and how many stay, to their places in any
order and whatever else is to be known of the choice."""


def play(
    candidates: Candidates,
    lucks: Sequence[Evidence],
    judge: Judge,
    memory: Any,
    choose: Choose,
) -> tuple[Array, Array, list[tuple[Array, Any]]]:
    """The same halving of drawn candidates, traceable by ``jit``.

    ``lucks`` is each round's, of as many as enter it. Returns ``(K,)`` last merits, the
    last round's ``(n,)`` entrants, and of each choice before who stood in it and what
    is to be known of it.
    """
    count = candidates.value.size
    evidence, entrants = halving.nothing_known(count), jnp.arange(count)
    merits, known = jnp.zeros(count), []
    for number, luck in enumerate(lucks):
        if number:
            places, more = choose(number - 1, merits[entrants], luck.mean.size)
            known.append((entrants, more))
            # In order, so that whoever chooses the same has the same luck.
            entrants = jnp.sort(entrants[places])
        held = Evidence(*(part[entrants] for part in evidence))
        both = halving.pooled(held, family.live(candidates, entrants, luck))
        evidence = Evidence(
            *(a.at[entrants].set(b) for a, b in zip(evidence, both, strict=True))
        )
        merits, memory = judge(evidence, memory)
    return merits, entrants, known


def ordered(selection: Selection) -> Judge:
    """Judge by a selection's weights, ties by fitness; the memory is its state."""

    def judge(evidence: Evidence, state: Any) -> tuple[Array, Any]:
        fitness, known = halving.statistics(evidence)
        weights, state = selection.weights(fitness, known, state)
        ahead = (weights > weights[:, None]) | (
            (weights == weights[:, None]) & (fitness > fitness[:, None])
        )
        return -jnp.sum(ahead, axis=1, dtype=jnp.float32), state

    return judge


@dataclasses.dataclass(frozen=True)
class Setting:
    """Where choosers of the best of K are compared."""

    candidates: Annotated[int, Ge(2)] = 32
    """Candidates K of a task."""
    lives: Annotated[int, Ge(4)] = 64
    """The full budget, in lives a candidate."""
    keep: Annotated[int, Ge(1)] = 1
    """Where halving ends."""
    ranges: Ranges = dataclasses.field(default=Ranges())
    """What candidates and their noise are drawn from; ``NULL``: nothing to learn."""


def compare(
    operator: Selection, setting: Setting, tasks: int, key: Key
) -> dict[str, Array]:
    """Standardised true values ``(tasks,)`` of what each way of choosing chose.

    ``learned``, ``halving`` (sequential halving) and ``shrinkage`` with the whole
    budget, the same with half of it as ``..._half``, and ``argmax``: the highest mean
    after equal shares of the whole. All choose among the same candidates, so the
    values are compared in pairs.
    """
    ways = _ways(operator, setting)

    def one(key: Key) -> dict[str, Array]:
        drawn = {
            rounds: family.task(key, rounds, setting.ranges)
            for _, rounds in ways.values()
        }
        return {
            name: _chosen(selection, *drawn[rounds])
            for name, (selection, rounds) in ways.items()
        }

    keys = jax.random.split(key, tasks)
    run = jax.jit(lambda keys: jax.lax.map(one, keys, batch_size=_BLOCK))
    return dict(run(keys))


def _ways(operator: Selection, setting: Setting) -> dict[str, tuple[Selection, Plan]]:
    count, budget = setting.candidates, setting.candidates * setting.lives
    ways: dict[str, tuple[Selection, Plan]] = {
        "argmax": (CenteredRank(), plan(count, count, budget))
    }
    rules = {"halving": CenteredRank(), "shrinkage": Shrinkage(), "learned": operator}
    for name, rule in rules.items():
        ways[name] = (rule, plan(count, setting.keep, budget))
        ways[f"{name}_half"] = (rule, plan(count, setting.keep, budget // 2))
    return ways


def _chosen(rule: Selection, candidates: Candidates, lucks: list[Evidence]) -> Array:
    """``()`` standardised true value of the candidate with the last highest weight."""

    def choose(number: int, merits: Array, stay: int) -> tuple[Array, Any]:
        return largest(merits, stay), ()

    judge, memory = ordered(rule), rule.init()
    merits, entrants, _ = play(candidates, lucks, judge, memory, choose)
    chosen = entrants[jnp.argmax(merits[entrants])]
    return standardised(candidates.value)[chosen]
