"""The best of K by halving: who is measured again, and who wins.

Sequential halving (Karnin, Koren & Somekh 2013) goes by the mean of each candidate's
lives, whatever their scatter. With a selection to judge, all evidence so far counts,
that of candidates already dropped too, and the better half of the survivors by its
weights goes on. With weights that rise with fitness alone both are the same.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from evolife import base
from evolife.base import Array, LifeStatistics, Selection, SelectionState
from evolife.errors import InvalidInput

Measure = Callable[[Sequence[int], range], np.ndarray]
"""Members and lives to their ``(members, lives)`` scores."""

_BISECTIONS = 30
_LEAST_VARIANCE = 1e-4


class Round(NamedTuple):
    """One round of halving."""

    entrants: int
    """Candidates measured in it."""
    lives: int
    """New lives of each."""


Plan = tuple[Round, ...]


class Evidence(NamedTuple):
    """What lives have shown of candidates; arrays of one shape, NumPy's or JAX's."""

    lives: Any
    """How many."""
    mean: Any
    """Of their scores."""
    squares: Any
    """Sum of squared differences from the mean."""


def sequential_halving(
    measure: Measure, candidates: Sequence[int], keep: int, budget: int
) -> list[tuple[int, float]]:
    """Spend ``budget`` lives on finding the ``keep`` best of ``candidates``.

    In each of ``ceil(log2(n / keep))`` rounds the survivors share an equal part of the
    budget, and the better half by all their lives so far goes on. Returns the kept
    candidates and their mean scores, best first; ties go to the earlier candidate.
    """
    survivors, lived = list(candidates), 0
    scores = {candidate: np.zeros(0) for candidate in survivors}
    for entrants, lives in plan(len(survivors), keep, budget):
        survivors = survivors[:entrants]
        new = measure(survivors, range(lived, lived + lives))
        lived += lives
        for candidate, row in zip(survivors, new, strict=True):
            scores[candidate] = np.concatenate([scores[candidate], row])
        survivors.sort(key=lambda candidate: -_worth(scores[candidate]))
    with np.errstate(invalid="ignore"):
        return [(c, float(scores[c].mean())) for c in survivors[:keep]]


def _worth(scores: np.ndarray) -> float:
    return float(scores.mean()) if np.isfinite(scores).all() else -math.inf


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
    measure: Measure,
    candidates: Sequence[int],
    keep: int,
    budget: int,
    operator: Selection,
) -> list[tuple[int, float]]:
    """Spend ``budget`` lives on the ``keep`` best of ``candidates`` by an operator.

    Like :func:`sequential_halving`, but the operator's weights say
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
    weights, state = weigh(*statistics(known), state)
    return np.asarray(weights), np.where(finite, mean, -np.inf), state


def nothing_known(count: int) -> Evidence:
    """Before any life: ``(count,)`` zeros."""
    zero = jnp.zeros(count)
    return Evidence(zero, zero, zero)


def moments(scores: Any) -> Evidence:
    """``(n,)`` evidence of ``(n, lives)`` scores."""
    mean = scores.mean(axis=1)
    squares = ((scores - mean[:, None]) ** 2).sum(axis=1)
    return Evidence(0 * mean + scores.shape[1], mean, squares)


def pooled(old: Evidence, new: Evidence) -> Evidence:
    """Evidence of both together (Chan, Golub & LeVeque 1983)."""
    lives = old.lives + new.lives
    step = new.mean - old.mean
    squares = old.squares + new.squares + step**2 * (old.lives * new.lives / lives)
    return Evidence(lives, old.mean + step * (new.lives / lives), squares)


def statistics(evidence: Evidence) -> tuple[Array, LifeStatistics]:
    """``(K,)`` fitness and its statistics; nothing is known from within a life."""
    lives, mean, squares = (jnp.asarray(part, jnp.float32) for part in evidence)
    variance = squares / jnp.maximum(lives - 1, 1)
    error = jnp.sqrt(variance / jnp.maximum(lives, 1))
    return mean, LifeStatistics(mean, mean, error, lives=lives)


@dataclasses.dataclass(frozen=True)
class Shrinkage(base.Selection):
    """Posterior means under a normal prior whose moments the candidates tell.

    Empirical Bayes (Efron & Morris 1973) with each one's own standard error s_i:
    ``x_i t / (t + s_i^2) + m s_i^2 / (t + s_i^2)``, where m is the mean weighted by
    ``1 / (t + s_i^2)`` and t solves ``sum (x_i - m)^2 / (t + s_i^2) = K - 1`` (Paule &
    Mandel 1982). The weights are these, standardised, over K.
    """

    def weights(
        self, fitness: Array, statistics: LifeStatistics, state: SelectionState
    ) -> tuple[Array, SelectionState]:
        """Weigh ``(K,)`` finite fitness by its standard errors; no state."""
        centred = fitness - jnp.mean(fitness)
        total = jnp.sum(jnp.square(centred))
        unit = jnp.sqrt(total / max(fitness.size - 1, 1))
        unit = jnp.where(unit > 0, unit, 1)
        x, s2 = centred / unit, jnp.square(statistics.standard_error / unit)
        t = _prior_variance(x, s2)
        m = _weighted_mean(x, 1 / (t + s2))
        posterior = (x * t + m * s2) / (t + s2)
        above = posterior - jnp.mean(posterior)
        size = jnp.sqrt(jnp.mean(jnp.square(above)))
        return above / jnp.where(size > 0, size, 1) / fitness.size, state


def _prior_variance(x: Array, s2: Array) -> Array:
    """Between a ten-thousandth and the whole of the variance of ``x``, which is 1."""

    def halve(_: int, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = ends
        middle = (low + high) / 2
        weights = 1 / (middle + s2)
        misfit = jnp.sum(weights * jnp.square(x - _weighted_mean(x, weights)))
        more = misfit > x.size - 1
        return jnp.where(more, middle, low), jnp.where(more, high, middle)

    ends = (jnp.full((), _LEAST_VARIANCE), jnp.ones(()))
    return jax.lax.fori_loop(0, _BISECTIONS, halve, ends)[0]


def _weighted_mean(x: Array, weights: Array) -> Array:
    return jnp.sum(weights * x) / jnp.sum(weights)
