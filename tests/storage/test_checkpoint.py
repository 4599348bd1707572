import contextlib
import errno
import os
import resource
import subprocess
import sys
import typing
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from evolife.errors import EvolifeError, InvalidInput
from evolife.storage import checkpoint


class Pair(typing.NamedTuple):
    left: object
    right: object


def random_leaf(rng: np.random.Generator) -> object:
    shape = tuple(rng.integers(0, 4, rng.integers(0, 4)))
    numbers = rng.normal(size=shape)
    seed = int(rng.integers(1 << 30))
    makers = [
        lambda: jnp.asarray(numbers, jnp.float32),
        lambda: jnp.asarray(numbers, jnp.bfloat16),
        lambda: jnp.asarray(numbers * 100, jnp.int32),
        lambda: jnp.asarray(numbers > 0),
        lambda: numbers,
        lambda: numbers.T,
        lambda: (numbers * 100).astype(np.uint8),
        lambda: numbers.astype(np.complex64),
        lambda: np.float32(seed / 7),
        lambda: np.bool_(seed % 2),
        lambda: seed,
        lambda: seed / 7,
        lambda: bool(seed % 2),
        lambda: jax.random.key(seed),
        lambda: jax.random.split(jax.random.key(seed, impl="rbg"), 3),
        lambda: jnp.asarray([np.nan, -0.0, np.inf], jnp.float32),
        lambda: None,
        lambda: (),
    ]
    return makers[rng.integers(len(makers))]()


def random_tree(rng: np.random.Generator, depth: int = 3) -> object:
    kind = rng.integers(4) if depth else 3
    children = [random_tree(rng, depth - 1) for _ in range(3)] if kind < 3 else []
    if kind == 0:
        return dict(zip(("a", "b/c", "é['x']"), children, strict=True))
    if kind == 1:
        return Pair(*children[:2])
    return children if kind == 2 else random_leaf(rng)


def bits(leaf: object) -> tuple:
    if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        impl = str(jax.random.key_impl(leaf))
        return type(leaf), impl, *bits(jax.random.key_data(leaf))
    array = np.asarray(leaf)
    return type(leaf), array.dtype, array.shape, array.tobytes()


STATE = {"mean": np.arange(6, dtype=np.float32).reshape(2, 3), "count": 3}
OTHER = {"mean": -np.ones((2, 3), np.float32), "count": 4}


def two_checkpoints(folder: Path) -> Path:
    checkpoint.save(folder, 10, STATE, {"note": "old"}, keep=3)
    return checkpoint.save(folder, 20, OTHER, {"note": "new"}, keep=3)


def assert_is_old(loaded: checkpoint.Loaded | None) -> None:
    assert loaded is not None
    assert (loaded.generation, loaded.extra) == (10, {"note": "old"})
    assert checkpoint.digest(loaded.tree) == checkpoint.digest(STATE)


@pytest.mark.parametrize("seed", range(12))
def test_a_tree_comes_back_bit_for_bit(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    tree = [random_tree(rng) for _ in range(4)]
    extra = {"digest": "ab", "nested": [1, None, {"x": 0.1}]}
    checkpoint.save(tmp_path, seed, tree, extra, keep=1)
    loaded = checkpoint.load(tmp_path, None, tree)
    assert loaded is not None and loaded.warnings == ()
    assert (loaded.generation, loaded.extra) == (seed, extra)
    assert jax.tree.structure(loaded.tree) == jax.tree.structure(tree)
    before, after = jax.tree.leaves(tree), jax.tree.leaves(loaded.tree)
    assert [bits(leaf) for leaf in after] == [bits(leaf) for leaf in before]
    assert checkpoint.digest(loaded.tree) == checkpoint.digest(tree)


def test_a_template_may_be_shapes_only(tmp_path: Path) -> None:
    def make() -> dict:
        return {"key": jax.random.key(7, impl="rbg"), "x": jnp.ones(3)}

    checkpoint.save(tmp_path, 1, make(), {}, keep=1)
    loaded = checkpoint.load(tmp_path, None, jax.eval_shape(make))
    assert loaded is not None
    expected = jax.random.normal(make()["key"], (4,))
    assert (jax.random.normal(loaded.tree["key"], (4,)) == expected).all()


def test_digest_sees_names_types_shapes_bits_and_nothing_else() -> None:
    base = np.arange(6, dtype=np.float32)
    flipped = base.copy()
    flipped.view(np.uint8)[0] ^= 1
    trees = [
        {"a": base},
        {"b": base},
        {"a": base.reshape(2, 3)},
        {"a": base.view(np.int32)},
        {"a": flipped},
        {"a": base, "b": np.zeros((0,), np.float32)},
        {"a": np.where(base == 0, np.float32(-0.0), base)},
        {"a": jax.random.wrap_key_data(jnp.zeros(2, jnp.uint32))},
        {"a": np.zeros(2, np.uint32)},
    ]
    digests = [checkpoint.digest(tree) for tree in trees]
    assert len(set(digests)) == len(trees)
    assert {len(digest) for digest in digests} == {8}
    assert checkpoint.digest({"a": jnp.asarray(base)}) == digests[0]
    assert checkpoint.digest({"a": np.stack([base, base], 1)[:, 0]}) == digests[0]


@pytest.mark.parametrize(
    ("template", "leaf"),
    [
        (
            {"mean": np.zeros((2, 4), np.float32), "count": 3},
            "['mean'] (float32[2, 4])",
        ),
        (
            {"mean": np.zeros((2, 3), np.float64), "count": 3},
            "['mean'] (float64[2, 3])",
        ),
        ({"mean": STATE["mean"]}, "['count'] (int64[])"),
        ({**STATE, "more": 1}, "['more'] (int64[])"),
        (Pair(3, STATE["mean"]), ".left"),
    ],
)
def test_another_config_is_refused_by_leaf(
    tmp_path: Path, template: object, leaf: str
) -> None:
    checkpoint.save(tmp_path, 5, STATE, {}, keep=1)
    with pytest.raises(InvalidInput, match="another config") as caught:
        checkpoint.load(tmp_path, None, template)
    assert leaf in str(caught.value)


def test_no_checkpoint_is_none_and_an_absent_one_is_refused(tmp_path: Path) -> None:
    assert checkpoint.load(tmp_path / "absent", None, STATE) is None
    assert checkpoint.load(tmp_path, None, STATE) is None
    two_checkpoints(tmp_path)
    assert_is_old(checkpoint.load(tmp_path, 10, STATE))
    with pytest.raises(InvalidInput, match=r"generation 15; there are \[20, 10\]"):
        checkpoint.load(tmp_path, 15, STATE)


@pytest.mark.parametrize("name", ["arrays.npz", "state.json"])
def test_every_damaged_byte_is_noticed(tmp_path: Path, name: str) -> None:
    file = two_checkpoints(tmp_path) / name
    whole = file.read_bytes()
    assert len(whole) > 300
    for position in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        file.write_bytes(damaged)
        loaded = checkpoint.load(tmp_path, None, STATE)
        assert_is_old(loaded)
        assert loaded is not None and len(loaded.warnings) == 1
        assert str(file.parent) in loaded.warnings[0]
    file.write_bytes(whole)
    loaded = checkpoint.load(tmp_path, None, STATE)
    assert loaded is not None and loaded.generation == 20 and not loaded.warnings


@pytest.mark.parametrize("name", ["arrays.npz", "state.json"])
def test_truncated_and_missing_files_are_noticed(tmp_path: Path, name: str) -> None:
    file = two_checkpoints(tmp_path) / name
    whole = file.read_bytes()
    for length in (0, 1, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        assert_is_old(checkpoint.load(tmp_path, None, STATE))
    file.unlink()
    assert_is_old(checkpoint.load(tmp_path, None, STATE))
    with pytest.raises(EvolifeError, match="no valid checkpoint is left"):
        checkpoint.load(tmp_path, 20, STATE)


def test_a_checkpoint_under_another_name_is_damaged(tmp_path: Path) -> None:
    two_checkpoints(tmp_path).rename(tmp_path / "gen_000030")
    loaded = checkpoint.load(tmp_path, None, STATE)
    assert_is_old(loaded)
    assert loaded is not None and "of generation 20" in loaded.warnings[0]


def test_all_damaged_is_an_error_with_every_reason(tmp_path: Path) -> None:
    two_checkpoints(tmp_path)
    (tmp_path / "gen_000020" / "state.json").write_text("{}")
    (tmp_path / "gen_000010" / "arrays.npz").unlink()
    with pytest.raises(EvolifeError) as caught:
        checkpoint.load(tmp_path, None, STATE)
    assert caught.value.exit_code == 1
    for part in ("gen_000020", "gen_000010", "hash", "arrays.npz"):
        assert part in str(caught.value)


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    (tmp_path / ".gen_000001.999.tmp").mkdir()
    (tmp_path / "mine").mkdir()
    for generation in range(1, 8):
        checkpoint.save(tmp_path, generation, STATE, {}, keep=3)
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == ["gen_000005", "gen_000006", "gen_000007", "mine"]
    checkpoint.save(tmp_path, 6, OTHER, {}, keep=2)
    assert checkpoint.generations(tmp_path) == [6, 5]
    loaded = checkpoint.load(tmp_path, None, STATE)
    assert loaded is not None and loaded.tree["count"] == 4


def test_a_kill_while_replacing_keeps_the_replaced(tmp_path: Path) -> None:
    two_checkpoints(tmp_path)
    (tmp_path / "gen_000020").rename(tmp_path / ".gen_000020.replaced")
    loaded = checkpoint.load(tmp_path, None, STATE)
    assert loaded is not None and loaded.generation == 20
    checkpoint.save(tmp_path, 20, STATE, {}, keep=3)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["gen_000010", "gen_000020"]


def snapshot(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): path.read_bytes() for path in files}


@contextlib.contextmanager
def largest_file(size: int) -> typing.Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_write_that_finds_no_room_harms_nothing(tmp_path: Path) -> None:
    two_checkpoints(tmp_path)
    before = snapshot(tmp_path)
    big = {"mean": np.zeros(200_000, np.float32)}
    with (
        largest_file(100_000),
        pytest.raises(EvolifeError, match=r"gen_000030.*free some space") as caught,
    ):
        checkpoint.save(tmp_path, 30, big, {}, keep=1)
    assert caught.value.exit_code == 1
    assert snapshot(tmp_path) == before
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("failing", range(1, 5))
def test_a_disk_that_fills_at_any_sync_harms_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    two_checkpoints(tmp_path)
    before, calls = snapshot(tmp_path), []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == failing:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(EvolifeError, match="No space left"):
        checkpoint.save(tmp_path, 30, STATE, {}, keep=1)
    assert len(calls) == failing
    after = snapshot(tmp_path)
    assert {path: after.get(path) for path in before} == before
    assert not list(tmp_path.glob(".*"))


def test_what_is_not_numbers_is_refused_before_writing(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"leaf \['f'\]"):
        checkpoint.save(tmp_path, 1, {"f": np.array([object()])}, {}, keep=1)
    assert not list(tmp_path.iterdir())


SAVER = """
import os, random, signal, sys, time
from pathlib import Path
import numpy as np
from evolife.storage import checkpoint

folder, rng = Path(sys.argv[1]), random.Random(0)
template = {"x": np.zeros(2000), "count": 0}
checkpoint.digest(template)
newest = 0
for trial in range(20):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        for g in range(newest + 1, newest + 100_000):
            state = {"x": np.full(2000, float(g)), "count": g}
            # Every other save replaces the checkpoint of its generation.
            checkpoint.save(folder, g, state, {}, keep=2)
            checkpoint.save(folder, g, state, {}, keep=2)
            os.write(write, b"%9d" % g)
    os.close(write)
    acknowledged = int(os.read(read, 9))
    time.sleep(rng.uniform(0.0, 0.06))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while chunk := os.read(read, 9):
        acknowledged = int(chunk)
    os.close(read)
    loaded = checkpoint.load(folder, None, template)
    assert not loaded.warnings, loaded.warnings
    assert loaded.generation >= acknowledged > newest
    assert loaded.tree["count"] == loaded.generation
    assert (loaded.tree["x"] == loaded.generation).all()
    newest = loaded.generation
print("survived", newest)
"""


def test_kills_while_saving_leave_whole_checkpoints_only(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", SAVER, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    assert int(result.stdout.split()[1]) > 20
