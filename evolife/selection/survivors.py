"""The best of K by a selection's judgement: who is measured again, and who wins.

Sequential halving (Karnin, Koren & Somekh 2013) goes by the mean of each candidate's
lives, whatever their scatter. Here a selection judges all evidence so far, that of
candidates already dropped too, and the better half of the survivors by its weights
goes on. With weights that rise with fitness alone this is sequential halving.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from annotated_types import Ge

from evolife.base import Array, Key, Selection, SelectionState
from evolife.errors import InvalidInput
from evolife.selection import candidates as family
from evolife.selection.candidates import Candidates, Evidence, Ranges, Shrinkage
from evolife.selection.features import standardised
from evolife.selection.sampling import largest
from evolife.selection.shaping import CenteredRank

if TYPE_CHECKING:
    from evolife.tournament import Measure

_BLOCK = 256


class Round(NamedTuple):
    """One round of halving."""

    entrants: int
    """Candidates measured in it."""
    lives: int
    """New lives of each."""


Plan = tuple[Round, ...]

Judge = Callable[[Evidence, Any], tuple[Array, Any]]
"""Evidence of all K and a memory to ``(K,)`` merits, larger is better, and a memory."""

Choose = Callable[[int, Array, int], tuple[Array, Any]]
"""Round, ``(n,)`` merits of its entrants and how many stay, to their places in any
order and whatever else is to be known of the choice."""


def plan(count: int, keep: int, budget: int) -> Plan:
    """Rounds of sequential halving of ``count`` candidates: equal parts of the budget.

    The budget is kept wherever it allows each round two lives a candidate, the least.

    Raises:
        InvalidInput: no candidates, or none to keep.
    """
    for name, number in (("candidates", count), ("keep", keep)):
        if number < 1:
            raise InvalidInput(f"{name} = {number}: at least 1 is needed; set it to 1")
    number = max(1, math.ceil(math.log2(max(count / keep, 1))))
    rounds = []
    for _ in range(number):
        rounds.append(Round(count, max(2, budget // (number * count))))
        count = max(keep, math.ceil(count / 2))
    return tuple(rounds)


def learned_halving(
    measure: "Measure",
    candidates: Sequence[int],
    keep: int,
    budget: int,
    operator: Selection,
) -> list[tuple[int, float]]:
    """Spend ``budget`` lives on the ``keep`` best of ``candidates`` by an operator.

    Like :func:`evolife.tournament.sequential_halving`, but the operator's weights say
    who goes on and how the kept are ordered. Ties go to the higher mean, then to the
    earlier candidate; candidates without a finite mean come last.

    Raises:
        InvalidInput: no candidates, or none to keep.
    """
    survivors = list(range(len(candidates)))
    scores = [np.zeros(0) for _ in candidates]
    state, lived, weigh = operator.init(), 0, jax.jit(operator.weights)
    for entrants, lives in plan(len(candidates), keep, budget):
        survivors = survivors[:entrants]
        names = [candidates[place] for place in survivors]
        new = measure(names, range(lived, lived + lives))
        lived += lives
        for place, row in zip(survivors, new, strict=True):
            scores[place] = np.concatenate([scores[place], row])
        weights, worth, state = _weighed(weigh, scores, state)
        places = zip(np.isneginf(worth), -weights, -worth, strict=True)
        survivors.sort(key=list(places).__getitem__)
    with np.errstate(invalid="ignore"):
        return [(candidates[i], float(scores[i].mean())) for i in survivors[:keep]]


def _weighed(
    weigh: Callable[..., Any], scores: list[np.ndarray], state: SelectionState
) -> tuple[np.ndarray, np.ndarray, SelectionState]:
    """Weights and means of all, and the operator's state; broken means are -inf."""
    with np.errstate(invalid="ignore"):
        mean = np.array([row.mean() for row in scores])
        squares = np.array([np.square(row - row.mean()).sum() for row in scores])
    finite = np.isfinite(mean)
    worst = mean[finite].min() if finite.any() else 0.0
    lives = np.array([len(row) for row in scores])
    known = Evidence(lives, np.where(finite, mean, worst), np.where(finite, squares, 0))
    weights, state = weigh(*family.statistics(known), state)
    return np.asarray(weights), np.where(finite, mean, -np.inf), state


def shrinkage_halving(
    measure: "Measure", candidates: Sequence[int], keep: int, budget: int
) -> list[tuple[int, float]]:
    """Sequential halving by posterior means; see :class:`Shrinkage`.

    Raises:
        InvalidInput: no candidates, or none to keep.
    """
    return learned_halving(measure, candidates, keep, budget, Shrinkage())


def equal_shares(
    measure: "Measure", candidates: Sequence[int], keep: int, budget: int
) -> list[tuple[int, float]]:
    """The ``keep`` highest means after equally many lives of all, best first."""
    lives = max(1, budget // len(candidates))
    means = measure(candidates, range(lives)).mean(axis=1, dtype=np.float64)
    worth = np.where(np.isfinite(means), means, -np.inf)
    order = np.argsort(-worth, kind="stable")[:keep]
    return [(candidates[place], float(means[place])) for place in order]


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
    evidence, entrants = family.nothing_known(count), jnp.arange(count)
    merits, known = jnp.zeros(count), []
    for number, luck in enumerate(lucks):
        if number:
            places, more = choose(number - 1, merits[entrants], luck.mean.size)
            known.append((entrants, more))
            # In order, so that whoever chooses the same has the same luck.
            entrants = jnp.sort(entrants[places])
        held = Evidence(*(part[entrants] for part in evidence))
        both = family.pooled(held, family.live(candidates, entrants, luck))
        evidence = Evidence(
            *(a.at[entrants].set(b) for a, b in zip(evidence, both, strict=True))
        )
        merits, memory = judge(evidence, memory)
    return merits, entrants, known


def ordered(selection: Selection) -> Judge:
    """Judge by a selection's weights, ties by fitness; the memory is its state."""

    def judge(evidence: Evidence, state: Any) -> tuple[Array, Any]:
        fitness, known = family.statistics(evidence)
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
