"""A sweep file: which runs, in the vocabulary of W&B sweep files, and on what base."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pydantic
from annotated_types import Ge, Le
from pydantic import Field, JsonValue

from evolife.config.bundled import find_config
from evolife.config.layers import Layer, Origins, file_layer
from evolife.config.model import RunConfig, load_config
from evolife.config.section import Section
from evolife.config.validation import validated
from evolife.config.yaml_file import dump_yaml, read_yaml
from evolife.errors import InvalidInput
from evolife.storage.metric_names import HELD_OUT
from evolife.sweeps.parameters import Parameter, flattened

MOST_RUNS = 100_000
"""A sweep of more asks for ``run_cap``: likely a slip, and nobody could read it."""
SWEEPS = "sweeps"
"""The kind of bundled file."""
_PROGRAMS = ("program", "command", "controller")
_SERVER = ("entity", "project")


class Metric(Section):
    """What makes one run better than another."""

    name: str = Field(default=HELD_OUT, min_length=1)
    """Key of metrics.jsonl, or held_out: of the best champion."""
    goal: Literal["maximize", "minimize"] = "maximize"
    """Which way is better."""


class EarlyTerminate(Section):
    """Stops runs that others leave behind, at generations that grow by ``eta``."""

    type: Literal["hyperband"] = "hyperband"
    """The rule."""
    min_iter: int | None = Field(default=None, ge=1)
    """Generation of the first comparison."""
    max_iter: int | None = Field(default=None, ge=2)
    """Instead: generations of a whole run, and s."""
    s: Annotated[int, Ge(1)] = 2
    """Comparisons, with max_iter."""
    eta: Annotated[int, Ge(2)] = 3
    """One of eta runs goes on."""

    @pydantic.model_validator(mode="after")
    def _one_start(self) -> Self:
        if (self.min_iter is None) == (self.max_iter is None):
            raise ValueError("give either min_iter, or max_iter and s")
        return self

    @property
    def first(self) -> int:
        """Generation of the first comparison."""
        if self.min_iter is not None:
            return self.min_iter
        assert self.max_iter is not None
        return max(1, self.max_iter // self.eta**self.s)


class Slurm(Section):
    """What each task of the array asks of Slurm."""

    ntasks: Annotated[int, Ge(1)] = 1
    """MPI ranks of each run."""
    time: str = "24:00:00"
    """Time limit of each run."""
    partition: str = ""
    """Partition; the site's own if empty."""
    account: str = ""
    """Account to charge."""
    mem_per_cpu: str = "2G"
    """Memory of each rank."""
    setup: list[str] = Field(default=[])
    """Shell lines first, such as module load openmpi."""
    options: list[str] = Field(default=[])
    """Further options of sbatch, such as --constraint=amd."""


class SweepSpec(Section):
    """Everything that the runs of a sweep are determined by."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Name of the sweep."""
    description: str = ""
    """What it is for."""
    base: str = Field(min_length=1)
    """Config that every run changes."""
    method: Literal["grid", "random", "zip", "bayes"]
    """grid: every combination; random: run_cap draws; zip: first values together, then
    second ones; bayes: run_cap runs, each chosen by those before."""
    metric: Metric = Metric()
    """What the best run is best in."""
    parameters: dict[str, JsonValue] = Field(min_length=1)
    """Values by key of the config."""
    run_cap: int | None = Field(default=None, ge=1)
    """Most runs."""
    seed: Annotated[int, Ge(0), Le(2**32 - 1)] = 0
    """Seed of random draws."""
    early_terminate: EarlyTerminate | None = None
    """Stop runs that are left behind."""
    slurm: Slurm = Slurm()
    """For --launcher slurm."""

    def to_yaml(self) -> str:
        """Every setting, defaults too, without those of parameters."""
        return dump_yaml(self.model_dump(mode="json"))


@dataclasses.dataclass(frozen=True)
class Sweep:
    """A sweep whose file and base were read and fit together."""

    spec: SweepSpec
    parameters: dict[str, Parameter]
    """By dotted key, in the order of the file."""
    base: RunConfig
    origins: Origins
    ignored: tuple[str, ...] = ()
    """Keys that mean nothing without a server."""


def load_sweep(
    name_or_path: str, overrides: Sequence[str] = (), base: str | None = None
) -> Sweep:
    """Load a bundled sweep by name, or a YAML file, with overrides of its base.

    ``base`` replaces the file's own. Relative paths to a base are relative to the
    file that names it.

    Raises:
        InvalidInput: one line for each thing that is wrong.
    """
    path = find_config(name_or_path, SWEEPS)
    layer = file_layer(read_yaml(path))
    data, ignored = _without_server(layer, path)
    data = {"name": path.stem, **data}
    if base is not None:
        data["base"] = base
    elif isinstance(data.get("base"), str):
        data["base"] = _anchored(data["base"], path.parent)
    spec = validated(SweepSpec, data, layer.origins)
    parameters = flattened(spec.parameters, layer.origins)
    _check_method(spec, parameters, layer.origins)
    config = load_config(spec.base, overrides)
    return Sweep(spec, parameters, config, layer.origins, ignored)


def _without_server(layer: Layer, path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Take out what W&B's server would need; refuse what another program would."""
    for key in _PROGRAMS:
        if key in layer.data:
            raise InvalidInput(
                f"{layer.origins.of((key,))}: {key}: evolife runs its own program; "
                "remove it and name a config with base: NAME or --base NAME"
            )
    ignored = tuple(key for key in _SERVER if key in layer.data)
    kept = {key: value for key, value in layer.data.items() if key not in ignored}
    return kept, ignored


def _anchored(base: str, folder: Path) -> str:
    """A path relative to the file; bundled names stay as they are."""
    beside = folder / base
    return os.path.abspath(beside) if beside.is_file() else base


def _check_method(
    spec: SweepSpec, parameters: Mapping[str, Parameter], origins: Origins
) -> None:
    problems = list(_misfits(spec, parameters, origins))
    if problems:
        raise InvalidInput("\n".join(problems))


def _misfits(
    spec: SweepSpec, parameters: Mapping[str, Parameter], origins: Origins
) -> "list[str]":
    if spec.method in ("random", "bayes"):
        if spec.run_cap is None and not _countable(spec, parameters):
            where = origins.of(("method",))
            return [f"{where}: method {spec.method} needs run_cap: how many runs"]
        return []
    problems = []
    for key, one in parameters.items():
        if one.listed is None:
            where = origins.of(("parameters", *key.split(".")))
            problems.append(
                f"{where}: {key}: {spec.method} needs values that can be counted out; "
                "give values, or range: [first, end], or use method: random"
            )
    if spec.method == "zip" and not problems:
        problems += _uneven(parameters, origins)
    return problems


def _countable(spec: SweepSpec, parameters: Mapping[str, Parameter]) -> bool:
    """Whether random draws without repeats come to an end."""
    discrete = all(one.listed is not None for one in parameters.values())
    return spec.method == "random" and discrete


def _uneven(parameters: Mapping[str, Parameter], origins: Origins) -> "list[str]":
    counts = {
        key: len(one.listed or ())
        for key, one in parameters.items()
        if one.kind != "constant"
    }
    if len(set(counts.values())) <= 1:
        return []
    told = ", ".join(f"{key} has {count}" for key, count in counts.items())
    where = origins.of(("parameters",))
    return [f"{where}: zip needs as many values of every parameter, but {told}"]
