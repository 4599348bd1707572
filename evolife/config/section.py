"""What every part of a config is: a mapping that is checked."""

import pydantic


class Section(pydantic.BaseModel):
    """A mapping of settings: strict, closed, immutable."""

    model_config = pydantic.ConfigDict(
        strict=True, extra="forbid", frozen=True, allow_inf_nan=False
    )
