"""What every part of a config is: a mapping that is checked."""

from typing import Annotated, Any

import pydantic
from pydantic import Field, JsonValue


class Section(pydantic.BaseModel):
    """A mapping of settings: strict, closed, immutable."""

    model_config = pydantic.ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


class Choice(Section):
    """A plug-in by name, and its hyperparameters as further keys."""

    model_config = pydantic.ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, JsonValue] = Field(init=False)

    name: Annotated[str, Field(min_length=1)]
    """Name of the plug-in."""

    @property
    def settings(self) -> dict[str, Any]:
        """The hyperparameters given: plain data by key."""
        return dict(self.model_extra or {})
