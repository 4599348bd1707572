"""What tests ask of traced programs."""

import jax
from jax.extend import core


def sizes(jaxpr) -> list[int]:
    """Elements of every intermediate, also within nested programs."""
    found = []
    for equation in jaxpr.eqns:
        found += [v.aval.size for v in equation.outvars if hasattr(v.aval, "size")]
        for value in jax.tree.leaves(
            list(equation.params.values()),
            is_leaf=lambda x: isinstance(x, core.Jaxpr | core.ClosedJaxpr),
        ):
            if isinstance(value, core.ClosedJaxpr):
                found += sizes(value.jaxpr)
            elif isinstance(value, core.Jaxpr):
                found += sizes(value)
    return found
