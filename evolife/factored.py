"""Code written for arrays, run on genomes whose matrices are low-rank.

A function of a genome is traced with a full matrix in the place of each low-rank one,
and the operations that it turns out to consist of are done on the factors: products
stay cheap, and whatever needs all entries of a matrix gets them. So an agent sees
arrays and nothing else, however its network is written.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend import core

from evolife.base import Array, Genome
from evolife.perturbations import LowRankMatrix

Value = Any
"""An array, or a low-rank matrix in the place of one."""
Rule = Callable[[Any, list[Value]], list[Value] | None]
"""From an operation and its inputs to its outputs; None: it needs full matrices."""


def call(function: Callable[..., Any], genome: Genome, *inputs: Any) -> Any:
    """``function(genome, *inputs)``, with matrices kept in factors where they can be.

    ``function`` is any function that JAX can trace; it and its result know only arrays.
    """
    given = jax.tree.leaves((genome, *inputs), is_leaf=_is_low)
    if not any(map(_is_low, given)):
        return function(genome, *inputs)
    full = jax.tree.map(_full_shape, genome, is_leaf=_is_low)
    # A function of our own: what JAX remembers of functions asks for their hash.
    traced = jax.make_jaxpr(lambda *given: function(*given), return_shape=True)
    program, shapes = traced(full, *inputs)
    outputs = map(_dense, _run(program, given))
    return jax.tree.unflatten(jax.tree.structure(shapes), outputs)


def _is_low(value: Value) -> bool:
    return isinstance(value, LowRankMatrix)


def _full_shape(leaf: Value) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)


def _dense(value: Value) -> Any:
    return value.materialise() if _is_low(value) else value


def _run(program: Any, inputs: Sequence[Value]) -> list[Value]:
    """The outputs of a traced program; each matrix is written out once at most."""
    program, consts = getattr(program, "jaxpr", program), getattr(program, "consts", ())
    values = dict(zip(program.constvars, consts, strict=True))
    values |= dict(zip(program.invars, inputs, strict=True))
    written: dict[Any, Array] = {}

    def read(variable: Any) -> Value:
        literal = isinstance(variable, core.Literal)
        return variable.val if literal else values[variable]

    def read_full(variable: Any) -> Any:
        value = read(variable)
        if not _is_low(value):
            return value
        if variable not in written:
            written[variable] = value.materialise()
        return written[variable]

    for operation in program.eqns:
        outputs = _on_factors(operation, [read(v) for v in operation.invars])
        if outputs is None:
            outputs = _bind(operation, [read_full(v) for v in operation.invars])
        values |= dict(zip(operation.outvars, outputs, strict=True))
    return [read(variable) for variable in program.outvars]


def _bind(operation: Any, inputs: Sequence[Any]) -> list[Any]:
    primitive = operation.primitive
    bound = primitive.get_bind_params(operation.params)
    # A pair in earlier releases of JAX.
    functions, parameters = bound if isinstance(bound, tuple) else ((), bound)
    with operation.ctx.manager:
        outputs = primitive.bind(*functions, *inputs, **parameters)
    return list(outputs) if primitive.multiple_results else [outputs]


def _on_factors(operation: Any, inputs: list[Value]) -> list[Value] | None:
    rule = _RULES.get(operation.primitive.name)
    if rule is None or not any(map(_is_low, inputs)):
        return None
    return rule(operation, inputs)


def _product(operation: Any, inputs: list[Value]) -> list[Value] | None:
    """A contraction of one axis of a matrix, as ``@``, ``dot`` and Dense layers ask."""
    contracted, batched = operation.params["dimension_numbers"]
    if any(batched) or any(len(axes) != 1 for axes in contracted):
        return None
    here = 1 if _is_low(inputs[1]) else 0
    (axis,), (along,) = contracted[here], contracted[1 - here]
    x = jnp.moveaxis(_dense(inputs[1 - here]), along, -1)
    asked = [operation.params[key] for key in ("precision", "preferred_element_type")]
    product = inputs[here].product(x, axis, *asked)
    # The axes that are left of the first factor come before those of the second.
    product = product if here else jnp.moveaxis(product, -1, 0)
    return [product.astype(operation.outvars[0].aval.dtype)]


def _transpose(operation: Any, inputs: list[Value]) -> list[Value]:
    swapped = tuple(operation.params["permutation"]) == (1, 0)
    return [inputs[0].T if swapped else inputs[0]]


def _convert(operation: Any, inputs: list[Value]) -> list[Value] | None:
    dtype = operation.params["new_dtype"]
    if not jnp.issubdtype(dtype, jnp.floating):
        return None
    return [jax.tree.map(lambda factor: factor.astype(dtype), inputs[0])]


def _slice(operation: Any, inputs: list[Value]) -> list[Value]:
    starts, limits, strides = (
        operation.params[key] for key in ("start_indices", "limit_indices", "strides")
    )
    rows, columns = zip(starts, limits, strides or (1, 1), strict=True)
    return [inputs[0].part(slice(*rows), slice(*columns))]


def _dynamic_slice(operation: Any, inputs: list[Value]) -> list[Value] | None:
    if _is_low(inputs[0]):
        return [inputs[0].window(inputs[1:], operation.params["slice_sizes"])]
    return None


def _split(operation: Any, inputs: list[Value]) -> list[Value]:
    sizes, axis = operation.params["sizes"], operation.params["axis"]
    every, parts, start = slice(None), [], 0
    for size in sizes:
        cut = slice(start, start + int(size))
        parts.append(inputs[0].part(*((every, cut) if axis else (cut, every))))
        start = cut.stop
    return parts


def _inline(operation: Any, inputs: list[Value]) -> list[Value]:
    """What a function that the program calls makes of factors."""
    params = operation.params
    return _run(params.get("jaxpr", params.get("call_jaxpr")), inputs)


def _branches(operation: Any, inputs: list[Value]) -> list[Value]:
    index, *operands = inputs

    def branch(program: Any) -> Callable[[], list[Any]]:
        return lambda: _same_types(program, _run(program, operands))

    branches = operation.params["branches"]
    outputs: list[Value] = jax.lax.switch(index, [branch(p) for p in branches])
    return outputs


def _scan(operation: Any, inputs: list[Value]) -> list[Value] | None:
    params, program = operation.params, operation.params["jaxpr"]
    # What is scanned has an axis more outside of the body than within.
    rows = sum(map(_differ, operation.invars, program.jaxpr.invars))
    carried = len(operation.outvars) - sum(
        map(_differ, operation.outvars, program.jaxpr.outvars)
    )
    count = len(inputs) - rows - carried
    shared, given = inputs[:count], list(map(_dense, inputs[count:]))
    if not any(map(_is_low, shared)):
        return None

    def body(carry: list[Any], row: list[Any]) -> tuple[list[Any], list[Any]]:
        outputs = _same_types(program, _run(program, [*shared, *carry, *row]))
        return outputs[:carried], outputs[carried:]

    how = {key: params[key] for key in ("length", "reverse", "unroll")}
    last, stacked = jax.lax.scan(body, given[:carried], given[carried:], **how)
    return [*last, *stacked]


def _differ(outside: Any, within: Any) -> bool:
    ranks = len(outside.aval.shape), len(within.aval.shape)
    return ranks[0] != ranks[1]


def _while(operation: Any, inputs: list[Value]) -> list[Value] | None:
    params = operation.params
    asked, lived = params["cond_nconsts"], params["body_nconsts"]
    of_test, of_body = inputs[:asked], inputs[asked : asked + lived]
    if not any(map(_is_low, [*of_test, *of_body])):
        return None
    test, body = params["cond_jaxpr"], params["body_jaxpr"]
    outputs: list[Value] = jax.lax.while_loop(
        lambda carry: _run(test, [*of_test, *carry])[0],
        lambda carry: _same_types(body, _run(body, [*of_body, *carry])),
        list(map(_dense, inputs[asked + lived :])),
    )
    return outputs


def _same_types(program: Any, outputs: list[Value]) -> list[Any]:
    """Arrays of the types that a program's outputs have, also where one is a number."""
    wanted = (variable.aval for variable in program.jaxpr.outvars)
    pairs = zip(map(_dense, outputs), wanted, strict=True)
    return [jnp.asarray(x, aval.dtype) for x, aval in pairs]


_CALLS = {
    *("jit", "closed_call", "core_call", "remat2", "checkpoint"),
    *("custom_jvp_call", "custom_vjp_call"),
}
_RULES: dict[str, Rule] = {
    **dict.fromkeys(_CALLS, _inline),
    "dot_general": _product,
    "transpose": _transpose,
    "convert_element_type": _convert,
    "copy": lambda _, inputs: inputs,
    "copy_p": lambda _, inputs: inputs,
    "slice": _slice,
    "dynamic_slice": _dynamic_slice,
    "split": _split,
    "cond": _branches,
    "scan": _scan,
    "while": _while,
}
