"""Neurons that spike, and what the timing of their spikes does to synapses."""

import jax.numpy as jnp

from evolife.base import Array

THRESHOLD = 1.0


def fire(voltage: Array, current: Array, decay: float) -> tuple[Array, Array]:
    """One tick of leaky integrate-and-fire neurons: voltages and spikes, ``(n,)`` each.

    ``v' = decay v + I``; at the threshold a neuron spikes and falls back to 0. Under a
    constant current it spikes every k ticks, with k the first for which
    ``I (1 - decay^k) / (1 - decay)`` reaches the threshold (Gerstner & Kistler 2002).
    """
    charged = decay * voltage + current
    spikes = (charged >= THRESHOLD).astype(jnp.float32)
    return charged * (1.0 - spikes), spikes


def timing(faded: Array, spikes: Array, plus: Array, minus: Array) -> Array:
    """Spike-timing-dependent change of ``(n, n)`` synapses in one tick.

    ``plus_b trace_a spike_b - minus_b spike_a trace_b`` for the synapse from a to b:
    before and then after strengthens, after and then before weakens (Song et al. 2000).
    ``faded`` are traces of earlier spikes, so that spikes of one tick do not pair.
    """
    return jnp.outer(faded, plus * spikes) - jnp.outer(spikes, minus * faded)
