"""The typed config of a meta-run: how a selection operator is trained."""

from typing import Annotated, ClassVar

from annotated_types import Ge, Gt, Le
from pydantic import Field

from evolife.config.located import Located
from evolife.config.recording import Checkpoint
from evolife.config.section import Choice, Section


class Shape(Section):
    """Sizes of the operator."""

    width: Annotated[int, Ge(1), Le(32)] = 16
    """Size of hidden layers."""
    queries: Annotated[int, Ge(1), Le(16)] = 4
    """Learned queries."""
    signed: bool = True
    """Whether members may weigh less than nothing."""


class Optimizer(Section):
    """How the operator follows its gradients."""

    learning_rate: Annotated[float, Gt(0)] = 5e-3
    """Of Adam at the start; falls along a cosine."""
    clip: Annotated[float, Gt(0)] = 1.0
    """Longest gradient followed."""


class Validate(Section):
    """When the operator is compared with the best so far."""

    every: Annotated[int, Ge(1)] = 50
    """Meta-steps between."""


class MetaRecord(Section):
    """What is written for the dashboard."""

    every: Annotated[int, Ge(1)] = 10
    """Meta-steps between heavy records."""
    tensorboard: bool = True
    """Write TensorBoard event files."""


class MetaConfig(Located):
    """Everything a meta-run is determined by."""

    bundled: ClassVar[str] = "meta"
    undigested: ClassVar[frozenset[str]] = frozenset(
        {"name", "claim", "checkpoint", "record", "plugins"}
    )
    """The number of meta-steps counts: the learning rate falls towards its end."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Name of the run."""
    seed: Annotated[int, Ge(0), Le(2**32 - 1)] = 0
    """Seed of all randomness."""
    route: Choice
    """How gradients are made, and of what."""
    operator: Shape = Shape()
    """Sizes of the operator."""
    meta_steps: Annotated[int, Ge(1), Le(2**31 - 1)]
    """Updates of the operator."""
    optimizer: Optimizer = Optimizer()
    """How gradients are followed."""
    validate_: Validate = Field(default=Validate(), alias="validate")
    """Choice of the best operator."""
    checkpoint: Checkpoint = Checkpoint(every=100)
    """When state is saved."""
    record: MetaRecord = MetaRecord()
    """What the dashboard shows."""
    claim: str = ""
    """What the operator should do, and could fail to."""
    plugins: tuple[str, ...] = ()
    """Folders of plug-ins of your own: agents/, envs/, strategies/, ..."""
