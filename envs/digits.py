"""A stream to classify: guess, then be told; classes are learned within the life."""

import dataclasses
import importlib.util
from typing import Annotated, ClassVar, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from annotated_types import Ge, Gt

from evolife.base import Action, Array, Discrete, Environment, Key, Spec, TimeStep
from evolife.envs._digit_images import Walk, by_class, load_images
from evolife.envs._prototypes import Prototypes, nearest_is_own
from evolife.envs._turns import Turns

EARLY = 100


class State(NamedTuple):
    """The task of a life, the sample to be classified, and what was guessed."""

    source: Prototypes | Walk
    labels: Array
    """``(classes,)`` int32: the label of each class."""
    label: Array
    """``()`` int32: that of the sample shown."""
    age: Array
    right: Array
    right_early: Array
    turns: Turns
    """What was right when classes left the stream, and when they were back."""


@dataclasses.dataclass(frozen=True)
class Digits(Environment):
    """A stream of samples whose labels are told one step later.

    ``synthetic`` tasks are drawn anew for each life: a class is a point ``p ~ N(0, I)``
    of ``latent`` numbers, a sample ``z = (p + noise e) / sqrt(1 + noise^2)`` with ``e ~
    N(0, I)``, and its features ``tanh(z W)`` with a random ``W``. So neither features
    nor labels have an order that could be known at birth.

    ``digits`` are the real ones of scikit-learn (Alpaydin & Kaynak 1998), meant for
    tests of what was evolved on synthetic tasks. Their split ``train`` is the first 297
    images, to choose by; ``test`` the other 1,500, to report. A life meets every image
    of its split before it meets one again. Features have mean 0 and variance 1 or
    nearly so, over all of them together.

    With ``together`` only so many classes are in the stream at a time, drawn evenly,
    and take turns with the others. The statistic ``forgetting`` is the accuracy in the
    last quarters of turns less that in the first quarters of those that come again.
    """

    senses: ClassVar[str] = "a sample, and the true label of the sample before it"
    acts: ClassVar[str] = "guesses the class of the sample shown"
    objective: ClassVar[str] = (
        "the number of right guesses; assumes labels that stay the same for long"
    )
    generalises: ClassVar[str] = "new classes, other features and labels, real digits"

    task: Literal["synthetic", "digits"] = "synthetic"
    """Classes drawn anew for every life, or scikit-learn's digits."""
    split: Literal["train", "test"] = "train"
    """The digits that lives are made of; synthetic tasks are always new."""
    classes: Annotated[int, Ge(2)] = 10
    """Classes to tell apart; of the digits the first so many."""
    features: Annotated[int, Ge(1)] = 64
    """Numbers that describe a sample: of digits 64 pixels, or averages: 16 or 4."""
    latent: Annotated[int, Ge(1)] = 16
    """Numbers that a synthetic sample is made of."""
    noise: Annotated[float, Ge(0)] = 1.0
    """Spread within a synthetic class, in units of the spread of prototypes."""
    permute_inputs: bool = True
    """Whether each life sees the digits' pixels in an order of its own."""
    permute_labels: bool = True
    """Whether each life has labels of its own; synthetic tasks always have."""
    flag: Annotated[float, Gt(0)] = 1.0
    """Size of the flag that tells a label: loud ones are heard beside many features."""
    change: Annotated[int, Ge(0)] = 0
    """Steps after which labels are dealt out anew, unannounced; 0: never."""
    together: Annotated[int, Ge(0)] = 0
    """Classes in the stream at a time; 0: all of them."""
    turn: Annotated[int, Ge(4)] = 40
    """Steps that classes stay in the stream where they take turns."""

    def __post_init__(self) -> None:
        """Refuse what the digits do not have."""
        if self.together and self.classes % self.together:
            raise ValueError(
                f"together = {self.together}: classes can take turns in groups of a "
                f"size that divides env.classes, which is {self.classes}"
            )
        if self.task == "synthetic":
            return
        if self.classes > 10:
            raise ValueError(f"classes = {self.classes}: there are 10 digits")
        if self.features not in (64, 16, 4):
            raise ValueError(f"features = {self.features}: digits have 64, 16 or 4")
        if importlib.util.find_spec("sklearn") is None:
            raise ValueError(
                "task = digits needs the package 'scikit-learn', which is not "
                "installed; run: pip install 'evolife[envs]'"
            )

    @property
    def spec(self) -> Spec:
        """The features, one flag a label; one class to name."""
        return Spec(self.features + self.classes, Discrete(self.classes))

    @property
    def reward_range(self) -> tuple[float, float]:
        """A guess is right or wrong."""
        return 0.0, 1.0

    def check(self, steps: int) -> None:
        """Refuse changes that no life sees."""
        if self.change >= steps:
            raise ValueError(
                f"change = {self.change}: a life of {steps} steps ends before labels "
                "change; lower env.change or raise lifetime.steps"
            )

    def reset(self, key: Key) -> tuple[State, TimeStep]:
        """Draw this life's task and show its first sample."""
        task, deal, sample = jax.random.split(key, 3)
        labels = jnp.arange(self.classes, dtype=jnp.int32)
        if self.permute_labels:
            labels = _ranks(jax.random.uniform(deal, (self.classes,)))
        source: Prototypes | Walk
        if self.task == "synthetic":
            source = Prototypes.drawn(task, self.classes, self.latent, self.features)
        else:
            which = self.split, self.classes, self.features
            source = Walk.drawn(task, *which, self.permute_inputs)
        zero = jnp.zeros((), jnp.int32)
        state = State(source, labels, zero, zero, zero, zero, Turns.none())
        return self._show(state, jnp.zeros(self.classes), jnp.float32(0), sample)

    def step(self, state: State, action: Action, key: Key) -> tuple[State, TimeStep]:
        """Judge the guess, tell the label, show the next sample."""
        right = action == state.label
        told = (jnp.arange(self.classes) == state.label).astype(jnp.float32)
        turns = state.turns
        if self._groups > 1:
            turns = turns.counted(right, state.age, self.turn, self._groups)
        state = state._replace(
            age=state.age + 1,
            right=state.right + right,
            right_early=state.right_early + (right & (state.age < EARLY)),
            turns=turns,
        )
        return self._show(state, told, right.astype(jnp.float32), key)

    def statistics(self, state: State) -> dict[str, Array]:
        """Fraction of right guesses, over the life and over its first 100 steps."""
        age = jnp.maximum(state.age, 1)
        first = state.right_early / jnp.minimum(age, EARLY)
        told = {"accuracy": state.right / age, "first_100": first}
        lost = {"forgetting": state.turns.forgetting()} if self._groups > 1 else {}
        return told | lost

    def optimum(self, steps: int) -> float:
        """Who knows labels and prototypes, and sees samples before their projection."""
        if self.task == "digits":
            return float(steps)
        shown = self.together or self.classes
        return steps * nearest_is_own(shown, self.latent, self.noise)

    def memoryless(self, steps: int) -> float | None:
        """By naming the label just told; None for the usual labels, known from birth.

        That is no better than chance, but where classes take turns.
        """
        if self.task == "digits" and not self.permute_labels:
            return None
        chances = np.full(steps, 1 / (self.together or self.classes))
        if self._groups > 1:
            chances[:: self.turn] = 0
        if self.change:
            chances[:: self.change] = 1 / self.classes
        chances[0] = 1 / self.classes
        return float(chances.sum())

    @property
    def _groups(self) -> int:
        """How many groups of classes take turns."""
        return self.classes // self.together if self.together else 1

    def _show(
        self, state: State, told: Array, reward: Array, key: Key
    ) -> tuple[State, TimeStep]:
        """Draw the next sample, and new labels where they are due."""
        source, labels = state.source, state.labels
        real = 2 if self.together else 0
        own = 1 + self.latent if isinstance(source, Prototypes) else real
        size = own + self.classes * bool(self.change)
        luck = jax.random.uniform(key, (size,), minval=np.nextafter(-1, 0, dtype="f4"))
        if isinstance(source, Prototypes):
            kind = self._kind(luck[0], state.age)
            features = source.sample(kind, luck[1:own], self.noise)
        else:
            source, kind, features = self._pictured(source, state.age, luck[:own])
        if self.change:
            due = (state.age > 0) & (state.age % self.change == 0)
            labels = jnp.where(due, _ranks(luck[own:]), labels)
        label = jnp.sum(jnp.where(jnp.arange(self.classes) == kind, labels, 0))
        state = state._replace(source=source, labels=labels, label=label)
        seen = jnp.concatenate([features, self.flag * told])
        sensed = TimeStep(seen, reward, state.age == 0)
        return state, sensed

    def _kind(self, luck: Array, age: Array) -> Array:
        """A class of those whose turn it is, from a number uniform on (-1, 1)."""
        shown = self.together or self.classes
        pick = jnp.floor((luck + 1) / 2 * shown).astype(jnp.int32)
        if not self.together:
            return pick
        return (age // self.turn % self._groups) * shown + pick

    def _pictured(
        self, source: Walk, age: Array, luck: Array
    ) -> tuple[Walk, Array, Array]:
        """The next image of the walk, or any one of the classes whose turn it is."""
        images, kinds = load_images(self.split, self.classes, self.features)
        if self.together:
            table, counts = by_class(self.split, self.classes, self.features)
            kind = self._kind(luck[0], age)
            pick = jnp.floor((luck[1] + 1) / 2 * jnp.array(counts)[kind])
            image = jnp.array(table)[kind, pick.astype(jnp.int32)]
        else:
            image = (source.image + source.stride) % len(kinds)
        features = jnp.array(images)[image]
        if self.permute_inputs:
            features = features[source.order]
        return source._replace(image=image), jnp.array(kinds)[image], features


def _ranks(luck: Array) -> Array:
    """A permutation: how many of ``(n,)`` numbers come before each."""
    place = jnp.arange(luck.shape[0])
    tied = (luck == luck[:, None]) & (place < place[:, None])
    return jnp.sum((luck < luck[:, None]) | tied, axis=1, dtype=jnp.int32)
