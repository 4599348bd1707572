"""The typed config of a meta-run: how a selection operator is trained."""

from typing import ClassVar

from pydantic import Field

from evolife.config.located import PLUGINS, Located
from evolife.config.recording import Checkpoint
from evolife.config.section import Choice, Section


class Shape(Section):
    """Sizes of the operator."""

    width: int = Field(default=16, ge=1, le=32, description="size of hidden layers")
    queries: int = Field(default=4, ge=1, le=16, description="learned queries")
    signed: bool = Field(
        default=True, description="whether members may weigh less than nothing"
    )


class Optimizer(Section):
    """How the operator follows its gradients."""

    learning_rate: float = Field(
        default=5e-3, gt=0, description="of Adam at the start; falls along a cosine"
    )
    clip: float = Field(default=1.0, gt=0, description="longest gradient followed")


class Validate(Section):
    """When the operator is compared with the best so far."""

    every: int = Field(default=50, ge=1, description="meta-steps between")


class MetaRecord(Section):
    """What is written for the dashboard."""

    every: int = Field(default=10, ge=1, description="meta-steps between heavy records")
    tensorboard: bool = Field(default=True, description="write TensorBoard event files")


class MetaConfig(Located):
    """Everything a meta-run is determined by."""

    bundled: ClassVar[str] = "meta"
    undigested: ClassVar[frozenset[str]] = frozenset(
        {"name", "claim", "checkpoint", "record", "plugins"}
    )
    """The number of meta-steps counts: the learning rate falls towards its end."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="name of the run"
    )
    seed: int = Field(
        default=0, ge=0, le=2**32 - 1, description="seed of all randomness"
    )
    route: Choice = Field(description="how gradients are made, and of what")
    operator: Shape = Field(default=Shape(), description="sizes of the operator")
    meta_steps: int = Field(ge=1, le=2**31 - 1, description="updates of the operator")
    optimizer: Optimizer = Field(
        default=Optimizer(), description="how gradients are followed"
    )
    validate_: Validate = Field(
        default=Validate(), alias="validate", description="choice of the best operator"
    )
    checkpoint: Checkpoint = Field(
        default=Checkpoint(every=100), description="when state is saved"
    )
    record: MetaRecord = Field(
        default=MetaRecord(), description="what the dashboard shows"
    )
    claim: str = Field(
        default="", description="what the operator should do, and could fail to"
    )
    plugins: tuple[str, ...] = PLUGINS
