"""What is written is what was handed over, however it lies in memory."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load

from evolife import keys
from evolife.engine.tournament import Champion
from evolife.pytrees import digest, from_bytes, take_apart, to_bytes
from evolife.run import champion_table
from evolife.selection import operator_file
from evolife.selection.operator import Architecture, Operator, init
from evolife.selection.shaping.learned import Learned
from evolife.storage import checkpoint
from evolife.storage.genomes import read_genomes
from evolife.storage.run_folder import RunFolder
from evolife.storage.tensors import to_safetensors

pytestmark = pytest.mark.fast

NUMBERS = np.random.default_rng(2).normal(size=(6, 4)).astype(np.float32)
LAYOUTS = {
    "rows": NUMBERS,
    "columns": np.asfortranarray(NUMBERS),
    "transposed": NUMBERS.T,
    "permuted": NUMBERS.reshape(2, 3, 4).transpose(2, 0, 1),
    "strided": NUMBERS[::2, 1::2],
    "reversed": NUMBERS[::-1, ::-1],
    "broadcast": np.broadcast_to(NUMBERS[:1], (3, 4)),
    "big endian": NUMBERS.astype(">f4"),
    "one number": np.float32(2.5),
    "none": NUMBERS[:0].T,
    "jax": jnp.asarray(NUMBERS).T,
    "flags": NUMBERS.T > 0,
    "halves": jnp.asarray(NUMBERS, jnp.bfloat16).T,
}


def same(found, wanted):
    wanted = np.asarray(wanted)
    assert found.shape == wanted.shape and found.dtype == wanted.dtype.newbyteorder("<")
    assert (found == wanted).all()


# safetensors' NumPy reader knows no bfloat16.
@pytest.mark.parametrize("layout", sorted(LAYOUTS.keys() - {"halves"}))
def test_safetensors_hold_what_was_given(layout):
    same(load(to_safetensors({"x": LAYOUTS[layout]}))["x"], LAYOUTS[layout])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_checkpoints_messages_and_digests_hold_what_was_given(layout, tmp_path):
    tree = {"x": LAYOUTS[layout]}
    wanted = np.asarray(LAYOUTS[layout])
    in_rows = {"x": np.array(wanted, wanted.dtype.newbyteorder("<"), order="C")}
    assert digest(tree) == digest(in_rows)
    leaves = take_apart(tree)
    same(from_bytes(leaves, to_bytes(leaves))[0].value(), LAYOUTS[layout])
    checkpoint.save(tmp_path, 1, tree, {}, keep=1)
    same(np.asarray(checkpoint.load(tmp_path, 1, tree).tree["x"]), LAYOUTS[layout])


def champion(genome):
    numbers = {"selected": 1.0, "validated": 1.0, "held_out": 1.0, "interval": (1, 1)}
    given = dict.fromkeys(Champion.__dataclass_fields__, 0)
    return Champion(**given | numbers | {"genome": genome, "statistics": {}})


def test_a_champion_comes_back_as_it_was(tmp_path):
    layouts = ("rows", "columns", "transposed", "permuted", "strided", "broadcast")
    genome = {name: LAYOUTS[name] for name in layouts}
    run = RunFolder(tmp_path)
    run.champions.mkdir()
    table = champion_table.write(run, [champion(genome)], {}, None)
    found = read_genomes(run, table, genome)
    for name in layouts:
        same(found[name][0], genome[name])
    json.loads((run.champions / "champions.json").read_text())


def test_an_operator_comes_back_as_it_was(tmp_path):
    shape = Architecture(width=5, queries=2, signed=True)
    given = jax.tree.map(np.asfortranarray, init(keys.root_key(3), shape))
    path = tmp_path / "operator.safetensors"
    operator_file.write(path, Operator(*given), shape, {})
    found = Learned(str(path))
    for got, wanted in zip(found.parameters, given, strict=True):
        np.testing.assert_array_equal(got, wanted)
