"""Optimizers and schedules of optax, by name, from the mappings of a config."""

import functools
import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from evosax.core.optimizer import clipup

from evolife.errors import InvalidInput, nearest

Schedule = Callable[[Any], Any]


def optimizer(value: Any, where: str) -> optax.GradientTransformation:
    """Build ``{name: adam, learning_rate: 0.01}``: any alias of optax, or clipup.

    A number among the arguments may be a schedule instead.

    Raises:
        InvalidInput: for an unknown name or argument, a value that does not suit, or an
            optimizer that needs more than gradients.
    """
    name, arguments = _named(value, where, optimizers(), "an optimizer")
    arguments = {
        key: schedule(item, f"{where}.{key}") if isinstance(item, Mapping) else item
        for key, item in arguments.items()
    }
    _check_positive(arguments.get("learning_rate"), f"{where}.learning_rate")
    built = _call(optimizers()[name], arguments, f"{where} '{name}'")
    flat = jax.ShapeDtypeStruct((2,), jnp.float32)
    try:
        jax.eval_shape(lambda x: built.update(x, built.init(x), x), flat)
    except Exception as error:
        raise InvalidInput(
            f"{where}: optimizer '{name}' does not work with {arguments}: "
            f"{_first_line(error)}; change its arguments or choose another"
        ) from error
    return built


def schedule(value: Any, where: str) -> Schedule:
    """Build a schedule over generations: a number, or any schedule of optax by name.

    ``{name: exponential_decay, init_value: 0.1, ...}``; ``_schedule`` at the end of a
    name may be left out. Values start above zero.

    Raises:
        InvalidInput: for an unknown name or argument, or a value that does not suit.
    """
    if not isinstance(value, Mapping | str):
        _check_positive(value, where, required=True)
        return optax.constant_schedule(float(value))
    name, arguments = _named(value, where, schedules(), "a schedule")
    arguments = {key: _with_whole_keys(item) for key, item in arguments.items()}
    built = _call(schedules()[name], arguments, f"{where} '{name}'")
    try:
        first = float(built(0))
        jax.eval_shape(built, jax.ShapeDtypeStruct((), jnp.int32))
    except Exception as error:
        raise InvalidInput(
            f"{where}: schedule '{name}' does not work with {arguments}: "
            f"{_first_line(error)}; change its arguments"
        ) from error
    _check_positive(first, f"{where} at generation 0", required=True)
    return built


@functools.cache
def optimizers() -> dict[str, Callable[..., Any]]:
    """Optimizers by name: functions of optax that start with a learning rate."""
    found = {
        name: function
        for name, function in vars(optax).items()
        if not name.startswith(("_", "scale_by"))
        and inspect.isfunction(function)
        and next(iter(inspect.signature(function).parameters), "") == "learning_rate"
    }
    return dict(sorted({**found, "clipup": clipup}.items()))


@functools.cache
def schedules() -> dict[str, Callable[..., Any]]:
    """Schedules that plain values describe, by name without ``_schedule``."""
    found = {
        name.removesuffix("_schedule"): function
        for name, function in vars(optax.schedules).items()
        if inspect.isfunction(function)
        and not name.startswith(("inject_", "join_", "sgdr_"))
    }
    return dict(sorted(found.items()))


def _named(
    value: Any, where: str, known: Mapping[str, Any], what: str
) -> tuple[str, dict[str, Any]]:
    arguments = {"name": value} if isinstance(value, str) else value
    if not isinstance(arguments, Mapping) or "name" not in arguments:
        raise InvalidInput(
            f"{where} = {value!r}: {what} is a mapping with a name and its arguments, "
            f"such as {{name: {next(iter(known))}, ...}}"
        )
    name = str(arguments["name"]).removesuffix("_schedule")
    if name not in known:
        raise InvalidInput(
            f"{where}.name = {name!r}: unknown{nearest(name, known)} "
            f"(known: {', '.join(known)})"
        )
    return name, {key: item for key, item in arguments.items() if key != "name"}


def _with_whole_keys(value: Any) -> Any:
    """Keys as whole numbers: a config's are text, optax's are generations."""
    if not isinstance(value, Mapping):
        return value
    return {
        int(key) if str(key).isdecimal() else key: item for key, item in value.items()
    }


def _call(function: Callable[..., Any], arguments: dict[str, Any], what: str) -> Any:
    parameters = inspect.signature(function).parameters
    for key in arguments:
        if key not in parameters:
            raise InvalidInput(
                f"{what}: unknown argument {key!r}{nearest(key, parameters)} "
                f"(it takes {', '.join(parameters)})"
            )
    missing = [
        key
        for key, parameter in parameters.items()
        if parameter.default is parameter.empty and key not in arguments
    ]
    if missing:
        raise InvalidInput(f"{what} needs {', '.join(missing)}; add it")
    try:
        return function(**arguments)
    except (TypeError, ValueError, AssertionError) as error:
        raise InvalidInput(
            f"{what}: {_first_line(error)}; given {arguments}"
        ) from error


def _check_positive(value: Any, where: str, required: bool = False) -> None:
    if callable(value) or (value is None and not required):
        return
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value <= 0:
        raise InvalidInput(f"{where} = {value!r}: must be a number above 0")


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
