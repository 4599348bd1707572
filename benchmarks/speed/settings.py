"""How large and how long the benchmarks are."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Size:
    """Members of a generation and steps of a life."""

    population: int = 1024
    steps: int = 500

    def longer(self, factor: int) -> "Size":
        """As many members with ``factor`` times the steps."""
        return Size(self.population, self.steps * factor)


@dataclasses.dataclass(frozen=True)
class Effort:
    """How much is measured."""

    rounds: int = 7
    """Rounds in which all contenders of a session take turns."""
    seconds: float = 1.0
    """About how long one contender's turn lasts."""
    seeds: int = 3
    """Seeds of the time to solve."""
    patience: float = 150.0
    """Seconds after which a contender counts as not having solved the task."""
