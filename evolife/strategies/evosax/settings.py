"""Routes one flat mapping of settings to where evosax keeps each of them."""

import dataclasses
import functools
import inspect
import math
import typing
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from evosax.algorithms import algorithms as ALGORITHMS  # noqa: N812

from evolife.errors import EvolifeError, InvalidInput, nearest
from evolife.strategies.evosax import optax_settings
from evolife.strategies.evosax.following import following
from evolife.strategies.evosax.tables import (
    DEFAULTS,
    FLOORED,
    LENGTHS,
    SETTABLE,
    SMALLEST,
    UNREAD,
    WIDENED,
)

# Given by the adapter, functions, or files whose loading runs code (pickle).
_NOT_SETTINGS = frozenset(
    {
        *("population_size", "solution", "sampling_fn", "kernel"),
        *("fitness_shaping_fn", "fitness_mapping", "metrics_fn", "alpha_schedule"),
        *("params", "params_path", "mutation_feature_encoding"),
        *("model_config", "solution_config", "fitness_config", "distrib_config"),
    }
)


class MisfitError(Exception):
    """An algorithm refuses this population or this number of dimensions."""


def with_defaults(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Lay ``settings`` over evolife's defaults; an unnamed optimizer keeps its name."""
    defaults = DEFAULTS.get(name, {})
    merged = {**defaults, **settings}
    given = merged.get("optimizer")
    if isinstance(given, Mapping) and "name" not in given:
        merged["optimizer"] = {**defaults.get("optimizer", {}), **given}
    return merged


@functools.cache
def constructor_settings(name: str) -> dict[str, Any]:
    """Constructor arguments that settings may give, with evosax's own defaults."""
    parameters = inspect.signature(ALGORITHMS[name]).parameters.values()
    hidden = _NOT_SETTINGS.union(("std_schedule",) if name in WIDENED else ())
    return {p.name: p.default for p in parameters if p.name not in hidden}


@functools.cache
def params_settings(name: str) -> tuple[str, ...]:
    """Fields of the algorithm's ``Params`` that settings may replace."""
    getter = ALGORITHMS[name]._default_params.fget
    cls = typing.get_type_hints(getter)["return"]
    fields = (field.name for field in dataclasses.fields(cls))
    hidden = _NOT_SETTINGS.union(UNREAD.get(name, ()), own_settings(name))
    return tuple(field for field in fields if field not in hidden)


def own_settings(name: str) -> tuple[str, ...]:
    """Settings that evolife heeds itself: evosax has none, or means another thing."""
    if name in WIDENED:
        return ("std_init", "std_min")
    return ("std_min",) if name in FLOORED else ()


def valid_keys(name: str) -> tuple[str, ...]:
    """Every key that the settings of an algorithm may hold."""
    settable = SETTABLE.get(name, ())
    evosaxes = (*constructor_settings(name), *settable, *params_settings(name))
    return (*evosaxes, *own_settings(name))


def build_algorithm(
    name: str,
    population_size: int,
    dimensions: int,
    settings: Mapping[str, Any],
    generations: int | None = None,
) -> tuple[Any, Any]:
    """Construct an algorithm over flat solutions and its params.

    ``generations`` are those of the run, where there is one.

    Raises:
        InvalidInput: for an unknown key or a value that does not suit.
        MisfitError: if the algorithm refuses the population or the genome.
    """
    _check_keys(name, settings)
    merged = with_defaults(name, settings)
    _check_own(name, merged)
    merged = following(merged, population_size, generations)
    arguments = {
        key: _argument(key, merged[key], default, f"strategy.{key}")
        for key, default in constructor_settings(name).items()
        if key in merged
    }
    if name in WIDENED:
        arguments["std_schedule"] = optax_settings.schedule(
            merged["std_min"], "strategy.std_min"
        )
    if name in LENGTHS:
        of_one = arguments["std_schedule"]
        arguments["std_schedule"] = lambda step: of_one(step) * math.sqrt(dimensions)
    size = _size_of_one(name, population_size, arguments.get("num_populations", 1))
    if name == "RandomSearch":
        arguments["sampling_fn"] = _before_init
    algorithm = _construct(name, size, dimensions, arguments)
    for key in SETTABLE.get(name, ()):
        if key in merged:
            now = getattr(algorithm, key)
            setattr(algorithm, key, _attribute(key, merged[key], now))
    return algorithm, _params(name, algorithm, merged)


def _before_init(key: Any) -> Any:
    raise EvolifeError(
        "RandomSearch samples newborns: init the strategy before it asks"
    )


def _check_keys(name: str, settings: Mapping[str, Any]) -> None:
    allowed = valid_keys(name)
    for key in settings:
        if key not in allowed:
            raise InvalidInput(
                f"strategy.{key}: {name} has no such setting{nearest(key, allowed)} "
                f"({name} takes {', '.join(allowed) or 'no settings'})"
            )


def _check_own(name: str, merged: Mapping[str, Any]) -> None:
    """Step sizes are numbers above 0."""
    for key in own_settings(name):
        suits = _is_number(merged[key]) and merged[key] > 0
        _typed(f"strategy.{key}", merged[key], suits, "a number above 0")


def _check_floor(merged: Mapping[str, Any], params: Any) -> None:
    """The floor under a step size is not above where it starts."""
    start = merged.get("std_init", getattr(params, "std_init", math.inf))
    floor, start = merged.get("std_min", 0), float(start)
    if floor > start:
        raise InvalidInput(
            f"strategy.std_min = {floor!r}: the floor under the step size is above "
            f"strategy.std_init = {start!r}, where it starts; lower one or raise the "
            "other"
        )


def _size_of_one(name: str, population_size: int, populations: int) -> int:
    if population_size < SMALLEST.get(name, 1):
        raise MisfitError(f"at least {SMALLEST[name]} members are needed")
    if population_size % populations:
        raise MisfitError(
            f"the population is shared by {populations} distributions alike"
        )
    return population_size // populations


def _construct(name: str, size: int, dimensions: int, arguments: dict) -> Any:
    try:
        return ALGORITHMS[name](
            population_size=size, solution=jnp.zeros(dimensions), **arguments
        )
    except (AssertionError, ArithmeticError, ValueError) as error:
        raise MisfitError(str(error) or type(error).__name__) from error


def _params(name: str, algorithm: Any, merged: Mapping[str, Any]) -> Any:
    try:
        params = algorithm.default_params
    except ArithmeticError as error:
        raise MisfitError(str(error)) from error
    changes = {
        key: _replacement(key, merged[key], getattr(params, key))
        for key in params_settings(name)
        if key in merged
    }
    if name == "LM_MA_ES" and "c_c" not in changes:
        # A path cannot be replaced by more than all of itself: above 2 this is NaN.
        changes["c_c"] = jnp.minimum(params.c_c, 1.0)
    params = params.replace(**changes)
    _check_not_nan(params)
    _check_floor(merged, params)
    return params


def _check_not_nan(params: Any) -> None:
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        if jnp.any(jnp.isnan(leaf)):
            constant = jax.tree_util.keystr(path, simple=True)
            raise MisfitError(f"its constant {constant} is not a number at this size")


def _argument(key: str, value: Any, default: Any, where: str) -> Any:
    if key == "optimizer":
        return optax_settings.optimizer(value, where)
    if key == "std_schedule":
        return optax_settings.schedule(value, where)
    if isinstance(default, bool):
        return _typed(where, value, isinstance(value, bool), "true or false")
    if value is None and default is None:
        return None
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= 1
    return _typed(where, value, whole, "a whole number of at least 1")


def _attribute(key: str, value: Any, now: Any) -> Any:
    where = f"strategy.{key}"
    if isinstance(now, bool):
        return _typed(where, value, isinstance(value, bool), "true or false")
    if key.endswith("_ratio"):
        inside = _is_number(value) and 0 < value <= 1
        return float(_typed(where, value, inside, "a number above 0 and at most 1"))
    above = _is_number(value) and value > 0
    return float(_typed(where, value, above, "a number above 0"))


def _replacement(key: str, value: Any, now: Any) -> Any:
    """``value`` with the type of the params field that it replaces."""
    where = f"strategy.{key}"
    if isinstance(now, bool):
        return _typed(where, value, isinstance(value, bool), "true or false")
    if isinstance(now, int):
        whole = isinstance(value, int) and not isinstance(value, bool) and value >= 1
        return _typed(where, value, whole, "a whole number of at least 1")
    if jnp.ndim(now) == 0:
        positive = key in ("std_init", "std_min")
        suits = _is_number(value) and (value > 0 or not positive)
        meaning = "a number above 0" if positive else "a finite number"
        number = float(_typed(where, value, suits, meaning))
        return number if isinstance(now, float) else jnp.float32(number)
    length = len(now)
    listed = isinstance(value, list | tuple) and len(value) == length
    suits = listed and _are_numbers(value)
    return jnp.asarray(_typed(where, value, suits, f"a list of {length} numbers"), "f4")


def _typed(where: str, value: Any, suits: bool, meaning: str) -> Any:
    if not suits:
        raise InvalidInput(f"{where} = {value!r}: must be {meaning}")
    return value


def _is_number(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value)


def _are_numbers(values: Iterable[Any]) -> bool:
    return all(_is_number(value) for value in values)
