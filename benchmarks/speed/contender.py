"""What is raced: a script, its settings, and what it may use."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from speed.settings import Size


@dataclasses.dataclass(frozen=True)
class Contender:
    """One process (or one MPI job) that takes part in a session."""

    name: str
    """What the table calls it."""
    script: str
    """File in ``speed/contenders``, without its ending."""
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Settings of the script, as JSON can hold them."""
    ranks: int = 1
    """MPI ranks, one a core."""
    one_core: bool = False
    """Kept on the first core; otherwise on all of them."""
    cold: bool = False
    """Without the programs that earlier runs of evolife compiled."""
    peer: str | None = None
    """Whose virtual environment it needs; None: evolife's own."""


def evolife(
    name: str, config: str, size: Size, *overrides: str, ranks: int = 1, **options: Any
) -> Contender:
    """Whole generations of a bundled config."""
    given = [
        f"population.size={size.population}",
        f"lifetime.steps={size.steps}",
        "population.tile=auto",
        *overrides,
    ]
    settings = {"config": config, "overrides": given, "ranks": ranks, **options}
    return Contender(name, "ours", settings, ranks, one_core=ranks == 1)


def inference(name: str, config: str, size: Size, *overrides: str) -> Contender:
    """The limit of a config: its agent with one shared genome."""
    settings = evolife(name, config, size, *overrides).options
    return Contender(name, "inference", settings, one_core=True)


def evosax(name: str, size: Size, hidden: tuple[int, ...], lean: bool) -> Contender:
    """Open_ES on GymnaxProblem with both cores."""
    settings = {
        "hidden": hidden,
        "population": size.population,
        "steps": size.steps,
        "lean": lean,
    }
    return Contender(name, "peer_evosax", settings)
