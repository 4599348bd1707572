"""Classes that take turns in the stream: who is shown when, and what is forgotten."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from evolife.envs._digit_images import load_images
from evolife.envs._turns import Turns
from evolife.envs.digits import Digits
from evolife.keys import root_key
from tests.envs.policies import life

KEY = root_key(73)
TURN, STEPS = 8, 80
DRAWN = Digits(classes=6, features=5, latent=4, together=2, turn=TURN)
PICTURED = Digits("digits", "train", together=2, turn=TURN, permute_inputs=False)
WORLDS = {"synthetic": DRAWN, "digits": PICTURED}


def same_again(world, state, sensed, key):
    """Names the label it was told last."""
    return jnp.argmax(sensed.observation[world.features :]).astype(jnp.int32)


def knows(world, state, sensed, key):
    return state.label


def task_of(state):
    return state.label, state.labels


def lives(world, policy, count, steps=STEPS):
    return life(world, policy, steps, task_of)(jax.random.split(KEY, count))


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_every_group_has_its_turn_and_its_classes_are_equally_likely(world):
    """The p-value is below its bound once in 1e6 runs."""
    _, (label, labels), *_ = lives(world, knows, 400)
    kinds = np.argsort(np.asarray(labels), axis=2)
    shown = np.take_along_axis(kinds, np.asarray(label)[:, :, None], axis=2)[:, :, 0]
    turns = np.arange(shown.shape[1]) // TURN
    groups = turns % (world.classes // 2)
    np.testing.assert_array_equal(shown // 2, np.broadcast_to(groups, shown.shape))
    assert stats.binomtest(int((shown % 2).sum()), shown.size).pvalue > 1e-6


def test_a_digit_in_its_turn_is_an_image_of_its_class():
    sensed, (label, labels), *_ = lives(PICTURED, knows, 20)
    images, kinds = load_images("train", 10, 64)
    seen = np.asarray(sensed.observation)[:, :, :64].reshape(-1, 64)
    far = ((seen[:, None] - images) ** 2).sum(axis=2)
    assert far.min(axis=1).max() < 1e-6
    told = np.asarray(labels).reshape(-1, 10)[
        np.arange(len(seen)), kinds[far.argmin(1)]
    ]
    np.testing.assert_array_equal(told, np.asarray(label).ravel())
    assert len(np.unique(far.argmin(axis=1))) > 250


def test_forgetting_is_what_the_rewards_say():
    _, _, rewards, *_, told = lives(DRAWN, same_again, 50)
    rows = np.asarray(rewards).reshape(50, STEPS // TURN, TURN)
    leaving, back = rows[:, :, -2:], rows[:, 3:, :2]
    expected = leaving.mean(axis=(1, 2)) - back.mean(axis=(1, 2))
    np.testing.assert_allclose(told["forgetting"], expected, atol=1e-6)
    assert expected.mean() > 0.1
    *_, told = lives(DRAWN, knows, 5)
    np.testing.assert_allclose(told["forgetting"], 0, atol=1e-6)


def test_nothing_is_forgotten_before_anything_came_back():
    assert Turns.none().forgetting() == 0
    *_, told = lives(DRAWN, same_again, 5, steps=3 * TURN)
    assert (np.asarray(told["forgetting"]) == 0).all()
    assert "forgetting" not in Digits().statistics(Digits().reset(KEY)[0])


@pytest.mark.parametrize("change", [0, 20])
@pytest.mark.parametrize("together", [1, 2, 3, 6])
def test_who_names_the_label_just_told_reaches_the_memoryless_score(together, change):
    """Within 5 standard errors of 4,000 lives."""
    world = Digits(
        classes=6, features=3, latent=2, together=together, turn=TURN, change=change
    )
    scores = np.asarray(lives(world, same_again, 4000).rewards).sum(axis=1)
    reach = 5 * scores.std() / np.sqrt(4000)
    assert abs(scores.mean() - world.memoryless(STEPS)) <= reach + 1e-6 < 1


def test_groups_that_do_not_divide_the_classes_are_refused():
    with pytest.raises(ValueError, match="together = 4: classes can take turns in"):
        Digits(classes=6, together=4)


def test_a_loud_flag_is_the_same_label_told_louder():
    loud = Digits(classes=6, features=5, latent=4, together=2, turn=TURN, flag=4.0)
    (one, *_), (other, *_) = (lives(world, knows, 3) for world in (DRAWN, loud))
    seen, heard = np.asarray(one.observation), np.asarray(other.observation)
    np.testing.assert_array_equal(heard[..., :5], seen[..., :5])
    np.testing.assert_array_equal(heard[..., 5:], 4 * seen[..., 5:])
    assert seen[..., 5:].max() == 1
