"""The typed config of a meta-run: how a selection operator is trained."""

import hashlib
import json
import os
from collections.abc import Sequence
from typing import Any

from pydantic import Field

from evolife.config.bundled import find_config
from evolife.config.layers import Layer, file_layer, merge, override_layer
from evolife.config.model import PLUGINS, Checkpoint, Choice, Located, Section
from evolife.config.plugin_folders import anchored, folders, joined
from evolife.config.sources import Source, plain_data
from evolife.config.validation import validated
from evolife.config.yaml_file import dump_yaml, read_yaml

_UNDIGESTED = {"name", "claim", "checkpoint", "record", "plugins"}


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

    def to_yaml(self) -> str:
        """Write every setting, defaults too, as YAML that loads to an equal config."""
        return dump_yaml(self.model_dump(mode="json", by_alias=True))


def load_meta(
    name_or_path: str, overrides: Sequence[str] = (), plugins: Sequence[str] = ()
) -> MetaConfig:
    """Load a bundled meta-config by name, or a YAML file, and lay overrides over it.

    ``plugins`` are added to the config's own, or replace those that are gone.

    Raises:
        InvalidInput: one line for each thing that is wrong: origin, key, value, remedy.
    """
    path = find_config(name_or_path, "meta")
    layer = anchored(file_layer(read_yaml(path)), path.parent)
    return _parsed(merge(layer, override_layer(overrides)), plugins)


def _parsed(layer: Layer, plugins: Sequence[str]) -> MetaConfig:
    config = validated(MetaConfig, layer.data, layer.origins)
    config._origins = layer.origins
    return config.model_copy(update={"plugins": joined(config.plugins, plugins)})


def meta_config(
    source: Source | MetaConfig, overrides: Sequence[str], plugins: Sequence[Any] = ()
) -> MetaConfig:
    """The config of a meta-run, from wherever it is, with ``overrides`` over it.

    Raises:
        InvalidInput: one line for each thing that is wrong.
    """
    named = folders(plugins)
    if isinstance(source, str | os.PathLike):
        return load_meta(os.fspath(source), overrides, named)
    layer = Layer(plain_data(source, MetaConfig))
    return _parsed(merge(layer, override_layer(overrides)), named)


def meta_digest(config: MetaConfig) -> str:
    """Hex SHA-256 of what determines the training.

    The number of meta-steps counts, because the learning rate falls towards its end.
    """
    text = json.dumps(digested(config), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def digested(config: MetaConfig) -> dict[str, Any]:
    """The settings that determine the training, as plain data."""
    return config.model_dump(mode="json", exclude=_UNDIGESTED)
