"""A stream to classify: guess, then be told; classes are learned within the life."""

import dataclasses
import functools
import importlib.util
import math
from typing import Annotated, ClassVar, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from annotated_types import Ge

from evolife.base import Action, Array, Discrete, Environment, Key, Spec, TimeStep

EARLY, TRAIN = 100, 297


class Drawn(NamedTuple):
    """Classes of a synthetic task: ``(classes, latent)`` and ``(latent, features)``."""

    prototypes: Array
    projection: Array


class Real(NamedTuple):
    """A walk through the digits, ``stride`` images a step."""

    order: Array
    """``(features,)`` int32: the pixel that each feature is taken from."""
    stride: Array
    image: Array


class State(NamedTuple):
    """The task of a life, the sample to be classified, and what was guessed."""

    source: Drawn | Real
    labels: Array
    """``(classes,)`` int32: the label of each class."""
    label: Array
    """``()`` int32: that of the sample shown."""
    age: Array
    right: Array
    right_early: Array


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
    change: Annotated[int, Ge(0)] = 0
    """Steps after which labels are dealt out anew, unannounced; 0: never."""

    def __post_init__(self) -> None:
        """Refuse what the digits do not have."""
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
        source = self._drawn(task) if self.task == "synthetic" else self._real(task)
        state = State(source, labels, *[jnp.zeros((), jnp.int32)] * 4)
        return self._show(state, jnp.zeros(self.classes), jnp.float32(0), sample)

    def step(self, state: State, action: Action, key: Key) -> tuple[State, TimeStep]:
        """Judge the guess, tell the label, show the next sample."""
        right = action == state.label
        told = (jnp.arange(self.classes) == state.label).astype(jnp.float32)
        state = state._replace(
            age=state.age + 1,
            right=state.right + right,
            right_early=state.right_early + (right & (state.age < EARLY)),
        )
        return self._show(state, told, right.astype(jnp.float32), key)

    def statistics(self, state: State) -> dict[str, Array]:
        """Fraction of right guesses, over the life and over its first 100 steps."""
        age = jnp.maximum(state.age, 1)
        first = state.right_early / jnp.minimum(age, EARLY)
        return {"accuracy": state.right / age, "first_100": first}

    def optimum(self, steps: int) -> float:
        """Who knows labels and prototypes, and sees samples before their projection."""
        if self.task == "digits":
            return float(steps)
        return steps * _nearest_is_own(self.classes, self.latent, self.noise)

    def memoryless(self, steps: int) -> float | None:
        """By chance; None for digits with the usual labels, known from birth."""
        chance = self.task == "synthetic" or self.permute_labels
        return steps / self.classes if chance else None

    def _drawn(self, key: Key) -> Drawn:
        points, matrix = jax.random.split(key)
        points = jax.random.normal(points, (self.classes, self.latent))
        matrix = jax.random.normal(matrix, (self.latent, self.features))
        return Drawn(points, matrix / math.sqrt(self.latent))

    def _real(self, key: Key) -> Real:
        shuffle, pace, place = jax.random.split(key, 3)
        count = len(_load(self.split, self.classes, self.features)[1])
        # A stride that shares no factor with the count visits every image in turn.
        strides = [n for n in range(1, count) if math.gcd(n, count) == 1]
        order = jnp.arange(self.features, dtype=jnp.int32)
        if self.permute_inputs:
            order = jax.random.permutation(shuffle, order)
        stride = jax.random.choice(pace, jnp.array(strides, jnp.int32))
        return Real(order, stride, jax.random.randint(place, (), 0, count))

    def _show(
        self, state: State, told: Array, reward: Array, key: Key
    ) -> tuple[State, TimeStep]:
        """Draw the next sample, and new labels where they are due."""
        source, labels = state.source, state.labels
        own = 1 + self.latent if isinstance(source, Drawn) else 0
        size = own + self.classes * bool(self.change)
        luck = jax.random.uniform(key, (size,), minval=np.nextafter(-1, 0, dtype="f4"))
        if isinstance(source, Drawn):
            kind, features = self._synthesise(source, luck[:own])
        else:
            images, kinds = _load(self.split, self.classes, self.features)
            image = (source.image + source.stride) % len(kinds)
            source = source._replace(image=image)
            kind, features = jnp.array(kinds)[image], jnp.array(images)[image]
            if self.permute_inputs:
                features = features[source.order]
        if self.change:
            due = (state.age > 0) & (state.age % self.change == 0)
            labels = jnp.where(due, _ranks(luck[own:]), labels)
        label = jnp.sum(jnp.where(jnp.arange(self.classes) == kind, labels, 0))
        state = state._replace(source=source, labels=labels, label=label)
        sensed = TimeStep(jnp.concatenate([features, told]), reward, state.age == 0)
        return state, sensed

    def _synthesise(self, source: Drawn, luck: Array) -> tuple[Array, Array]:
        """Turn numbers uniform on (-1, 1) into a class and a sample of it."""
        kind = jnp.floor((luck[0] + 1) / 2 * self.classes).astype(jnp.int32)
        mine = (jnp.arange(self.classes) == kind).astype(jnp.float32)
        offset = math.sqrt(2) * jax.lax.erf_inv(luck[1:])
        sample = mine @ source.prototypes + self.noise * offset
        sample /= math.sqrt(1 + self.noise**2)
        # 0.628 is the standard deviation of tanh(x) for a standard normal x.
        return kind, jnp.tanh(sample @ source.projection) / 0.628


def _ranks(luck: Array) -> Array:
    """A permutation: how many of ``(n,)`` numbers come before each."""
    place = jnp.arange(luck.shape[0])
    tied = (luck == luck[:, None]) & (place < place[:, None])
    return jnp.sum((luck < luck[:, None]) | tied, axis=1, dtype=jnp.int32)


@functools.cache
def _load(split: str, classes: int, features: int) -> tuple[np.ndarray, np.ndarray]:
    """Scaled images ``(n, features)`` and their digits ``(n,)``, shuffled for good."""
    from sklearn.datasets import load_digits

    pixels, kinds = load_digits(return_X_y=True)
    side = math.isqrt(features)
    blocks = pixels.reshape(-1, side, 8 // side, side, 8 // side)
    images = blocks.mean(axis=(2, 4)).reshape(-1, features)
    images -= images[:TRAIN].mean(axis=0)
    images /= images[:TRAIN].std()
    part = np.arange(TRAIN) if split == "train" else np.arange(TRAIN, len(kinds))
    chosen = np.random.default_rng(0).permutation(part[kinds[part] < classes])
    return images[chosen].astype(np.float32), kinds[chosen].astype(np.int32)


@functools.cache
def _nearest_is_own(classes: int, latent: int, noise: float) -> float:
    """Chance that a sample's own prototype is the nearest, over 20,000 samples.

    Other prototypes lie at squared distances from a sample z that follow the noncentral
    chi-square distribution of ``latent`` degrees with noncentrality ``|z|^2``.
    """
    from scipy import stats

    rng = np.random.default_rng(1998)
    own, offset = rng.normal(size=(2, 20_000, latent))
    near = noise**2 * (offset**2).sum(axis=1)
    far = ((own + noise * offset) ** 2).sum(axis=1)
    return float(np.mean(stats.ncx2.sf(near, latent, far) ** (classes - 1)))
