"""How processes start, join, fail and stop; nothing here imports JAX."""
