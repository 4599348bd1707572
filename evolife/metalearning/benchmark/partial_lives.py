"""Choosing agents by lives cut short, and what the chosen are worth in whole ones.

All choices read the same short lives, so they cost the same steps. The chosen are
measured again, in whole lives that nothing was chosen by.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from evolife.base import Array, Key, StrategyState
from evolife.engine.experiment import Experiment
from evolife.engine.tournament import interval_of_mean
from evolife.keys import root_key
from evolife.metalearning.estimators.lives import cut_steps, measure, watched
from evolife.metalearning.estimators.regret import (
    weights_of,
    weights_seen,
    worth_of_best,
)
from evolife.metalearning.tasks import noisy_lives
from evolife.metalearning.tasks.episodes import with_operator
from evolife.selection.features import standardised
from evolife.selection.operator import Operator
from evolife.selection.shaping.learned import Learned
from evolife.selection.shaping.truncation import Truncation

_Plan = tuple[int, int]
"""Steps of a life, and how many lives."""
_TENTH = Truncation(0.1)
_STAGES = 4
"""Parts of an evolution that are told apart."""


def compare_partial(
    operator: Learned,
    config: str,
    overrides: Sequence[str] = (),
    shorter: int = 8,
    populations: int = 16,
    key: Key | None = None,
    *,
    generations: int = 32,
    lives: int = 8,
    judging_lives: int = 8,
) -> dict[str, Any]:
    """Choose by lives of T / ``shorter`` steps; measure the chosen in lives of T.

    So many ``populations`` evolve with centred ranks on whole lives. In each of their
    generations, members are chosen by their short lives: the one that the operator, the
    fitness or the late reward rate puts first, and the tenth that they put first. Each
    has its mean score over whole lives that no choice has seen. ``whole`` chooses by
    the few whole lives that cost as many steps as the short ones.

    Returns scores by choice, and the operator's gain over each other choice with a
    95% interval over populations, the generations of one being averaged.

    Raises:
        InvalidInput: for a config that does not fit together or lives cut to nothing.
    """
    built = watched(config, overrides, operator.shape, obeyed=False)
    experiment = built.experiment
    steps = cut_steps(experiment, shorter)
    whole = experiment.settings.steps
    plans = (steps, lives), (whole, judging_lives)
    evolve = jax.jit(_evolution(experiment, operator, generations, *plans))
    key = root_key(0) if key is None else key
    rows = [evolve(jax.random.fold_in(key, i)) for i in range(populations)]
    table = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    told = {"populations": populations, "generations": generations, "steps": steps}
    return {**told, "lives": lives, **_summary(table)}


def _evolution(
    experiment: Experiment,
    operator: Learned,
    generations: int,
    cut: _Plan,
    whole: _Plan,
) -> Callable[[Key], dict[str, Array]]:
    """From a key to ``(generations,)`` scores by choice, of one evolution."""
    strategy = experiment.strategy
    held = operator.init().operator
    few = cut[0] * cut[1] // whole[0]

    def generation(key: Key, state: StrategyState, number: Array) -> tuple[Any, Any]:
        pools = jax.random.split(jax.random.fold_in(key, number), 3)
        proposal = strategy.ask(state, number)
        short = measure(experiment, proposal, pools[0], *cut)
        long = measure(experiment, proposal, pools[1], *whole)
        seen = strategy.tell(state, proposal, number, *short).selection
        after = strategy.tell(state, proposal, number, *long)
        weights = weights_seen(held, seen.seen, operator.shape.signed).reshape(-1)
        judged = {"operator": weights, "fitness": short[0], "late": short[1].late}
        if few:
            judged["whole"] = measure(experiment, proposal, pools[2], whole[0], few)[0]
        return after._replace(selection=seen), _chosen(judged, long[0])

    def evolve(key: Key) -> dict[str, Array]:
        first, key = jax.random.split(key)
        state = strategy.init(first, experiment.agent.init_genome)
        state = with_operator(state, held)
        numbers = jnp.arange(generations, dtype=jnp.int32)
        step = functools.partial(generation, key)
        return jax.lax.scan(step, state, numbers)[1]

    return evolve


def _chosen(judged: Mapping[str, Array], worth: Array) -> dict[str, Array]:
    """Worth of the first and of the first tenth by each judgement, and of anyone."""
    scores = {"anyone": jnp.mean(worth)}
    for name, values in judged.items():
        scores[f"{name} best"] = worth_of_best(values, worth)
        scores[f"{name} tenth"] = _TENTH.of(values) @ worth
    return scores


def _summary(table: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Means and gains of ``(populations, generations)`` scores."""
    gains = {}
    for name in table:
        choice, _, part = name.rpartition(" ")
        if choice and choice != "operator":
            difference = table[f"operator {part}"] - table[name]
            gains[f"{part} over {choice}"] = _told(difference)
    scores = {name: float(values.mean()) for name, values in table.items()}
    return {"scores": scores, "gains": gains}


def _told(difference: np.ndarray) -> dict[str, Any]:
    """The mean, its interval over populations, and the means of stages in order."""
    stages = np.array_split(difference, _STAGES, axis=1)
    told = mean_of(difference.mean(axis=1))
    return {**told, "stages": [float(stage.mean()) for stage in stages]}


def mean_of(values: np.ndarray) -> dict[str, Any]:
    """The mean of ``(n,)`` values with its 95% interval, as plain data."""
    return {"mean": float(values.mean()), "interval": list(interval_of_mean(values))}


def null_gain(
    operator: Learned, key: Key | None = None, members: int = 64, tasks: int = 4096
) -> dict[str, Any]:
    """Choose where nothing chooses better than fitness: equal noise, no curves.

    Returns the operator's gain over the largest fitness in true worth, in standard
    deviations of worth, with a 95% interval over drawn generations. A gain that is
    significantly positive is a mistake in the measuring.
    """
    keys = jax.random.split(root_key(0) if key is None else key, tasks)
    held, signed = operator.init().operator, operator.shape.signed
    return mean_of(np.asarray(_null_gains(members, signed, held, keys)))


@functools.partial(jax.jit, static_argnums=(0, 1))
def _null_gains(members: int, signed: bool, operator: Operator, keys: Array) -> Array:
    def gain(key: Key) -> Array:
        drawn = noisy_lives.draw(key, members, noisy_lives.NULL)
        worth = standardised(drawn.worth)
        chosen = worth_of_best(weights_of(operator, drawn, signed), worth)
        return chosen - worth_of_best(drawn.fitness, worth)

    return jax.lax.map(gain, keys, batch_size=64)
