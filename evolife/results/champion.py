"""A champion of a run: what it scored, and ready to act."""

import dataclasses
import math
from functools import cached_property
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from evolife import keys
from evolife.base import Genome
from evolife.config.sources import Source, environment_override
from evolife.errors import InvalidInput, our_errors, pasted
from evolife.processes.embedded import prepare
from evolife.processes.numerics import own_settings
from evolife.results.life import Life
from evolife.storage import champions

if TYPE_CHECKING:
    from evolife.results.run import Run

_MOST_SEED = 2**32 - 1


@dataclasses.dataclass(frozen=True)
class Champion:
    """One of the best of K, as ``champions.json`` tells of it."""

    run: "Run" = dataclasses.field(repr=False)
    """The run that it comes from."""
    rank: int
    """1 is the best."""
    source: str
    """Where it came from: ``member 17`` or ``centre``."""
    generation: int
    """The generation that it comes from."""
    selected: float
    """The score that made it a candidate."""
    validated: float
    """Mean return in the tournament: what it was chosen by."""
    held_out: float
    """Mean return on lives that nothing was chosen by."""
    interval: tuple[float, float]
    """95% confidence interval of ``held_out``."""
    gap: float
    """Validated minus held-out score."""
    deviation: float
    """Standard deviation of the return over held-out lives."""
    lives: int
    """Held-out lives."""
    early: float
    """Mean reward per step over the first quarter of the held-out lives."""
    late: float
    """The same over the last quarter."""
    statistics: dict[str, float] = dataclasses.field(repr=False, hash=False)
    """Named statistics of the environment, averaged over the held-out lives."""

    @cached_property
    @own_settings()
    def genome(self) -> Genome:
        """Its genome: the agent's own named tuple of arrays.

        Raises:
            InvalidInput: the file is damaged, or the agent's code has changed.
        """
        place = self._place
        return jax.tree.map(lambda leaf: leaf[place], self.run.stages.genomes)

    @own_settings()
    def start(self, seed: int = 0, life: int = 0) -> Life:
        """Be born, to act in a loop of your own.

        What the agent draws in a life is what it draws in life number ``life`` that
        ``evolife evaluate`` measures in a run of this ``seed``.

        Raises:
            InvalidInput: the genome cannot be read, or a number is out of its range.
        """
        _within("seed", seed, 0, _MOST_SEED)
        _within("life", life, 0, 2**31 - 1)
        hand, genome = self.run.stages.hand, self.genome
        pool = keys.pool_key(seed, keys.Pool.EVALUATE)
        # Every champion lives as member 0 of generation 0 when it is evaluated.
        return Life(hand, genome, keys.life_key(pool, 0, 0, life))

    @own_settings()
    def live(
        self,
        steps: int | None = None,
        lives: int = 1,
        seed: int = 0,
        env: Source | None = None,
    ) -> np.ndarray:
        """Live fresh lives in the run's environment, or in another.

        Args:
            steps: length of a life; by default as evolved.
            lives: how many; the first ``lives`` that ``evolife evaluate`` measures in a
                run of this ``seed``, and so the same for every champion.
            seed: of the lives; the config's own gives those that evaluate measures.
            env: another environment: a name, a mapping, or a YAML file.

        Returns:
            ``(lives, steps)`` float32 rewards.

        Raises:
            InvalidInput: the champion does not fit, or a number is out of its range.
        """
        _within("lives", lives, 1, 10_000_000)
        _within("seed", seed, 0, _MOST_SEED)
        overrides = [] if env is None else [environment_override(env)]
        if steps is not None:
            overrides.append(f"lifetime.steps={steps}")
        with our_errors():
            return self.run.stages.stage(overrides).live(self._place, lives, seed)

    @property
    def _place(self) -> int:
        return self.rank - 1


def champions_of(run: "Run") -> list[Champion]:
    """The champions of ``run``, best first.

    Raises:
        InvalidInput: it has none yet, or their table is damaged.
    """
    prepare()
    return [_champion(run, row) for row in champions.read(run.folder)]


def _champion(run: "Run", row: dict[str, Any]) -> Champion:
    names = [field.name for field in dataclasses.fields(Champion)][1:]
    if missing := [name for name in names if name not in row]:
        raise InvalidInput(
            f"{run.folder.champions / 'champions.json'} is damaged: a champion has no "
            f"{', '.join(missing)}; let it be written again by "
            f"evolife train --resume {pasted(run.path)}"
        )
    # What JSON has no number for is NaN here.
    given = {name: math.nan if row[name] is None else row[name] for name in names}
    low, high = (math.nan if end is None else end for end in row["interval"])
    return Champion(run, **given | {"interval": (low, high)})


def _within(name: str, value: Any, low: int, high: int) -> None:
    if not isinstance(value, int | np.integer) or not low <= value <= high:
        raise InvalidInput(f"{name} = {value!r}: allowed are {low} to {high}")
