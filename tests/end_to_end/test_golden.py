"""Three generations of every bundled config give the bits that they have always given.

Bits hold for one jaxlib, one set of its flags and one kind of processor. Elsewhere the
numbers are compared, which round differently and no more. After a change that is meant
to change bits, ``python -m tests.end_to_end.test_golden`` writes down this machine's.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from evolife.config.bundled import bundled_configs
from evolife.processes.numerics import jaxlib_version
from evolife.processes.prepare import machine_kind, rank_flags
from tests.cli_tools import metrics, run
from tests.paths import DATA

pytestmark = pytest.mark.slow

FILE = DATA / "golden.json"
FLAGS = rank_flags("")
"""Of XLA, as users have them whatever the tests are compiled by."""
# Small, so that it takes seconds; agents, environments and strategies stay.
SMALL = (
    *("generations=3", "population={size: 32, tile: 16}", "lifetime.lives=2"),
    *("best_of_k={keep: 1, lives: 8, archive: 4}", "control=null"),
    "record.validate_every=2",
)
SHORT = {
    "oven": ("lifetime.steps=40", "env.delay=8"),
    "cartpole": ("lifetime.steps=40",),
    "mover": ("lifetime.steps=40",),
    "recall": ("lifetime.steps=44",),
    "digits": ("lifetime.steps=20",),
}
"""Lives as short as their worlds allow, where the config's own are longer."""
META = ("meta_steps=3", "validate.every=3", "checkpoint.every=3")
SEARCHES = (
    *("route.dimensions=[3]", "route.members=[6]", "route.tasks=4"),
    *("route.window=2", "route.length=2", "route.families=[sphere, ellipsoid]"),
)
METAS = {
    "demo-meta": SEARCHES,
    "functions": SEARCHES,
    "lives-bandit": (
        *("route.generations=3", "route.evolutions=1", "route.lives=2"),
        "route.judging_lives=2",
    ),
    "regret": ("route.members=[8]", "route.tasks=4"),
    "survivors": ("route.candidates=[8]", "route.lives=[8]", "route.tasks=4"),
}


def kind() -> str:
    """What bits depend on, in words."""
    flags = " ".join(sorted(FLAGS.split()))
    return f"jaxlib {jaxlib_version()}, {flags}, {machine_kind()}"


def found(name: str, out: Path) -> dict[str, list]:
    """Digests of a short run, and numbers that tell whether it is the same at all."""
    if name in METAS:
        words = ("meta", name, *META, *METAS[name])
    else:
        words = ("train", name, *SMALL, *SHORT.get(name, ()))
    result = run(*words, "--ranks", 1, "--out", out, extra={"XLA_FLAGS": FLAGS})
    assert result.returncode == 0, result.stderr
    if name in METAS:
        leaves = load_file(out / "operator.safetensors").values()
        numbers = [float(np.abs(leaf).sum()) for leaf in leaves]
    else:
        numbers = [line["fitness/mean"] for line in metrics(out)[:1]]
        held_out = load_file(out / "champions" / "held_out.safetensors")
        numbers += [float(held_out["returns"].size)]
    return {"digests": [line["digest"] for line in metrics(out)], "numbers": numbers}


NAMES = [*bundled_configs(), *bundled_configs("meta")]


@pytest.mark.parametrize("name", NAMES)
def test_a_bundled_config_gives_the_bits_it_always_gave(name, tmp_path):
    golden = json.loads(FILE.read_text(encoding="utf-8"))
    seen = found(name, tmp_path / "run")
    assert len(seen["digests"]) == 3 == len(set(seen["digests"]))
    known = golden.get(kind())
    if known:
        assert seen == known[name]
    # Adam's first steps are as long for a small slope as for a large one.
    reach = 2e-2 if name in METAS else 1e-3
    for other in golden.values():
        np.testing.assert_allclose(seen["numbers"], other[name]["numbers"], rtol=reach)


def test_every_bundled_config_is_written_down():
    golden = json.loads(FILE.read_text(encoding="utf-8"))
    assert set(METAS) == {*bundled_configs("meta")}
    for known in golden.values():
        assert set(known) == set(NAMES)


def main() -> None:
    """Write down what this kind of machine gives."""
    golden = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        golden[kind()] = {name: found(name, Path(folder) / name) for name in NAMES}
    FILE.write_text(json.dumps(golden, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    sys.exit(main())
