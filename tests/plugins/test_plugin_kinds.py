"""All kinds of plug-in are found in one way, and none stands in another's way."""

from pathlib import Path

import pytest

import evolife
from evolife.config.located import config_digest, load
from evolife.config.model import load_config
from evolife.config.sources import config_of
from evolife.errors import InvalidInput
from evolife.metalearning.config import MetaConfig
from evolife.metalearning.run import build_route
from evolife.plugins import registry
from evolife.plugins.build import build_run
from evolife.plugins.kinds import KINDS


def plugin(folder: Path, kind: str, name: str, text: str) -> Path:
    path = folder / kind / f"{name}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("override", "meant"),
    [
        ("agent={name: gruu}", "gru"),
        ("env={name: bandid}", "bandit"),
        ("wrap=[{permut: true}]", "permute"),
        ("selection={name: truncatoin}", "truncation"),
        ("selection={name: nativ}", "native"),
        ("strategy={name: low_rnak}", "low_rank"),
        ("strategy={name: CMAES}", "CMA_ES"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(override: str, meant: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        build_run(load_config("bandit", [override]))
    message = str(refusal.value)
    assert message.startswith(f"override {override}: ")
    assert message.endswith(f"did you mean '{meant}'?")


def test_an_unknown_gradient_estimator_is_refused_with_the_nearest() -> None:
    with pytest.raises(InvalidInput, match=r"route\.name=unroled.*mean 'unrolled'"):
        build_route(load(MetaConfig, "demo-meta", ["route.name=unroled"]))


@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_file_is_named_and_hides_no_other(kind: str, tmp_path: Path) -> None:
    plugin(tmp_path, kind, "sound", '"""Does its best."""\n')
    broken = plugin(tmp_path, kind, "torn", "x = 1\ndef f(:\n")
    listed = evolife.catalogue(kind, [tmp_path])[kind]
    rows = {row["name"]: row for row in listed}
    assert rows["sound"] == {"name": "sound", "summary": "Does its best."}
    assert set(registry.names(kind)) == set(rows) - {"sound", "torn"}
    reason = rows["torn"]["broken"]
    assert reason.startswith(f"{broken}:2: ") and "SyntaxError" in reason
    assert rows["torn"]["summary"] == f"broken: {reason}"


@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_file_is_in_the_way_of_its_own_name_alone(
    kind: str, tmp_path: Path
) -> None:
    plugin(tmp_path, kind, "torn", "x = 1\ndef f(:\n")
    for name, found in registry.find(kind, [str(tmp_path)]).items():
        if name != "torn" and found.path is not None:
            assert registry.load(kind, name, [str(tmp_path)])
            break
    with pytest.raises(InvalidInput, match="SyntaxError"):
        registry.load(kind, "torn", [str(tmp_path)])


@pytest.mark.parametrize(
    ("kind", "name"), [("strategies", "CMA_ES"), ("selections", "native")]
)
def test_what_is_no_file_keeps_its_name(kind: str, name: str, tmp_path: Path) -> None:
    path = plugin(tmp_path, kind, name, '"""Claims it."""\n')
    with pytest.raises(InvalidInput, match="this name is taken") as refusal:
        registry.load(kind, name, [str(tmp_path)])
    assert str(path) in str(refusal.value)
    section = KINDS[kind].section
    with pytest.raises(InvalidInput, match="this name is taken"):
        config = load_config("bandit", [f"{section}={{name: {name}}}"], [str(tmp_path)])
        build_run(config)


def test_a_file_of_one_kind_may_have_the_name_of_another_kind(tmp_path: Path) -> None:
    plugin(tmp_path, "wrappers", "bandit", '"""Robs."""\n')
    assert "bandit" in registry.names("wrappers", [str(tmp_path)])
    assert registry.load("envs", "bandit", [str(tmp_path)]).__name__ == "Bandit"


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_without_its_class_is_told_what_it_needs(
    kind: str, tmp_path: Path
) -> None:
    path = plugin(tmp_path, kind, "empty", "x = 1\n")
    with pytest.raises(InvalidInput) as refusal:
        registry.load(kind, "empty", [str(tmp_path)])
    needs = f"{path}: {KINDS[kind].noun} 'empty': needs one public subclass of "
    assert str(refusal.value) == f"{needs}{KINDS[kind].contract}, has none"


WRAPPER = """
import dataclasses
from evolife.envs.wrappers import Wrapper

@dataclasses.dataclass(frozen=True)
class Two(Wrapper):
    {fields}
    reset = step = print
"""


@pytest.mark.parametrize("fields", ["", "a: int = 1\n    b: int = 2"])
def test_a_wrapper_has_one_hyperparameter(fields: str, tmp_path: Path) -> None:
    plugin(tmp_path, "wrappers", "two", WRAPPER.format(fields=fields))
    with pytest.raises(InvalidInput, match="a wrapper needs one") as refusal:
        build_run(load_config("bandit", ["wrap=[{two: 3}]"], [str(tmp_path)]))
    assert ("a, b" if fields else "none") in str(refusal.value)


def test_plugin_folders_of_a_meta_config_are_found_and_count_for_nothing(
    tmp_path: Path,
) -> None:
    file = tmp_path / "mine.yaml"
    text = "name: x\nroute: {name: regret}\nmeta_steps: 1\nplugins: [mine, gone]\n"
    file.write_text(text)
    (tmp_path / "mine").mkdir()
    config = load(MetaConfig, str(file))
    mine, gone, other = (str(tmp_path / name) for name in ("mine", "gone", "other"))
    assert config.plugins == (mine, gone)
    assert load(MetaConfig, str(file), plugins=[other]).plugins == (mine, other)
    assert config_of(MetaConfig, config, (), other).plugins == (mine, other)
    file.write_text(text.replace("plugins: [mine, gone]\n", ""))
    assert config_digest(load(MetaConfig, str(file))) == config_digest(config)
