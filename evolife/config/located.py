"""A whole config of any kind: read from a file, overridden, checked, digested."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, ClassVar, Self, TypeVar

from pydantic import PrivateAttr

from evolife.config.bundled import find_config
from evolife.config.layers import Layer, Origins, file_layer, merge, override_layer
from evolife.config.plugin_folders import anchored, joined
from evolife.config.section import Choice, Section
from evolife.config.validation import validated
from evolife.config.yaml_file import dump_yaml, read_yaml


class Located(Section):
    """A whole config, which knows where its values were written."""

    bundled: ClassVar[str]
    """The folder of those that come with evolife."""
    undigested: ClassVar[frozenset[str]]
    """Keys that do not determine what is computed."""
    _origins: Origins = PrivateAttr(default_factory=Origins)

    @property
    def origins(self) -> Origins:
        """Where each value was written, for error messages; no part of equality."""
        return self._origins

    @classmethod
    def parsed(cls, layer: Layer) -> Self:
        """Check plain data as a config.

        Raises:
            InvalidInput: one line for each thing that is wrong.
        """
        config = validated(cls, layer.data, layer.origins)
        config._origins = layer.origins
        return config

    def to_yaml(self) -> str:
        """Write every setting, defaults too, as YAML that loads to an equal config."""
        return dump_yaml(self.model_dump(mode="json", by_alias=True))


Config = TypeVar("Config", bound=Located)


def load(
    model: type[Config],
    name_or_path: str,
    overrides: Sequence[str] = (),
    plugins: Sequence[str] = (),
) -> Config:
    """Load a bundled config by name, or a YAML file, and lay overrides over it.

    ``plugins`` are added to the config's own, or replace those that are gone.
    Relative plug-in folders are relative to the file that names them, or to the working
    directory.

    Raises:
        InvalidInput: one line for each thing that is wrong: origin, key, value, remedy.
    """
    path = find_config(name_or_path, model.bundled)
    layer = anchored(file_layer(read_yaml(path)), path.parent)
    return overlaid(model, layer, overrides, plugins)


def overlaid(
    model: type[Config], layer: Layer, overrides: Sequence[str], plugins: Sequence[str]
) -> Config:
    """Check plain data with overrides laid over it; ``plugins`` as in :func:`load`.

    Raises:
        InvalidInput: one line for each thing that is wrong.
    """
    # Plug-ins that are there by default are named, so that overrides can change them.
    defaults = {key: field.default for key, field in model.model_fields.items()}
    named = {k: v.model_dump() for k, v in defaults.items() if isinstance(v, Choice)}
    named_layer = Layer({**named, **layer.data}, layer.origins)
    config = model.parsed(merge(named_layer, override_layer(overrides)))
    given = joined(config.plugins, plugins)  # type: ignore[attr-defined]
    return config.model_copy(update={"plugins": given})


def digested(config: Located) -> dict[str, Any]:
    """The settings that determine the work, as plain data."""
    return config.model_dump(mode="json", exclude=set(config.undigested))


def config_digest(config: Located) -> str:
    """Hex SHA-256 of what determines the work.

    Equal digests mean that one run may go on from the other's checkpoint. Defaults of
    plug-ins count only where they are written out.
    """
    text = json.dumps(digested(config), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
