"""What draws cost the compiler: little, whatever their shape and whoever makes them.

The generator once joined four pieces and cut them to size. Fused into what used them,
the pieces became branches of one loop, on which LLVM spent minutes where the number of
words was odd. So no draw may join arrays, and all programs of a kind have one size.
"""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evolife import keys
from evolife.base import Discrete, Spec
from evolife.keys import root_key
from evolife.plugins import registry
from tests.worlds import WORLDS

SHAPES = [
    *[(), (1,), (2,), (3,), (4,), (5,), (7,), (8,), (33,), (131,), (147,), (1001,)],
    *[(1, 1), (3, 45), (7, 21), (8, 24), (13, 10), (33, 33), (5, 127), (127, 5)],
    *[(3, 5, 9), (3, 5, 10), (4, 4, 16), (7, 1, 19), (2, 3, 4, 5)],
    *[(2**14 - 1,), (2**14,), (2**14 + 1,), (129, 129), (128, 129), (33, 33, 33)],
]
DRAWS = {
    "normal": jax.random.normal,
    "uniform": jax.random.uniform,
    "bytes": lambda key, shape: jax.random.bits(key, shape, jnp.uint8),
    "integers": lambda key, shape: jax.random.randint(key, shape, 0, 7),
}


def derived(key):
    """A key as deep as those of a step of a life."""
    return jax.random.split(jax.random.fold_in(key, 0), 3)[1]


def joined(text: str) -> list[int]:
    """The lengths at which a lowered program joins random words into longer rows."""
    found = re.findall(r"concatenate.*dim = (\d+).*-> tensor<([0-9x]+)xui32>", text)
    return [int(sizes.split("x")[int(axis)]) for axis, sizes in found]


def lowered(function, *arguments):
    """``function`` lowered, once no draw in it joins more than the words of keys."""
    program = jax.jit(function).lower(*arguments)
    assert max(joined(program.as_text()), default=0) <= 8
    return program


def instructions(program) -> int:
    return program.compile().as_text().count(" = ")


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_no_shape_of_a_draw_is_dear_to_compile(shape):
    count = int(np.prod(shape))
    program = lowered(lambda key: jax.random.normal(derived(key), shape), root_key(0))
    if count in (1, 3, 5, 135, 147, 1089, 2**14 + 1):
        assert instructions(program) < 600


@pytest.mark.parametrize("name", DRAWS)
def test_every_kind_of_draw_costs_as_little(name):
    lowered(lambda key: DRAWS[name](derived(key), (7, 21)), root_key(0))


def test_draws_of_many_lives_and_draws_joined_by_their_user_compile():
    def life(key):
        first, second = jax.random.split(derived(key))
        return jax.random.normal(first, (3, 45)), jax.random.uniform(second, (33,))

    many = jax.random.split(root_key(0), 8)
    assert instructions(lowered(jax.vmap(life), many)) < 1200

    def of_a_user(key):
        drawn, flat = life(key)
        return jnp.concatenate([jnp.ravel(drawn), flat, jnp.ones(3)])

    assert instructions(jax.jit(of_a_user).lower(root_key(0))) < 1200


@pytest.mark.parametrize("name", registry.names("agents"))
def test_no_agent_joins_words_when_it_is_born(name):
    agent = registry.load("agents", name)(Spec(33, Discrete(3)))
    lowered(lambda key: agent.init_genome(derived(key)), root_key(0))


@pytest.mark.parametrize("name", WORLDS)
def test_no_environment_joins_words_when_a_life_begins(name):
    lowered(lambda key: WORLDS[name].reset(derived(key)), root_key(0))


def test_a_gru_of_33_is_born_by_a_small_program():
    agent = registry.load("agents", "gru")(Spec(5, Discrete(3)), hidden=33)
    program = jax.jit(lambda key: agent.init_genome(derived(key))).lower(root_key(0))
    assert instructions(program) < 4000


def test_a_draw_is_a_function_of_the_place_of_each_word():
    key = root_key(3)
    longest = np.asarray(jax.random.bits(key, (2**14 + 3,)))
    for count in (5, 147, 2**14):
        assert (np.asarray(jax.random.bits(key, (count,))) == longest[:count]).all()
    four = np.asarray(jax.random.bits(key, (4,)))
    reference = jax.jit(keys.pcg4d)(*jax.random.key_data(key), 0, keys._Purpose.BITS)
    assert (four == np.stack(reference)).all()
    for count in (1, 2, 3):
        assert (np.asarray(jax.random.bits(key, (count,))) == four[:count]).all()
