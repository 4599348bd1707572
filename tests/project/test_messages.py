"""What users are told is true, in their own words, and can be pasted into a shell."""

import ast
import re
import shlex
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import pytest

import evolife
from evolife.config.model import load_config
from evolife.config.yaml_file import read_yaml
from evolife.errors import InvalidInput, pasted
from evolife.plugins.build import build_run
from evolife.plugins.trees import Difference, difference, in_words
from evolife.storage.run_folder import create
from evolife.sweeps.spec import SweepSpec, load_sweep
from tests.sweep_tools import SMALL, write_sweep

SEED = {"seed": {"value": 1}}


@pytest.mark.parametrize("section", ["metric", "early_terminate", "slurm"])
def test_unknown_keys_are_answered_by_what_is_allowed(tmp_path, section):
    """Also where a section may be left out altogether."""
    path = write_sweep(tmp_path, SEED, **{section: {"strict": True, "min_iter": 1}})
    with pytest.raises(
        InvalidInput, match=rf"{section}\.strict: unknown key"
    ) as caught:
        load_sweep(str(path))
    kind = SweepSpec.model_fields[section].annotation
    models = [kind, *getattr(kind, "__args__", ())]
    (model,) = (one for one in models if hasattr(one, "model_fields"))
    assert f"allowed: {', '.join(model.model_fields)}" in str(caught.value)


# --- merge keys of YAML


def read(folder, text):
    path = folder / "merged.yaml"
    path.write_text(text)
    return read_yaml(path)


def test_merge_keys_bring_in_what_is_not_said(tmp_path):
    """As everybody's YAML does: own keys first, then the first of several mappings."""
    text = (
        "a: &a {x: 1, y: 2}\nb: &b\n  y: 3\n  z: 4\n"
        "one:\n  <<: *a\n  x: 5\ntwo:\n  x: 6\n  <<: [*a, *b]\nthree: &c\n  <<: *b\n"
        "four: {<<: *c, w: 7}\n'<<': text\n"
    )
    found = read(tmp_path, text)
    assert found.data["one"] == {"x": 5, "y": 2}
    assert found.data["two"] == {"x": 6, "y": 2, "z": 4}
    assert found.data["four"] == {"y": 3, "z": 4, "w": 7}
    assert found.data["<<"] == "text"
    lines = {key: found.lines[key] for key in ("one.x", "one.y", "two.x", "two.z")}
    assert lines == {"one.x": 7, "one.y": 1, "two.x": 9, "two.z": 4}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a: 1\nb: {<<: 3}\n",
            "merged.yaml:2: <<: must be a mapping or a list",
        ),
        ("b: {<<: [3]}\n", "<<: must be a mapping"),
        ("a: &a\n  <<: *a\n", "<<: must be a mapping"),
        ("a: &a {x: 1}\nb: {<<: *a, <<: *a}\n", "'<<' is given twice"),
    ],
)
def test_what_cannot_be_merged_is_refused_with_its_line(tmp_path, text, message):
    with pytest.raises(InvalidInput, match=re.escape(message)):
        read(tmp_path, text)


def test_merge_keys_do_not_multiply_without_end(tmp_path):
    """Each mapping brings in nine times the one before it."""
    lines = ["a0: &a0 {x: 1}"]
    for i in range(9):
        lines.append(f"a{i + 1}: &a{i + 1} {{<<: [{', '.join([f'*a{i}'] * 9)}]}}")
    with pytest.raises(InvalidInput, match="grow too large"):
        read(tmp_path, "\n".join(lines))


# --- paths


def test_offered_commands_can_be_pasted(tmp_path):
    path = tmp_path / "runs of (mine) & 'yours'"
    assert shlex.split(f"evolife report {pasted(path)}")[-1] == str(path)
    assert pasted("runs/plain-1.yaml") == "runs/plain-1.yaml"
    create(path, load_config("bandit").to_yaml())
    with pytest.raises(InvalidInput) as caught:
        create(path, "")
    offered = str(caught.value).split("--resume ")[1]
    assert offered.startswith(pasted(path))


def test_no_message_offers_a_command_with_a_bare_path():
    """Texts such as ``--resume {path}`` and ``evolife sweep {path}`` in the source."""
    offers = re.compile(r"(--resume|--logdir|sbatch|evolife [a-z]+)( --?[a-z-]+)* $")
    found = []
    for file in Path(evolife.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.JoinedStr):
                continue
            before = ""
            for part in node.values:
                if isinstance(part, ast.Constant):
                    before += str(part.value)
                    continue
                value = ast.unparse(part.value)
                if offers.search(before) and not value.startswith("pasted("):
                    found.append((file.name, value))
                before = ""
    assert found == []


# --- trees


class Pair(NamedTuple):
    left: object
    right: object


EYE, EAR = (jax.ShapeDtypeStruct((n,), jnp.float32) for n in (2, 1))
TREES = [
    (Pair({"eye": EYE}, EAR), Pair(EYE, EAR), Difference(
        ".left", "a dict of 'eye': float32[2]", "float32[2]")),
    (Pair([EYE, {"a": EAR}], EAR), Pair([EYE, {"b": EAR}], EAR), Difference(
        ".left[1]", "a dict of 'a': float32[1]", "a dict of 'b': float32[1]")),
    ((EYE, EAR), (EYE,), Difference(
        "", "a tuple of float32[2], float32[1]", "a tuple of float32[2]")),
    (Pair(None, EAR), Pair(EYE, EAR), Difference(".left", "None", "float32[2]")),
    ({"s": ()}, {"s": {}}, Difference("['s']", "an empty tuple", "an empty dict")),
    (Pair([EYE, (EAR, None)], EYE), Pair([EAR, (EYE, None)], EAR), None),
]  # fmt: skip


@pytest.mark.parametrize(("found", "wanted", "told"), TREES)
def test_trees_that_differ_are_told_where(found, wanted, told):
    """Only structure counts, as JAX has it."""
    assert difference(found, wanted) == told
    alike = jax.tree.structure(found) == jax.tree.structure(wanted)
    assert alike == (told is None)
    assert "PyTreeDef" not in in_words(found)


WORLD = '''"""A world in a few lines."""
import dataclasses
import jax.numpy as jnp
from evolife.base import Discrete, Environment, Spec, TimeStep

@dataclasses.dataclass(frozen=True)
class World(Environment):
    senses = acts = objective = generalises = "nothing"
    spec = Spec({size}, Discrete(2))
    reward_range = (0.0, 1.0)

    def _sense(self, first):
        return TimeStep({observation}, jnp.float32(0), jnp.asarray(first))

    def reset(self, key):
        return (), self._sense(True)

    def step(self, state, action, key):
        return state, self._sense(False)
'''


def of(folder, observation, size):
    (folder / "envs").mkdir()
    text = WORLD.format(observation=observation, size=size)
    (folder / "envs" / f"world_{size}.py").write_text(text)
    agent = "agent={name: reflex, hidden: [4]}"
    world = f"env={{name: world_{size}}}"
    return load_config("bandit", [*SMALL, agent, world], [str(folder)])


def test_an_observation_of_parts_is_refused_in_words(tmp_path):
    parts = '{"eye": jnp.zeros(2), "ear": jnp.zeros(1)}'
    with pytest.raises(InvalidInput, match=r"jnp\.concatenate") as caught:
        build_run(of(tmp_path, parts, 3))
    told = str(caught.value)
    assert "at .observation is a dict of 'ear': float32[1], 'eye': float32[2]" in told
    assert "must be float32[3]" in told and "PyTreeDef" not in told


def test_who_observes_nothing_acts_on_its_biases(tmp_path):
    """A matrix without rows limits no rank, and is perturbed by nothing."""
    made = build_run(of(tmp_path, "jnp.zeros(0)", 0)).experiment
    state = made.newborn()
    proposal = made.strategy.ask(state, jnp.int32(0))
    one, other = (
        evolife.perturbations.materialise(made.strategy.member(proposal, jnp.int32(i)))
        for i in range(2)
    )
    leaves = [*zip(*map(jax.tree.leaves, (one, other)), strict=True)]
    assert any((a != b).any() for a, b in leaves)
    assert any(0 in a.shape for a, _ in leaves)
