"""Changes to any environment, one a file: ``wrap`` in a config.

Every wrapper is an environment around an environment.
"""

import dataclasses
from typing import Any

from evolife.base import GIVEN, Action, Array, Environment, EnvState, Spec
from evolife.drawing import Pen


@dataclasses.dataclass(frozen=True)
class Wrapper(Environment):
    """An environment that changes ``inner``; its state holds inner's as ``inner``.

    Neither optimum nor memoryless score is known once something has changed.
    """

    inner: Environment = dataclasses.field(metadata=GIVEN)

    @property
    def spec(self) -> Spec:
        """As inside."""
        return self.inner.spec

    @property
    def reward_range(self) -> tuple[float, float]:
        """As inside."""
        return self.inner.reward_range

    def check(self, steps: int) -> None:
        """Refuse what the environment inside refuses."""
        self.inner.check(steps)

    def over(self, state: EnvState) -> Array | None:
        """As inside."""
        return self.inner.over(state.inner)

    def statistics(self, state: EnvState) -> dict[str, Array]:
        """As inside."""
        return self.inner.statistics(state.inner)

    def draw(self, pen: Pen, state: EnvState, action: Action) -> None:
        """As inside."""
        self.inner.draw(pen, state.inner, action)

    def __getattribute__(self, name: str) -> Any:
        """Describe the world inside, and add what is changed about it."""
        if name not in {"senses", "acts", "objective", "generalises"}:
            return super().__getattribute__(name)
        told: str = getattr(self.inner, name)
        changed = getattr(type(self), name, "")
        return f"{told}; {changed}" if changed else told


def innermost(environment: Environment) -> Environment:
    """The environment within all wrappers."""
    while isinstance(environment, Wrapper):
        environment = environment.inner
    return environment
