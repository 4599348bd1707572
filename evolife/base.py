"""The contracts a plug-in author reads: environments, agents, strategies, selections.

Three kinds of data have three names. *Hyperparameters* are the fields of the frozen
dataclasses below, static under ``jit``. A *genome* is what evolution changes and a
life does not. *State* is what changes within a life. Everything is maximised.
"""

import abc
import dataclasses
import numbers
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import jax
import numpy as np

if TYPE_CHECKING:
    from evolife.drawing import Pen

Array = jax.Array
Key = jax.Array
Genome = Any
AgentState = Any
EnvState = Any
Action = Any
StrategyState = Any
SelectionState = Any
Proposal = Any
_FLOAT32_MAX = float(np.finfo(np.float32).max)

GIVEN = {"given": True}
"""Metadata of a dataclass field that evolife fills in; all others are hyperparameters,
which a config may set."""


class TimeStep(NamedTuple):
    """What an agent senses at one step of its life."""

    observation: Array
    """``(observation_size,)`` float32."""
    reward: Array
    """``()`` float32, earned by the previous action."""
    first: Array
    """``()`` bool: a new trial begins here. Information, never a reset of the agent."""


def _check_count(what: str, name: str, value: Any, least: int) -> None:
    """Refuse what does not count anything; NumPy's integers do."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise ValueError(f"{what}: {name} must be an integer, not {value!r}")
    if value < least:
        raise ValueError(f"{what}: {name} must be {least} or more")


def _check_bound(what: str, name: str, value: Any) -> None:
    """Refuse what is no number, or none that float32 holds."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ValueError(f"{what}: {name} must be a number, not {value!r}")
    if not abs(float(value)) <= _FLOAT32_MAX:
        raise ValueError(
            f"{what}: {name} must be finite in float32; give the environment bounds, "
            "and let it scale or squash an action that knows none"
        )


@dataclasses.dataclass(frozen=True)
class Discrete:
    """One of ``size`` choices; an action is an int32 scalar in ``0 .. size - 1``."""

    size: int

    def __post_init__(self) -> None:
        """Refuse spaces without a choice."""
        _check_count(f"{self}", "size", self.size, 1)


@dataclasses.dataclass(frozen=True)
class Continuous:
    """``size`` numbers, each within ``[low, high]``; an action is a float32 vector.

    Bounds are finite and apart, because agents squash their actions into them.
    """

    size: int
    low: float = -1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        """Refuse bounds between which there is no action."""
        _check_count(f"{self}", "size", self.size, 1)
        _check_bound(f"{self}", "low", self.low)
        _check_bound(f"{self}", "high", self.high)
        if not np.float32(self.low) < np.float32(self.high):
            raise ValueError(f"{self}: low must be less than high in float32")


@dataclasses.dataclass(frozen=True)
class Both:
    """A choice and numbers at once; an action is the pair ``(choice, numbers)``."""

    discrete: Discrete
    continuous: Continuous

    def __post_init__(self) -> None:
        """Refuse anything but one space of each kind."""
        both = self.discrete, self.continuous
        if not (isinstance(both[0], Discrete) and isinstance(both[1], Continuous)):
            raise ValueError(f"{self}: must be Both(Discrete(...), Continuous(...))")


ActionSpace = Discrete | Continuous | Both


@dataclasses.dataclass(frozen=True)
class Spec:
    """The sizes at which an agent and an environment meet."""

    observation_size: int
    action_space: ActionSpace

    def __post_init__(self) -> None:
        """Refuse sizes that are no sizes, and actions that are in no space."""
        _check_count("Spec", "observation_size", self.observation_size, 0)
        if not isinstance(self.action_space, ActionSpace):
            raise ValueError(
                "Spec: action_space must be Discrete(size), Continuous(size, low, "
                f"high) or Both(discrete, continuous), not {self.action_space!r}"
            )


@dataclasses.dataclass(frozen=True)
class Environment(abc.ABC):
    """A world in which one life is lived; subclasses are frozen dataclasses.

    All randomness of a life comes from the keys handed in. A life never ends early:
    it lasts as many steps as the config says, and a finished episode is followed by a
    new trial with ``first`` set.
    """

    senses: ClassVar[str] = "what it senses is not stated"
    """One sentence: what the observation holds."""
    acts: ClassVar[str] = "acts in a way that is not stated"
    """One sentence: what the actions do."""
    objective: ClassVar[str] = "rewards of a kind that is not stated"
    """One sentence: what is rewarded, and what that assumes."""
    generalises: ClassVar[str] = "not stated"
    """One sentence: where an agent evolved here should still work."""
    probed: ClassVar[bool] = False
    """Whether its lives must be lived to find out whether they differ, because it
    stands for the environments of a library."""

    @property
    @abc.abstractmethod
    def spec(self) -> Spec:
        """Observation size and action space."""

    @property
    @abc.abstractmethod
    def reward_range(self) -> tuple[float, float]:
        """Smallest and largest reward of one step."""

    @abc.abstractmethod
    def reset(self, key: Key) -> tuple[EnvState, TimeStep]:
        """Draw this life's task into the state and return the first time step."""

    @abc.abstractmethod
    def step(
        self, state: EnvState, action: Action, key: Key
    ) -> tuple[EnvState, TimeStep]:
        """Advance one step; ``key`` is fresh at every step."""

    def check(self, steps: int) -> None:
        """Raise ``ValueError`` if a life of ``steps`` steps makes no sense here."""
        return None

    def over(self, state: EnvState) -> Array | None:
        """``()`` bool: this life can earn nothing more; None: that never happens."""
        return None

    def statistics(self, state: EnvState) -> dict[str, Array]:
        """Named scalars of the life that ``state`` ends, for reports."""
        return {}

    def optimum(self, steps: int) -> float | None:
        """Expected return of the best possible (or oracle) life, where one is known."""
        return None

    def memoryless(self, steps: int) -> float | None:
        """Expected return of the best life that forgets everything at each step."""
        return None

    def draw(self, pen: "Pen", state: EnvState, action: Action) -> None:
        """Draw a state and what is done in it; arrays are NumPy's.

        Only environments with this method can be filmed.
        """
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class Agent(abc.ABC):
    """A lifelong learner; subclasses are frozen dataclasses of hyperparameters.

    ``learns=False`` is the ablation every agent has: the engine hands the agent its
    newborn state at every step, so that nothing can be learned or remembered.
    """

    spec: Spec = dataclasses.field(metadata=GIVEN)
    learns: bool = dataclasses.field(default=True, kw_only=True)

    idea: ClassVar[str] = "How it learns is not stated."
    """One sentence: how this agent learns within its life."""
    reads_reward: ClassVar[bool] = True
    """Whether actions may depend on anything but the current observation; True keeps
    ``memoryless`` from being held against it."""

    @abc.abstractmethod
    def init_genome(self, key: Key) -> Genome:
        """Draw a random genome: a pytree of float32 arrays."""

    @abc.abstractmethod
    def init_state(self, genome: Genome, key: Key) -> AgentState:
        """Birth: the state at the first step of a life."""

    @abc.abstractmethod
    def step(
        self, genome: Genome, state: AgentState, timestep: TimeStep, key: Key
    ) -> tuple[AgentState, Action]:
        """Sense, learn and act once."""


class Places(NamedTuple):
    """Where members stand among all; arrays are ``(K,)`` int32."""

    worse: Array
    """How many members have a lower fitness."""
    upto: Array
    """How many have no higher one, the member itself included."""


class LifeStatistics(NamedTuple):
    """What is known of each member's lives beside its fitness; arrays are ``(K,)``."""

    early: Array
    """Mean reward per step over the first quarter of a life, averaged over lives."""
    late: Array
    """The same over the last quarter."""
    standard_error: Array
    """Of the fitness, over the member's lives; 0 where each lived once."""
    lives: Array | None = None
    """How many lives the fitness is the mean of; None: unknown."""
    distance: Array | None = None
    """From the mean of the distribution, in its standard deviations; None: unknown."""
    scale: Array | None = None
    """Standard deviation of the mutations, the same for all; None: unknown."""
    places: Places | None = None
    """By fitness; None: not sorted yet."""


@dataclasses.dataclass(frozen=True)
class Selection(abc.ABC):
    """Turns fitness into one weight a member; equivariant under reordering members."""

    def init(self) -> SelectionState:
        """State carried from one generation to the next."""
        return ()

    @abc.abstractmethod
    def weights(
        self, fitness: Array, statistics: LifeStatistics, state: SelectionState
    ) -> tuple[Array, SelectionState]:
        """Return ``(K,)`` weights: larger means more influence on the next generation.

        A strategy moves along ``sum_i weights[i] * perturbation[i]``, so their absolute
        sum is of order one whatever K is. ``fitness`` is finite and maximised.
        """


@dataclasses.dataclass(frozen=True, eq=False)
class Strategy(abc.ABC):
    """An evolution strategy over genomes; subclasses are frozen dataclasses.

    All is pure, so that any rank can redo any part. ``ask`` is called once a
    generation on every rank; ``member`` gives random access to the population it
    describes, the same bits whoever asks, and is traced under ``vmap`` over ``index``:
    what does not depend on the index stays shared by all members of a tile.
    """

    population_size: int = dataclasses.field(metadata=GIVEN)
    """K, the members of a generation."""
    template: Genome = dataclasses.field(metadata=GIVEN, repr=False, hash=False)
    """A genome's shapes and dtypes."""
    selection: Selection = dataclasses.field(metadata=GIVEN)
    """Turns fitness into weights; missing only where ``native`` is None."""

    native: ClassVar[str | None] = "centered_rank"
    """The selection that a config's ``native``, which is the default, stands for; None:
    the strategy then weighs members itself."""

    @property
    def name(self) -> str:
        """What messages call it: the name of its file, or of a class in a notebook."""
        cls = type(self)
        file = cls.__module__.rpartition(".")[2]
        return cls.__name__ if file == "__main__" else file

    @property
    def member_size(self) -> int:
        """Numbers of a genome that one member does not share with the others."""
        return sum(leaf.size for leaf in jax.tree.leaves(self.template))

    @abc.abstractmethod
    def init(self, key: Key, newborn: Callable[[Key], Genome]) -> StrategyState:
        """Start from ``newborn(key)``, a random genome."""

    @abc.abstractmethod
    def ask(self, state: StrategyState, generation: Array) -> Proposal:
        """What every rank needs in order to build any member of this generation."""

    @abc.abstractmethod
    def member(self, proposal: Proposal, index: Array) -> Genome:
        """Member ``index`` (an int32 scalar) of the proposed population."""

    @abc.abstractmethod
    def tell(
        self,
        state: StrategyState,
        proposal: Proposal,
        generation: Array,
        fitness: Array,
        statistics: LifeStatistics,
    ) -> StrategyState:
        """Learn from ``(K,)`` finite fitness values, maximised."""

    def described(self) -> dict[str, Any]:
        """Every hyperparameter and its value."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if not field.metadata.get("given")
        }

    @abc.abstractmethod
    def centre(self, state: StrategyState) -> Genome:
        """The genome the strategy believes in; evaluated without perturbation."""

    def finite(self, proposal: Proposal) -> Array:
        """``()`` bool: whether all genomes of a proposal are finite."""
        leaves = jax.tree.leaves(proposal)
        floats = [
            x for x in leaves if jax.numpy.issubdtype(x.dtype, jax.numpy.floating)
        ]
        return jax.numpy.array([jax.numpy.isfinite(x).all() for x in floats]).all()

    def floor(self, state: StrategyState) -> tuple[Array, str]:
        """``()`` bool: whether the step size rests at its floor; and what sets that."""
        return jax.numpy.zeros((), bool), ""
