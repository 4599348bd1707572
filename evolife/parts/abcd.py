"""Generalised Hebbian plasticity: one rule of five numbers a synapse."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from evolife.base import Array, Key


class Rule(NamedTuple):
    """Coefficients of one layer's synapses, ``(inputs, outputs)`` each."""

    a: Array
    """Of the correlation of both activities."""
    b: Array
    """Of the activity before the synapse."""
    c: Array
    """Of the activity after it."""
    d: Array
    """Of nothing: growth by itself."""
    eta: Array
    """Learning rate."""


def rule(key: Key, inputs: int, outputs: int, scale: float = 0.1) -> Rule:
    """Draw normal coefficients of standard deviation ``scale``, of either sign."""
    numbers = scale * jax.random.normal(key, (5, inputs, outputs))
    return Rule(*numbers)


def grow(
    weights: Array, rule: Rule, before: Array, after: Array, bound: float
) -> Array:
    """Change ``(inputs, outputs)`` weights by the activities on both of their sides.

    ``w_ij' = w_ij + eta_ij (A_ij o_i o_j + B_ij o_i + C_ij o_j + D_ij)`` (Najarro &
    Risi 2020), cut off at the bound. A synapse knows nothing but its own two ends.
    """
    o_i, o_j = before[:, None], after
    change = rule.eta * (o_i * (rule.a * o_j + rule.b) + rule.c * o_j + rule.d)
    return jnp.clip(weights + change, -bound, bound)
