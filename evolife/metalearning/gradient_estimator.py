"""The contract of a route: how one shard of a meta-batch gives a gradient."""

import abc
import dataclasses
from typing import Any, ClassVar

from evolife.base import GIVEN, Array, Key
from evolife.selection.operator import Architecture, Operator

Carry = Any


@dataclasses.dataclass(frozen=True)
class GradientEstimator(abc.ABC):
    """How an operator's loss is made and differentiated; subclasses are frozen.

    A meta-batch has a fixed number of shards, each with a program of its own shape, so
    that any number of ranks computes the same bits. A shard carries what goes on from
    one meta-step to the next, such as populations that are half way.
    """

    architecture: Architecture = dataclasses.field(
        default_factory=Architecture, kw_only=True, repr=False, metadata=GIVEN
    )
    idea: ClassVar[str]
    """One sentence: what the gradient is of."""

    @property
    @abc.abstractmethod
    def shards(self) -> int:
        """How many shards a meta-batch has."""

    @abc.abstractmethod
    def begin(self, shard: int, key: Key) -> Carry:
        """What the shard carries at first: a pytree of arrays of fixed shapes."""

    @abc.abstractmethod
    def gradient(
        self, shard: int, operator: Operator, carry: Carry, key: Key
    ) -> tuple[Operator, Carry, dict[str, Array]]:
        """One shard's gradient of its loss, which is minimised; traceable by ``jit``.

        ``key`` is fresh at every meta-step. Returns the gradient, what is carried on,
        and named scalars to record, ``loss`` among them, the same names for all shards.
        """

    def validate(self, operator: Operator) -> Array:
        """A score on what gradients are never taken of, larger is better.

        Routes without this method write the operator they end with.
        """
        raise NotImplementedError

    def described(self) -> dict[str, Any]:
        """What the operator's card says of its training beside the hyperparameters."""
        return {}
