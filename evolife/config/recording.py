"""What a run keeps of itself, and when it gives itself up: no part of its evolution."""

from typing import Annotated, Literal, Self

import pydantic
from annotated_types import Ge, Le
from pydantic import Field

from evolife.config.section import Section


class Nonfinite(Section):
    """When a run is stopped in which nobody earns anything finite any more."""

    last: Annotated[int, Ge(1), Le(2**20)] = 20
    """Newest generations that are looked at."""
    share: Annotated[float, Ge(0), Le(1)] = 0.5
    """Stop if in more than this share no member was finite; 1: never."""


class Checkpoint(Section):
    """When the state of the run is saved."""

    every: Annotated[int, Ge(1)] = 10
    """Generations between checkpoints."""
    keep: Annotated[int, Ge(1)] = 3
    """Newest checkpoints kept."""


class Record(Section):
    """What is written for the dashboard."""

    every: Annotated[int, Ge(1)] = 1
    """Generations between heavy records."""
    tensorboard: bool = True
    """Write TensorBoard event files."""
    validate_every: Annotated[int, Field(ge=1)] | Literal["auto"] | None = "auto"
    """Generations between points of the validation curve; auto: 10, or more where it
    would add over 2% to the steps; null: no curve."""
    validate_lives: Annotated[int, Ge(2), Le(2**24)] = 128
    """Fixed lives of the validation curve."""
    hparams: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Dotted keys in the dashboard's table of runs; none: the usual."""
    film_every: Annotated[int, Field(ge=1)] | None = None
    """Generations between films of the best member."""

    @pydantic.model_validator(mode="after")
    def _films_are_shown(self) -> Self:
        if self.film_every and not self.tensorboard:
            raise ValueError(
                f"film_every ({self.film_every}) needs tensorboard: true, which shows "
                "the films; use film_every: null without it"
            )
        return self
