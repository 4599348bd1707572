"""Ways to use a ``(m, n)`` matrix beside an ``(m,)`` vector; none is a bundled agent's.

``CHEAP`` need no full matrix a member.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from flax import linen
from jax import lax


def _linear(w, x):
    layer = eqx.nn.Linear(*w.shape, key=jax.random.key(0))
    return eqx.tree_at(lambda net: net.weight, layer, w.T)(x)


def _dense(w, x):
    return linen.Dense(w.shape[1], use_bias=False).apply({"params": {"kernel": w}}, x)


@jax.custom_vjp
def _custom(w, x):
    return x @ w


_custom.defvjp(lambda w, x: (x @ w, None), lambda _, g: (g, g))

CHEAP = {
    "matmul": lambda w, x: x @ w,
    "rows of inputs": lambda w, x: jnp.stack([x, 2 * x]) @ w,
    "transposed": lambda w, x: w.T @ x,
    "dot": lambda w, x: jnp.dot(x, w),
    "einsum": lambda w, x: jnp.einsum("ij,i->j", w, x),
    "einsum of three": lambda w, x: jnp.einsum(
        "aib,ij->bja", jnp.ones((2, 1, 3)) * x[:, None], w
    ),
    "tensordot": lambda w, x: jnp.tensordot(w, x, axes=(0, 0)),
    "dot_general": lambda w, x: lax.dot_general(
        w, x, (((0,), (0,)), ((), ())), "highest"
    ),
    "vmap": lambda w, x: jax.vmap(lambda row: row @ w)(jnp.stack([x, x + 1])),
    "jit": lambda w, x: jax.jit(lambda m, v: jnp.tanh(v @ m))(w, x),
    "checkpoint": lambda w, x: jax.checkpoint(lambda m, v: v @ m)(w, x),
    "custom derivative": _custom,
    "gradient": lambda w, x: jax.grad(lambda v: jnp.sum(jnp.tanh(v @ w)))(x),
    "scan": lambda w, x: lax.scan(lambda c, r: (jnp.tanh(w @ (c @ w)), c[0] + r), x, x),
    "fori_loop": lambda w, x: lax.fori_loop(0, 3, lambda i, c: jnp.sin(w @ (c @ w)), x),
    "while_loop": lambda w, x: lax.while_loop(
        lambda c: jnp.sum(jnp.cos(c @ w)) > 9, lambda c: c + w @ (c @ w), x
    ),
    "cond": lambda w, x: lax.cond(x[0] > 0, lambda: x @ w, lambda: w.T @ (x + 1)),
    "switch": lambda w, x: lax.switch(1, [lambda m: x @ m, lambda m: m[0]], w),
    "columns": lambda w, x: x @ w[:, 1:],
    "a row": lambda w, x: w[x.shape[0] - 2],
    "a row that is computed": lambda w, x: w[jnp.argmax(x)],
    "every second row": lambda w, x: x[::2] @ w[::2],
    "split": lambda w, x: x @ jnp.split(w, [1], axis=1)[1],
    "half": lambda w, x: (x.astype(jnp.bfloat16) @ w.astype(jnp.bfloat16)).astype(
        x.dtype
    ),
    "equinox": _linear,
    "flax": _dense,
}
FULL = {
    "itself": lambda w, x: w,
    "difference": lambda w, x: x[:, None] - w,
    "tanh": lambda w, x: jnp.tanh(w),
    "abs": lambda w, x: abs(w),
    "norm": lambda w, x: jnp.linalg.norm(w),
    "reshape": lambda w, x: w.reshape(-1)[::2],
    "concatenate": lambda w, x: jnp.concatenate([w, w], axis=1),
    "at": lambda w, x: w.at[1].set(x[0]).at[:, 0].add(x),
    "some rows": lambda w, x: w[jnp.array([2, 0])],
    "backwards": lambda w, x: w[::-1],
    "maximum": lambda w, x: jnp.maximum(w, 0).max(axis=1),
    "gram": lambda w, x: w.T @ w,
    "trace": lambda w, x: jnp.einsum("ij,ij->", w, w),
    "batched": lambda w, x: jax.vmap(jnp.vdot)(w, w * x[:, None]),
    "outer": lambda w, x: jnp.einsum("ij,k->ijk", w, x),
    "whole numbers": lambda w, x: w.astype(jnp.int32),
    "carried": lambda w, x: lax.fori_loop(0, 2, lambda i, c: 0.5 * c, w),
    "scanned": lambda w, x: lax.scan(lambda c, row: (c + row.sum(), row), 0.0, w),
    "gradient by the matrix": lambda w, x: jax.grad(lambda m: jnp.sum(jnp.tanh(x @ m)))(
        w
    ),
    "a callback": lambda w, x: jax.pure_callback(
        lambda m: 2 * m, w, w, vmap_method="sequential"
    ),
}
