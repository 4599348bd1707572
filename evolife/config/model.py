"""The typed config of a run: bundled or from a file, with overrides, fully checked."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

import pydantic
from pydantic import Field, JsonValue

from evolife.config.layers import Layer, merge
from evolife.config.located import PLUGINS, Located, load
from evolife.config.recording import Checkpoint, Nonfinite, Record
from evolife.config.section import Choice, Section
from evolife.config.validation import validated
from evolife.errors import InvalidInput


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


class Subject(Located):
    """Who lives where, under which name."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="name of the run"
    )
    env: Choice = Field(description="environment and its hyperparameters")
    wrap: tuple[dict[str, JsonValue], ...] = Field(
        default=(), description="changes to the environment, the innermost first"
    )
    agent: Choice = Field(description="agent and its hyperparameters")


class Evolution(Located):
    """How to evolve, without who lives where: what ``evolife.evolve`` is told."""

    seed: int = Field(
        default=0, ge=0, le=2**32 - 1, description="seed of all randomness"
    )
    lifetime: Lifetime = Field(description="how long and how often each member lives")
    population: Population = Field(description="how many members, in which tiles")
    strategy: Choice = Field(
        default=Choice(name="low_rank"),
        description="evolution strategy and its settings",
    )
    selection: Choice = Field(
        default=Choice(name="native"),
        description="weights of members by fitness; native is the strategy's own",
    )
    generations: int = Field(
        ge=1, le=2**31 - 1, description="generations to evolve for"
    )
    best_of_k: BestOfK = Field(default=BestOfK(), description="choice of the champions")
    record: Record = Field(default=Record(), description="what the dashboard shows")
    plugins: tuple[str, ...] = PLUGINS


class RunConfig(Evolution, Subject):
    """Everything a run is determined by."""

    bundled: ClassVar[str] = "configs"
    undigested: ClassVar[frozenset[str]] = frozenset(
        {
            *("name", "claim", "control", "plugins"),
            *("generations", "best_of_k", "nonfinite", "checkpoint", "record"),
        }
    )
    """How long it runs, what it records and how its champions are measured, too."""

    nonfinite: Nonfinite = Field(
        default=Nonfinite(), description="when to stop for want of finite fitness"
    )
    checkpoint: Checkpoint = Field(
        default=Checkpoint(), description="when state is saved"
    )
    claim: str = Field(
        default="", description="what this run should show, and could fail to"
    )
    control: dict[str, JsonValue] | None = Field(
        default=None,
        description="changes that make the control the claim is held against",
    )

    @classmethod
    def parsed(cls, layer: Layer) -> Self:
        """Check plain data, and the control it describes, as the config of a run.

        Raises:
            InvalidInput: one line for each thing that is wrong.
        """
        config = super().parsed(layer)
        control_config(config)
        return config


def load_config(
    name_or_path: str, overrides: Sequence[str] = (), plugins: Sequence[str] = ()
) -> RunConfig:
    """Load the config of a run, see :func:`evolife.config.located.load`."""
    return load(RunConfig, name_or_path, overrides, plugins)


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
