"""Drawing survivors without replacement, and gradients through the draw.

Adding Gumbel noise to logits and taking the k largest draws from the Plackett-Luce
model (Kool, van Hoof & Welling 2019, "Stochastic beams and where to find them"): one
after another, each among those still there, with chances in proportion to exp(logit).
A draw has no gradient. The score function (Williams 1992) is an unbiased estimate of
it; the straight-through mask (Bengio, Leonard & Courville 2013) a biased one of less
variance, whose relaxation is that of Xie & Ermon 2019 ("Reparameterizable subset
sampling via continuous relaxations").
"""

import jax
import jax.numpy as jnp

from evolife.base import Array, Key
from evolife.errors import InvalidInput

_NEARLY_ONE = 1 - 1e-6


def perturb(key: Key, logits: Array) -> Array:
    """Add Gumbel noise to ``(n,)`` logits: the order is then a draw."""
    return logits + jax.random.gumbel(key, logits.shape)


def largest(values: Array, count: int) -> Array:
    """``(count,)`` int32 places of the largest of ``(n,)`` values, best first.

    Raises:
        InvalidInput: ``count`` is not within 1 .. n.
    """
    _check(count, values.shape[0])
    return jax.lax.top_k(values, count)[1]


def sample(key: Key, logits: Array, count: int) -> Array:
    """Draw ``(count,)`` int32 places of ``(n,)`` logits without replacement, in order.

    Raises:
        InvalidInput: ``count`` is not within 1 .. n.
    """
    return largest(perturb(key, logits), count)


def log_probability(logits: Array, order: Array) -> Array:
    """``()`` log chance that ``(k,)`` places are drawn from ``(n,)`` logits in order.

    ``sum_j l[o_j] - log(sum of exp(l) over what the first j draws left)``.
    """
    drawn = jax.nn.one_hot(order, logits.shape[0], dtype=logits.dtype)
    left = jnp.cumsum(drawn, axis=0) - drawn < 0.5
    there = jnp.where(left, logits, -jnp.inf)
    return jnp.sum(logits[order] - jax.nn.logsumexp(there, axis=-1))


def hard_mask(size: int, places: Array) -> Array:
    """``(size,)``: 1 at ``(k,)`` places, 0 elsewhere."""
    return jnp.zeros(size).at[places].set(1)


def relaxed_mask(perturbed: Array, count: int, temperature: float) -> Array:
    """``(n,)`` numbers of sum ``count``: a smooth mask of the largest.

    A sum of softmaxes of ``perturbed / temperature``, each with what the ones before
    it took removed: ``a <- a + log(1 - softmax(a / temperature))``. As the temperature
    falls it becomes the hard mask.

    Raises:
        InvalidInput: ``count`` is not within 1 .. n.
    """
    _check(count, perturbed.shape[0])

    def take(remaining: Array, _: None) -> tuple[Array, Array]:
        taken = jax.nn.softmax(remaining / temperature)
        return remaining + jnp.log1p(-jnp.minimum(taken, _NEARLY_ONE)), taken

    _, taken = jax.lax.scan(take, perturbed, length=count)
    return jnp.sum(taken, axis=0)


def straight_through_mask(perturbed: Array, count: int, temperature: float) -> Array:
    """``(n,)``: exactly 1 at the ``count`` largest and 0 elsewhere; relaxed gradient.

    Raises:
        InvalidInput: ``count`` is not within 1 .. n.
    """
    hard = hard_mask(perturbed.shape[0], largest(perturbed, count))
    soft = relaxed_mask(perturbed, count, temperature)
    # In this order the value is exact: the difference is exactly zero.
    return hard + (soft - jax.lax.stop_gradient(soft))


def score_function(losses: Array, log_probabilities: Array) -> Array:
    """``()`` surrogate whose gradient estimates that of the expected loss, unbiased.

    ``(S,)`` losses and log chances of S independent draws, all differentiable. Each is
    compared with the mean of the others (Kool, van Hoof & Welling 2019, "Buy 4
    REINFORCE samples, get a baseline for free!"), which does not depend on it:
    ``grad mean_s(L_s) + mean_s((L_s - mean of others) grad log p_s)``.

    Raises:
        InvalidInput: fewer than two draws.
    """
    count = losses.shape[0]
    if count < 2:
        raise InvalidInput(
            f"samples = {count}: the score function compares a draw with the others; "
            "set samples to at least 2"
        )
    others = (jnp.sum(losses) - losses) / (count - 1)
    advantage = jax.lax.stop_gradient(losses - others)
    return jnp.mean(losses + advantage * log_probabilities)


def _check(count: int, size: int) -> None:
    if not 1 <= count <= size:
        raise InvalidInput(
            f"count = {count}: of {size} candidates 1 to {size} can be drawn; "
            f"the nearest is {min(max(count, 1), size)}"
        )
