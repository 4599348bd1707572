"""The parameters of a sweep: what values each may take."""

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self

import pydantic
from annotated_types import Gt
from pydantic import Field, JsonValue

from evolife.config.layers import Origins
from evolife.config.section import Section
from evolife.config.validation import validated
from evolife.errors import InvalidInput, nearest
from evolife.sweeps.distributions import BY_MOMENTS, DISTRIBUTIONS, NUMERIC, pick

_MOST_VALUES = 1_000_000


class Parameter(Section):
    """Values of one key of the config; the vocabulary of W&B, and ``range``."""

    value: JsonValue = None
    """The one value it has."""
    values: list[JsonValue] | None = Field(default=None, min_length=1)
    """The values it may have."""
    probabilities: list[float] | None = None
    """Of the values, where they are not equal."""
    range: list[int] | None = Field(default=None, min_length=2, max_length=3)
    """[first, end] or [first, end, step] of integers, without the end."""
    distribution: str | None = None
    """How values are drawn."""
    min: float | int | None = None
    """Least value."""
    max: float | int | None = None
    """Largest value."""
    mu: float = 0.0
    """Mean of a normal distribution."""
    sigma: Annotated[float, Gt(0)] = 1.0
    """Standard deviation of it."""
    q: Annotated[float | int, Gt(0)] = 1
    """Step of a q_ distribution."""

    @pydantic.model_validator(mode="after")
    def _consistent(self) -> Self:
        for check in (_one_source, _known, _bounded, _weighted, _ranged):
            check(self)
        return self

    @property
    def kind(self) -> str:
        """Name of its distribution, given or by what is given."""
        if self.distribution:
            return self.distribution
        if "value" in self.model_fields_set:
            return "constant"
        if self.values is not None or self.range is not None:
            return "categorical"
        whole = isinstance(self.min, int) and isinstance(self.max, int)
        return "int_uniform" if whole else "uniform"

    @property
    def listed(self) -> list[Any] | None:
        """All its values in their order; None where they are not counted out."""
        if self.kind == "constant":
            return [self.value]
        if self.range is not None:
            return list(_range(self))
        if self.values is not None:
            return list(self.values)
        if self.kind not in ("int_uniform", "q_uniform") or not self.distribution:
            return None
        return _stepped(self)

    def quantile(self, u: float) -> Any:
        """The value at ``u`` of its distribution, 0 <= u < 1."""
        if self.kind in NUMERIC:
            return NUMERIC[self.kind](u, self.__dict__)
        return pick(u, self.listed or [], self.probabilities)


def flattened(parameters: Mapping[str, Any], origins: Origins) -> dict[str, Parameter]:
    """Check the section ``parameters``; nested ones get dotted keys.

    Raises:
        InvalidInput: one line for each thing that is wrong.
    """
    found: dict[str, Parameter] = {}
    problems: list[str] = []
    for key, path, data in _leaves(parameters, (), ("parameters",)):
        try:
            if key in found:
                where = origins.of(path)
                raise InvalidInput(f"{where}: {key}: given twice; remove one")
            if not isinstance(data, Mapping):
                raise InvalidInput(_not_a_mapping(key, path, data, origins))
            found[key] = validated(Parameter, data, origins, prefix=path)
        except InvalidInput as error:
            problems.append(str(error))
    if problems:
        raise InvalidInput("\n".join(problems))
    return found


def _leaves(
    parameters: Mapping[str, Any], keys: tuple[str, ...], path: tuple[str, ...]
) -> Iterator[tuple[str, tuple[str, ...], Any]]:
    """Dotted key, place in the file and data of each parameter."""
    for name, data in parameters.items():
        here, place = (*keys, name), (*path, name)
        nested = data.get("parameters") if isinstance(data, Mapping) else None
        if isinstance(nested, Mapping) and len(data) == 1:
            yield from _leaves(nested, here, (*place, "parameters"))
        else:
            yield ".".join(here), place, data


def _not_a_mapping(key: str, path: tuple[str, ...], data: Any, origins: Origins) -> str:
    word = "values" if isinstance(data, list) else "value"
    return (
        f"{origins.of(path)}: {key}: must be a mapping, such as "
        f"{{{word}: {str(data)[:40]}}}"
    )


def _one_source(one: Parameter) -> None:
    given = one.model_fields_set
    bounds = {"min", "max"} & given
    sources = sorted({"value", "values", "range"} & given)
    sources += ["min and max"] if bounds else []
    if len(sources) > 1:
        raise ValueError(f"{' and '.join(sources)} exclude each other; give one")
    by_moments = one.distribution in BY_MOMENTS
    if not sources and not by_moments:
        raise ValueError("give value, values, range, or min and max")
    if sources and by_moments:
        raise ValueError(f"{one.distribution} has mu and sigma, not {sources[0]}")
    needs = {"q": "q_", "probabilities": "values"}
    for name, what in needs.items():
        fits = what in given or (one.distribution or "").startswith(what)
        if name in given and not fits:
            raise ValueError(f"{name} goes with {what} only")


def _known(one: Parameter) -> None:
    name = one.distribution
    if name is None:
        return
    if name not in DISTRIBUTIONS:
        allowed = ", ".join(DISTRIBUTIONS)
        close = nearest(name, DISTRIBUTIONS)
        raise ValueError(f"no distribution {name}; allowed: {allowed}{close}")
    given = one.model_fields_set
    if name == "constant" and "value" not in given:
        raise ValueError("constant needs value")
    if name.startswith("categorical") and not {"values", "range"} & given:
        raise ValueError(f"{name} needs values")
    if name in NUMERIC and {"value", "values", "range"} & given:
        raise ValueError(f"{name} needs min and max, or mu and sigma")


def _bounded(one: Parameter) -> None:
    if one.kind not in NUMERIC or one.kind in BY_MOMENTS:
        return
    if one.min is None or one.max is None:
        raise ValueError("min and max go together; give both")
    if one.min > one.max:
        raise ValueError(f"min ({one.min}) must not be above max ({one.max})")
    if one.kind.endswith("log_uniform_values") and one.min <= 0:
        raise ValueError(f"{one.kind} needs min above 0, not {one.min}")
    if one.kind == "int_uniform" and not all(
        float(bound).is_integer() for bound in (one.min, one.max)
    ):
        raise ValueError("int_uniform needs whole numbers as min and max")
    if "log_uniform" in one.kind and not one.kind.endswith("values"):
        try:
            math.exp(max(abs(one.min), abs(one.max)))
        except OverflowError:
            raise ValueError(
                f"{one.kind} takes logarithms as min and max; for the values "
                f"themselves use {one.kind}_values"
            ) from None


def _weighted(one: Parameter) -> None:
    weights = one.probabilities
    if weights is None:
        return
    if len(weights) != len(one.values or ()):
        count = len(one.values or ())
        raise ValueError(f"{len(weights)} probabilities for {count} values")
    if min(weights) < 0 or not math.isclose(sum(weights), 1, abs_tol=1e-6):
        raise ValueError("probabilities must not be negative and must add up to 1")


def _ranged(one: Parameter) -> None:
    if one.range is None:
        return
    if len(one.range) == 3 and one.range[2] == 0:
        raise ValueError("the step of a range must not be 0")
    count = len(_range(one))
    if not 0 < count <= _MOST_VALUES:
        raise ValueError(
            f"range {one.range} holds {count} numbers; allowed are 1 to {_MOST_VALUES} "
            "(the end itself is not one of them)"
        )


def _range(one: Parameter) -> "range":
    return range(*(one.range or ()))


def _stepped(one: Parameter) -> list[Any] | None:
    """All values of a distribution that takes steps, if they are few enough."""
    low, high = one.min, one.max
    assert low is not None and high is not None
    step = 1 if one.kind == "int_uniform" else one.q
    first, last = math.ceil(low / step), math.floor(high / step)
    if last - first >= _MOST_VALUES:
        return None
    return [step * count for count in range(first, last + 1)]
