"""The numbers of one evolution: how many, how long, and what is measured."""

import dataclasses
from typing import Literal


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """What an evolution is determined by beside its agent, environment and strategy."""

    seed: int
    """Of all randomness."""
    generations: int
    steps: int
    """T, the steps of one life."""
    population: int
    """K, the members of a generation."""
    tile: int
    """Members that one compiled program lives; part of what the bits depend on."""
    lives: int = 1
    """Independent lives averaged per member."""
    same_lives: bool = False
    """All members of a generation live the same lives."""
    bins: int = 32
    """Bins of the within-life curve."""
    keep: int = 8
    """Champions kept at the end."""
    held_out_lives: int = 64
    """Fresh lives that each champion is measured on."""
    archive: int = 32
    """Candidates remembered; at least ``keep``."""
    details_every: int = 1
    """Generations between whole outcomes of the best and the median member."""
    validate_every: int | Literal["auto"] | None = "auto"
    """Generations between points of the validation curve; None: no curve."""
    validate_lives: int = 128
    """Fixed lives of the validation curve."""

    @property
    def steps_per_generation(self) -> int:
        """Environment steps lived in one generation."""
        return self.population * self.lives * self.steps
