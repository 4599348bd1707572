"""What a run keeps of itself, and when it gives itself up: no part of its evolution."""

from typing import Annotated, Literal, Self

import pydantic
from pydantic import Field

from evolife.config.section import Section


class Nonfinite(Section):
    """When a run is stopped in which nobody earns anything finite any more."""

    last: int = Field(
        default=20, ge=1, le=2**20, description="newest generations that are looked at"
    )
    share: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="stop if in more than this share no member was finite; 1: never",
    )


class Checkpoint(Section):
    """When the state of the run is saved."""

    every: int = Field(default=10, ge=1, description="generations between checkpoints")
    keep: int = Field(default=3, ge=1, description="newest checkpoints kept")


class Record(Section):
    """What is written for the dashboard."""

    every: int = Field(default=1, ge=1, description="generations between heavy records")
    tensorboard: bool = Field(default=True, description="write TensorBoard event files")
    validate_every: Annotated[int, Field(ge=1)] | Literal["auto"] | None = Field(
        default="auto",
        description="generations between points of the validation curve; auto: 10, or "
        "more where it would add over 2% to the steps; null: no curve",
    )
    validate_lives: int = Field(
        default=128, ge=2, le=2**24, description="fixed lives of the validation curve"
    )
    hparams: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=(),
        description="dotted keys in the dashboard's table of runs; none: the usual",
    )
    film_every: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="generations between films of the best member"
    )

    @pydantic.model_validator(mode="after")
    def _films_are_shown(self) -> Self:
        if self.film_every and not self.tensorboard:
            raise ValueError(
                f"film_every ({self.film_every}) needs tensorboard: true, which shows "
                "the films; use film_every: null without it"
            )
        return self
