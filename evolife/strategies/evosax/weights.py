"""How a selection's weights reach an evosax algorithm, which minimises a fitness.

Every algorithm of evosax reads its shaped fitness in one of six ways; READS says which.

- ``gradient``: the fitness is dotted with the perturbations and divided by a constant;
  it gets ``-constant * weights``, so that its step is that of the weights. (ARS and
  ASEBO then normalise it; ESMC first clips the weights at those of the centre.)
- ``natural``: the fitness is a weight, of either sign; it gets the weights, scaled to
  an absolute sum of 2 where theirs is larger (raw fitness), since the step size follows
  their exponential.
- ``recombination``: the fitness is a weight of a mean and must not be negative; it gets
  ``weights - min(weights)`` divided by its sum. The shift changes no direction, since
  perturbations have mean zero.
- ``signed``: as recombination, but below zero the fitness is a weight of the active
  covariance update. Positive weights are scaled to sum 1 and negative ones to the sum
  that the algorithm gives its own; with no positive weight, as recombination.
- ``ranking``: only the current generation is ranked; it gets ``-K * weights``.
- ``memory``: members are compared with those of earlier generations, and weights of
  different generations cannot be compared. It is told the generation's own fitness
  values, handed out in the order of the weights: those of any shaping leave every
  member its own.

What an algorithm derives from its weights (``weights``, ``weights_hat``, ``mu_eff``) is
derived again; learning rates keep their defaults.
"""

from typing import Any

import jax
import jax.numpy as jnp

from evolife.base import Array

READS: dict[str, str] = {
    "ARS": "gradient",
    "ASEBO": "gradient",
    "CMAAnchoredLES": "memory",
    "CMA_ES": "signed",
    "CR_FM_NES": "recombination",
    "DES": "recombination",
    "ESMC": "gradient",
    "EvoTF_ES": "memory",
    "GradientlessDescent": "memory",
    "GuidedES": "gradient",
    "HillClimbing": "memory",
    "iAMaLGaM_Full": "memory",
    "iAMaLGaM_Univariate": "memory",
    "LES": "memory",
    "LM_MA_ES": "recombination",
    "MA_ES": "recombination",
    "NoiseReuseES": "gradient",
    "Open_ES": "gradient",
    "PersistentES": "gradient",
    "PGPE": "gradient",
    "RandomSearch": "memory",
    "Rm_ES": "recombination",
    "Sep_CMA_ES": "recombination",
    "SimulatedAnnealing": "memory",
    "SimpleES": "recombination",
    "SNES": "natural",
    "SV_CMA_ES": "signed",
    "SV_Open_ES": "gradient",
    "xNES": "natural",
    "DifferentialEvolution": "memory",
    "DiffusionEvolution": "ranking",
    "GESMR_GA": "memory",
    "LGA": "memory",
    "MR15_GA": "memory",
    "PSO": "memory",
    "SAMR_GA": "ranking",
    "SimpleGA": "ranking",
}


def shaped(
    name: str, weights: Array, params: Any, dimensions: int
) -> tuple[Array, Any]:
    """What ``tell`` gets for ``(G, N)`` weights of G distributions of N members.

    Returns the ``(G, N)`` shaped fitness and the params that belong to it.
    """
    reads = READS[name]
    size = weights.shape[-1]
    if reads == "gradient":
        return -_divisor(name, size, dimensions) * weights, params
    if reads == "ranking":
        return -size * weights, params
    if reads == "natural":
        total = jnp.sum(jnp.abs(weights), axis=-1, keepdims=True)
        return weights * jnp.minimum(1, 2 / jnp.where(total > 0, total, 2)), params
    if reads == "signed":
        weights = _signed(weights, params.weights)
    else:
        weights = _recombination(weights)
    told = weights - 1 / size if name == "CR_FM_NES" else weights
    return told, _with_weights(name, weights, params)


def reordered(fitness: Array, weights: Array) -> Array:
    """``(G, N)`` fitness, the largest value going to the largest weight, and so on.

    Members of equal weight keep their order by fitness.
    """

    def of_group(fitness: Array, weights: Array) -> Array:
        order = jnp.lexsort((fitness, weights))
        return jnp.zeros_like(fitness).at[order].set(jnp.sort(fitness))

    return jax.vmap(of_group)(fitness, weights)


def _divisor(name: str, size: int, dimensions: int) -> int:
    """What the gradient of a weighted sum over members is divided by.

    GuidedES divides by the square of a whole perturbation's length, which is that of
    one number times the dimensions.
    """
    others = {"ASEBO": 2, "ESMC": (size - 1) // 2, "GuidedES": 2 * dimensions}
    return others.get(name, size)


def _recombination(weights: Array) -> Array:
    above = weights - jnp.min(weights, axis=-1, keepdims=True)
    return _to_sum_one(above)


def _signed(weights: Array, native: Array) -> Array:
    positive = jnp.maximum(weights, 0)
    negative = _share(jnp.maximum(-weights, 0)) * jnp.sum(jnp.maximum(-native, 0))
    some = jnp.sum(positive, axis=-1, keepdims=True) > 0
    return jnp.where(some, _share(positive) - negative, _recombination(weights))


def _share(parts: Array) -> Array:
    """Parts that are not negative, scaled to sum one; zero where all are zero."""
    total = jnp.sum(parts, axis=-1, keepdims=True)
    return parts / jnp.where(total > 0, total, 1)


def _to_sum_one(parts: Array) -> Array:
    """As a share, but equal where all are zero: a mean that prefers nobody."""
    some = jnp.sum(parts, axis=-1, keepdims=True) > 0
    return jnp.where(some, _share(parts), 1 / parts.shape[-1])


def _with_weights(name: str, weights: Array, params: Any) -> Any:
    """Params that belong to weights in the order of members; their mean over G."""
    derived = {"weights": weights}
    if name in ("CR_FM_NES", "Rm_ES"):
        derived["weights"] = -jnp.sort(-weights, axis=-1)
    if name == "CR_FM_NES":
        derived["weights_hat"] = derived["weights"]
    if hasattr(params, "mu_eff"):
        positive = jnp.maximum(weights, 0)
        parents = 1 / jnp.sum(jnp.square(positive), axis=-1)
        derived["mu_eff"] = parents * jnp.square(jnp.sum(positive, axis=-1))
    means = jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), derived)
    return params.replace(**means)
