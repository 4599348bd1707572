"""The typed config of a run: bundled or from a file, with overrides, fully checked."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

import pydantic
from annotated_types import Ge, Le
from pydantic import Field, JsonValue

from evolife.config.layers import Layer, merge
from evolife.config.located import Located, load
from evolife.config.recording import Checkpoint, Nonfinite, Record
from evolife.config.section import Choice, Section
from evolife.config.validation import validated
from evolife.errors import InvalidInput


class Lifetime(Section):
    """How long and how often each member lives."""

    steps: Annotated[int, Ge(1), Le(2**30)]
    """T, the steps of one life."""
    lives: Annotated[int, Ge(1), Le(2**20)] = 1
    """Independent lives averaged per member."""
    bins: Annotated[int, Ge(1), Le(1024)] = 32
    """Bins of the within-life curve."""
    same_lives: bool = False
    """All members of a generation live the same lives."""


class Population(Section):
    """How many members there are, and how many one compiled program evaluates."""

    size: Annotated[int, Ge(1), Le(2**24)]
    """K, the members of a generation."""
    tile: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    """Members lived by one program; auto: by their size and the cache."""


class BestOfK(Section):
    """How the champions are chosen and measured."""

    keep: Annotated[int, Ge(1), Le(2**16)] = 8
    """Champions kept."""
    lives: Annotated[int, Ge(2), Le(2**24)] = 64
    """Held-out lives of each champion."""
    archive: Annotated[int, Ge(1), Le(2**16)] = 32
    """Candidates remembered; at least keep."""
    operator: str = ""
    """Trained operator that says who is measured again; none: halving."""

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

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Name of the run."""
    env: Choice
    """Environment and its hyperparameters."""
    wrap: tuple[dict[str, JsonValue], ...] = ()
    """Changes to the environment, the innermost first."""
    agent: Choice
    """Agent and its hyperparameters."""


class Evolution(Located):
    """How to evolve, without who lives where: what ``evolife.evolve`` is told."""

    seed: Annotated[int, Ge(0), Le(2**32 - 1)] = 0
    """Seed of all randomness."""
    lifetime: Lifetime
    """How long and how often each member lives."""
    population: Population
    """How many members, in which tiles."""
    strategy: Choice = Choice(name="low_rank")
    """Evolution strategy and its settings."""
    selection: Choice = Choice(name="native")
    """Weights of members by fitness; native is the strategy's own."""
    generations: Annotated[int, Ge(1), Le(2**31 - 1)]
    """Generations to evolve for."""
    best_of_k: BestOfK = BestOfK()
    """Choice of the champions."""
    record: Record = Record()
    """What the dashboard shows."""
    plugins: tuple[str, ...] = ()
    """Folders of plug-ins of your own: agents/, envs/, strategies/, ..."""


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

    nonfinite: Nonfinite = Nonfinite()
    """When to stop for want of finite fitness."""
    checkpoint: Checkpoint = Checkpoint()
    """When state is saved."""
    claim: str = ""
    """What this run should show, and could fail to."""
    control: dict[str, JsonValue] | None = None
    """Changes that make the control the claim is held against."""

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
