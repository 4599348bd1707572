"""The stream of samples: synthetic classes, real digits, labels that change."""

import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from sklearn.datasets import load_digits

from evolife.envs.digits import Digits
from evolife.keys import root_key
from tests.envs.policies import life

KEY = root_key(71)
SYNTHETIC = Digits(classes=4, features=12, latent=5, noise=0.6)


def first_label(world, state, sensed, key):
    return jnp.zeros((), jnp.int32)


def knows(world, state, sensed, key):
    """Looks the answer up in the state."""
    return state.label


def same_again(world, state, sensed, key):
    """Repeats the label it was told last."""
    return jnp.argmax(sensed.observation[world.features :]).astype(jnp.int32)


def some_map(world, state, sensed, key):
    """A fixed linear map from features to labels: the same in all lives."""
    weight = jax.random.normal(root_key(5), (world.features, world.classes))
    return jnp.argmax(sensed.observation[: world.features] @ weight).astype(jnp.int32)


def nearest_prototype(world, state, sensed, key):
    """Undoes the projection and compares with the prototypes in the state."""
    features = sensed.observation[: world.features]
    latent = jnp.arctanh(features * 0.628) @ jnp.linalg.pinv(state.source.projection)
    points = state.source.prototypes / jnp.sqrt(1 + world.noise**2)
    distances = jnp.sum((points - latent) ** 2, axis=1)
    nearest = jnp.arange(world.classes) == jnp.argmin(distances)
    return jnp.sum(jnp.where(nearest, state.labels, 0))


def task_of(state):
    return state.label, state.labels, state.age


def lives(world: Digits, policy, steps: int, count: int):
    return life(world, policy, steps, task_of)(jax.random.split(KEY, count))


def images_of(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Pixels scaled as the environment states, and their digits, in float64."""
    pixels, digits = load_digits(return_X_y=True)
    centred = pixels - pixels[:297].mean(axis=0)
    scaled = centred / centred[:297].std()
    part = slice(297) if split == "train" else slice(297, None)
    return scaled[part], digits[part]


WORLDS = {
    "synthetic": SYNTHETIC,
    "changing": Digits(classes=4, features=12, latent=5, change=7),
    "digits": Digits("digits", "train"),
    "few": Digits("digits", "test", classes=3, features=16, change=9),
}


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_a_guess_is_judged_at_once_and_the_label_told_one_step_later(world):
    sensed, (label, _, age), rewards, *_ = lives(world, same_again, 40, 5)
    told = np.asarray(sensed.observation)[:, :, world.features :]
    label, rewards = np.asarray(label), np.asarray(rewards)
    assert (told[:, 0] == 0).all()
    np.testing.assert_array_equal(told[:, 1:], np.eye(world.classes)[label[:, :-1]])
    np.testing.assert_array_equal(rewards[:, 1:], label[:, 1:] == label[:, :-1])
    np.testing.assert_array_equal(rewards[:, 0], label[:, 0] == 0)
    np.testing.assert_array_equal(sensed.first, np.asarray(age) == 0)


def test_synthetic_features_are_those_of_the_formula_without_noise():
    world = Digits(classes=4, features=12, latent=5, noise=0.0)
    state, sensed = world.reset(KEY)
    points, matrix = (np.asarray(part, np.float64) for part in state.source)
    labels = np.asarray(state.labels)
    seen, step = set(), jax.jit(world.step)
    for t in range(30):
        kind = int(np.flatnonzero(labels == int(state.label))[0])
        features = np.tanh(points[kind] @ matrix) / 0.628
        np.testing.assert_allclose(sensed.observation[:12], features, atol=1e-5)
        seen.add(kind)
        state, sensed = step(state, 0, jax.random.fold_in(KEY, t))
    assert seen == {0, 1, 2, 3}


def test_synthetic_classes_are_equally_likely_and_features_nearly_standard():
    """Each p-value is below its bound once in 1e6 runs."""
    world = Digits(classes=4, features=6, latent=5)
    sensed, (label, labels, _), *_ = lives(world, first_label, 5, 8000)
    for t in range(5):
        assert stats.chisquare(np.bincount(label[:, t])).pvalue > 1e-6
    deals = np.asarray(labels)[:, 0]
    assert (np.sort(deals, axis=1) == np.arange(4)).all()
    orders = deals @ 4 ** np.arange(4)
    counts = np.unique(orders, return_counts=True)[1]
    assert len(counts) == 24 and stats.chisquare(counts).pvalue > 1e-6
    features = np.asarray(sensed.observation)[:, :, :6]
    # Lives are independent, samples of one life are not.
    each = features.mean(axis=(1, 2))
    assert abs(each.mean()) < 5 * each.std() / np.sqrt(len(each))
    # A product of normal numbers is normal given its left factor's length.
    length = np.sqrt(stats.chi2(5).ppf((np.arange(2000) + 0.5) / 2000) / 5)
    x, weight = np.polynomial.hermite_e.hermegauss(61)
    powers = np.tanh(length[:, None] * x) ** 2 @ (weight / weight.sum())
    power, found = powers.mean() / 0.628**2, (features**2).mean(axis=(1, 2))
    assert 0.9 < power < 1
    assert abs(found.mean() - power) < 5 * found.std() / np.sqrt(len(found)) < 0.02


@pytest.mark.parametrize("noise", [0.0, 0.6, 1.2])
def test_who_knows_the_prototypes_reaches_the_optimum(noise):
    """Within 5 standard errors of 3,000 lives and of the 20,000 samples behind it."""
    world = Digits(classes=4, features=12, latent=5, noise=noise)
    rewards = lives(world, nearest_prototype, 20, 3000).rewards
    scores = np.asarray(rewards).sum(axis=1)
    error = np.hypot(scores.std() / np.sqrt(3000), 20 * 0.004 / 2)
    assert abs(scores.mean() - world.optimum(20)) <= 5 * error
    assert world.optimum(20) == 20 if noise == 0 else 8 < world.optimum(20) < 20


@pytest.mark.parametrize(
    "policy", [first_label, same_again, some_map], ids=lambda policy: policy.__name__
)
@pytest.mark.parametrize(
    "world",
    [SYNTHETIC, Digits("digits", "train"), Digits("digits", "test", change=5)],
    ids=["synthetic", "train", "test, changing"],
)
def test_what_knows_no_label_guesses_by_chance(world, policy):
    """Within 5 standard errors of 2,000 lives, and 0.2% for the digits' counts."""
    rewards = lives(world, policy, 10, 2000).rewards
    scores = np.asarray(rewards).sum(axis=1)
    reach = 5 * scores.std() / np.sqrt(2000) + 0.02 * (world.task == "digits")
    assert abs(scores.mean() - world.memoryless(10)) < reach < 0.3


def test_labels_are_dealt_anew_when_a_change_is_due_and_never_else():
    world = Digits(classes=4, features=3, latent=2, change=7)
    _, (_, labels, _), *_ = lives(world, first_label, 30, 500)
    labels = np.asarray(labels)
    assert (np.sort(labels, axis=2) == np.arange(4)).all()
    changed = (labels[:, 1:] != labels[:, :-1]).any(axis=2)
    due = np.arange(1, 30) % 7 == 0
    assert not changed[:, ~due].any()
    # A deal is the same as the one before it with a chance of 1 in 24.
    kept = int((~changed[:, due]).sum())
    low, high = stats.binom.ppf([1e-6, 1 - 1e-6], changed[:, due].size, 1 / 24)
    assert low <= kept <= high


def test_statistics_are_the_fractions_of_right_guesses():
    _, _, rewards, *_, statistics = lives(SYNTHETIC, same_again, 130, 4)
    rewards = np.asarray(rewards)
    np.testing.assert_allclose(statistics["accuracy"], rewards.mean(axis=1), rtol=1e-6)
    early = rewards[:, :100].mean(axis=1)
    np.testing.assert_allclose(statistics["first_100"], early, rtol=1e-6)
    _, _, rewards, *_, statistics = lives(SYNTHETIC, same_again, 30, 4)
    np.testing.assert_allclose(statistics["first_100"], rewards.mean(axis=1), rtol=1e-6)
    *_, statistics = lives(SYNTHETIC, knows, 30, 4)
    assert (np.asarray(statistics["accuracy"]) == 1).all()


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_round_shows_every_image_of_its_split_once_and_as_it_is(split):
    """With the order of pixels and labels undone, samples are scikit-learn's."""
    world = Digits("digits", split)
    images, digits = images_of(split)
    count = len(images)
    assert count == {"train": 297, "test": 1500}[split]
    state, _ = world.reset(KEY)
    order = np.asarray(state.source.order)
    names = np.asarray(state.labels)
    assert sorted(order) == list(range(64)) and (order != np.arange(64)).any()

    def step(carry, key):
        state, sensed = carry
        return world.step(state, 0, key), (sensed.observation[:64], state.label)

    keys = jax.random.split(KEY, count + 3)
    _, (seen, label) = jax.jit(lambda: jax.lax.scan(step, world.reset(KEY), keys))()
    seen, label = np.asarray(seen)[:, np.argsort(order)], np.asarray(label)
    np.testing.assert_array_equal(seen[count:], seen[:3])
    distances = ((seen[:count, None] - images) ** 2).sum(axis=2)
    nearest = distances.argmin(axis=1)
    assert distances[np.arange(count), nearest].max() < 1e-6
    np.testing.assert_array_equal(label[:count], names[digits[nearest]])
    # Two of the images may be the same, so rows are compared, not their places.
    kinds = np.unique(images, axis=0, return_inverse=True)[1].ravel()
    np.testing.assert_array_equal(np.sort(kinds[nearest]), np.sort(kinds))


def test_lives_walk_in_different_orders_and_start_anywhere():
    world = Digits("digits", "test", permute_inputs=False, permute_labels=False)
    states, sensed = jax.vmap(world.reset)(jax.random.split(KEY, 2000))
    strides, starts = np.asarray(states.source.stride), np.asarray(states.source.image)
    assert (np.gcd(strides, 1500) == 1).all()
    assert len(np.unique(strides)) > 390 and len(np.unique(starts)) > 1000
    assert stats.kstest(starts / 1500, "uniform").pvalue > 1e-6
    assert (np.asarray(states.labels) == np.arange(10)).all()
    assert (np.asarray(states.source.order) == np.arange(64)).all()
    images, digits = images_of("test")
    seen = np.asarray(sensed.observation)[:, :64]
    nearest = ((seen[:50, None] - images) ** 2).sum(axis=2).argmin(axis=1)
    np.testing.assert_array_equal(digits[nearest], states.label[:50])
    assert world.memoryless(100) is None and world.optimum(100) == 100


@pytest.mark.parametrize("features", [16, 4])
def test_smaller_digits_are_averages_of_blocks(features):
    world = Digits("digits", "train", features=features, permute_inputs=False)
    sensed, *_ = lives(world, first_label, 297, 1)
    pixels = load_digits().images[:297]
    side = int(np.sqrt(features))
    size = 8 // side
    blocks = np.empty((297, side, side))
    for i in range(side):
        for j in range(side):
            block = pixels[:, i * size : (i + 1) * size, j * size : (j + 1) * size]
            blocks[:, i, j] = block.mean(axis=(1, 2))
    flat = blocks.reshape(297, features)
    flat = flat - flat.mean(axis=0)
    found = np.asarray(sensed.observation)[0, :, :features]
    np.testing.assert_allclose(
        found[np.lexsort(found.round(3).T)],
        (flat / flat.std())[np.lexsort((flat / flat.std()).round(3).T)],
        atol=1e-3,
    )
    assert found.var() == pytest.approx(1, abs=1e-4)


def test_the_stream_of_digits_can_be_learned_by_the_nearest_class_mean():
    """Online over 1,500 images of the test split, as accurate as in the literature."""
    world = Digits("digits", "test")
    sensed, (label, *_), *_ = lives(world, first_label, 1500, 2)
    streams = zip(np.asarray(sensed.observation), np.asarray(label), strict=True)
    for seen, labels in streams:
        sums, counts, right = np.zeros((10, 64)), np.zeros(10), []
        for x, truth in zip(seen[:, :64], labels, strict=True):
            means = sums / np.maximum(counts, 1)[:, None]
            far = np.where(counts > 0, ((means - x) ** 2).sum(axis=1), np.inf)
            right.append(far.argmin() == truth)
            sums[truth] += x
            counts[truth] += 1
        assert 0.85 < np.mean(right) < 0.92
        assert 0.6 < np.mean(right[:100]) < 0.85


def test_what_digits_lack_is_refused(monkeypatch):
    with pytest.raises(ValueError, match="classes = 11: there are 10 digits"):
        Digits("digits", classes=11)
    with pytest.raises(ValueError, match="features = 32: digits have 64, 16 or 4"):
        Digits("digits", features=32)
    with pytest.raises(ValueError, match="change = 9: a life of 9 steps ends before"):
        Digits(change=9).check(9)
    Digits(change=9).check(10)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'evolife\[envs\]'"):
        Digits("digits")
    Digits(classes=11, features=32)
