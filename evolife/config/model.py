"""The typed config of a run: bundled or from a file, with overrides, fully checked."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

import pydantic
from pydantic import Field, JsonValue, PrivateAttr

from evolife.config.bundled import bundled_configs, find_config
from evolife.config.layers import Layer, Origins, file_layer, merge, override_layer
from evolife.config.plugin_folders import anchored, joined
from evolife.config.recording import Checkpoint, Nonfinite, Record
from evolife.config.section import Section
from evolife.config.validation import validated
from evolife.config.yaml_file import dump_yaml, read_yaml
from evolife.errors import InvalidInput

__all__ = [
    "BestOfK",
    "Checkpoint",
    "Choice",
    "Lifetime",
    "Located",
    "Nonfinite",
    "Population",
    "Record",
    "RunConfig",
    "Section",
    "bundled_configs",
    "config_digest",
    "control_config",
    "load_config",
    "parse_config",
]

_UNDIGESTED = {
    *("name", "claim", "control", "plugins"),
    *("generations", "best_of_k", "nonfinite", "checkpoint", "record"),
}


class Choice(Section):
    """A plug-in by name, and its hyperparameters as further keys."""

    model_config = pydantic.ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, JsonValue] = Field(init=False)

    name: Annotated[str, Field(min_length=1, description="name of the plug-in")]

    @property
    def settings(self) -> dict[str, Any]:
        """The hyperparameters given: plain data by key."""
        return dict(self.model_extra or {})


class Lifetime(Section):
    """How long and how often each member lives."""

    steps: int = Field(ge=1, le=2**30, description="T, the steps of one life")
    lives: int = Field(
        default=1, ge=1, le=2**20, description="independent lives averaged per member"
    )
    bins: int = Field(
        default=32, ge=1, le=1024, description="bins of the within-life curve"
    )
    same_lives: bool = Field(
        default=False, description="all members of a generation live the same lives"
    )


class Population(Section):
    """How many members there are, and how many one compiled program evaluates."""

    size: int = Field(ge=1, le=2**24, description="K, the members of a generation")
    tile: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        default="auto",
        description="members lived by one program; auto: by their size and the cache",
    )


class BestOfK(Section):
    """How the champions are chosen and measured."""

    keep: int = Field(default=8, ge=1, le=2**16, description="champions kept")
    lives: int = Field(
        default=64, ge=2, le=2**24, description="held-out lives of each champion"
    )
    archive: int = Field(
        default=32, ge=1, le=2**16, description="candidates remembered; at least keep"
    )
    operator: str = Field(
        default="",
        description="trained operator that says who is measured again; none: halving",
    )

    @pydantic.model_validator(mode="before")
    @classmethod
    def _room_for_champions(cls, data: Any) -> Any:
        """An archive of which nothing is said is large enough."""
        keep = data.get("keep") if isinstance(data, dict) else None
        least: int = cls.model_fields["archive"].default
        if type(keep) is int and keep > least and "archive" not in data:
            return {**data, "archive": keep}
        return data

    @pydantic.model_validator(mode="after")
    def _archive_holds_champions(self) -> Self:
        if self.archive < self.keep:
            raise ValueError(
                f"archive ({self.archive}) must be at least keep ({self.keep})"
            )
        return self


class Located(Section):
    """A whole config, which knows where its values were written."""

    _origins: Origins = PrivateAttr(default_factory=Origins)

    @property
    def origins(self) -> Origins:
        """Where each value was written, for error messages; no part of equality."""
        return self._origins


_SEED: Any = Field(default=0, ge=0, le=2**32 - 1, description="seed of all randomness")
_LIFETIME: Any = Field(description="how long and how often each member lives")
_POPULATION: Any = Field(description="how many members, in which tiles")
_GENERATIONS: Any = Field(ge=1, le=2**31 - 1, description="generations to evolve for")
_BEST_OF_K: Any = Field(default=BestOfK(), description="choice of the champions")
_RECORD: Any = Field(default=Record(), description="what the dashboard shows")
_STRATEGY: Any = Field(
    default=Choice(name="low_rank"), description="evolution strategy and its settings"
)
_SELECTION: Any = Field(
    default=Choice(name="native"),
    description="weights of members by fitness; native is the strategy's own",
)


PLUGINS: Any = Field(
    default=(),
    description="folders of plug-ins of your own: agents/, envs/, strategies/, ...",
)


class Evolution(Located):
    """How to evolve, without who lives where: what ``evolife.evolve`` is told."""

    seed: int = _SEED
    lifetime: Lifetime = _LIFETIME
    population: Population = _POPULATION
    strategy: Choice = _STRATEGY
    selection: Choice = _SELECTION
    generations: int = _GENERATIONS
    best_of_k: BestOfK = _BEST_OF_K
    record: Record = _RECORD
    plugins: tuple[str, ...] = PLUGINS


class RunConfig(Located):
    """Everything a run is determined by."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="name of the run"
    )
    seed: int = _SEED
    env: Choice = Field(description="environment and its hyperparameters")
    wrap: tuple[dict[str, JsonValue], ...] = Field(
        default=(), description="changes to the environment, the innermost first"
    )
    agent: Choice = Field(description="agent and its hyperparameters")
    lifetime: Lifetime = _LIFETIME
    population: Population = _POPULATION
    strategy: Choice = _STRATEGY
    selection: Choice = _SELECTION
    generations: int = _GENERATIONS
    best_of_k: BestOfK = _BEST_OF_K
    nonfinite: Nonfinite = Field(
        default=Nonfinite(), description="when to stop for want of finite fitness"
    )
    checkpoint: Checkpoint = Field(
        default=Checkpoint(), description="when state is saved"
    )
    record: Record = _RECORD
    claim: str = Field(
        default="", description="what this run should show, and could fail to"
    )
    control: dict[str, JsonValue] | None = Field(
        default=None,
        description="changes that make the control the claim is held against",
    )
    plugins: tuple[str, ...] = PLUGINS

    def to_yaml(self) -> str:
        """Write every setting, defaults too, as YAML that loads to an equal config."""
        return dump_yaml(self.model_dump(mode="json"))


def load_config(
    name_or_path: str, overrides: Sequence[str] = (), plugins: Sequence[str] = ()
) -> RunConfig:
    """Load a bundled config by name, or a YAML file, and lay overrides over it.

    ``plugins`` are added to the config's own, or replace those that are gone.
    Relative plug-in folders are relative to the file that names them, or to the working
    directory.

    Raises:
        InvalidInput: one line for each thing that is wrong: origin, key, value, remedy.
    """
    path = find_config(name_or_path)
    layer = _started(anchored(file_layer(read_yaml(path)), path.parent))
    config = parse_config(merge(layer, override_layer(overrides)))
    return with_plugins(config, plugins)


def with_plugins(config: RunConfig, given: Sequence[str]) -> RunConfig:
    """The config with ``given`` plug-in folders, in place of any that are gone."""
    return config.model_copy(update={"plugins": joined(config.plugins, given)})


def parse_config(layer: Layer) -> RunConfig:
    """Check plain data, and the control it describes, as the config of a run.

    Raises:
        InvalidInput: one line for each thing that is wrong.
    """
    config = validated(RunConfig, layer.data, layer.origins)
    config._origins = layer.origins
    control_config(config)
    return config


def control_config(config: RunConfig) -> RunConfig | None:
    """The run that the claim is held against: ``config`` with its control's changes.

    Raises:
        InvalidInput: one line for each thing that is wrong with the changes.
    """
    if config.control is None:
        return None
    data = config.model_dump(mode="json", exclude={"control"})
    changes = Layer(dict(config.control), config.origins.within("control"))
    layer = merge(Layer(data, config.origins), changes)
    if "control" in changes.data:
        raise InvalidInput(
            f"{changes.origins.of(('control',))}: control.control: a control has no "
            "control of its own; remove it"
        )
    control = validated(RunConfig, layer.data, layer.origins, within=("control",))
    control._origins = layer.origins
    return control.model_copy(update={"name": f"{control.name}-control"})


def config_digest(config: RunConfig) -> str:
    """Hex SHA-256 of what determines the evolution.

    Equal digests mean that one run may go on from the other's checkpoint. How long
    it runs, what it records and how its champions are measured do not count. Defaults
    of plug-ins count only where they are written out.
    """
    text = json.dumps(digested(config), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def digested(config: RunConfig) -> dict[str, Any]:
    """The settings that determine the evolution, as plain data."""
    return config.model_dump(mode="json", exclude=_UNDIGESTED)


def _started(layer: Layer) -> Layer:
    """Name the default strategy and selection, so that overrides can change them."""
    defaults: Mapping[str, Any] = {
        name: RunConfig.model_fields[name].default.model_dump()
        for name in ("strategy", "selection")
    }
    return Layer({**defaults, **layer.data}, layer.origins)
