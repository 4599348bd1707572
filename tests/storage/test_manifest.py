import hashlib
import json
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import evolife
from evolife.errors import InvalidInput
from evolife.storage import checkpoint, manifest, provenance, run_folder
from evolife.storage.run_folder import RunFolder

CODE = {"version": "0", "git": None, "source_sha256": "00"}


def start(run: RunFolder, digest: str = "abc", ranks: int = 2) -> dict:
    return manifest.start_manifest(
        run,
        digest,
        ["evolife", "train", "demo"],
        code=CODE,
        ranks=ranks,
        mpi="Open MPI 5",
        seeds={"seed": 3},
        parents=["runs/before"],
    )


def test_a_run_from_start_to_end(tmp_path: Path) -> None:
    run = run_folder.create(tmp_path / "run", "seed: 3\n")
    begun = start(run)
    assert json.loads(run.manifest_path.read_text()) == begun
    assert begun["sessions"][0]["exit_reason"] is None
    for generation in (9, 10):
        checkpoint.save(run.checkpoints, generation, {"x": generation}, {}, keep=3)
    (run.champions / "champions.json").write_text("[]")
    run.metrics_path.write_text('{"generation": 10}\n')
    ended = manifest.finish_manifest(run, begun, "done", env_steps=1234)
    assert json.loads(run.manifest_path.read_text()) == ended
    expected = {
        "config.yaml",
        "metrics.jsonl",
        "champions/champions.json",
        "checkpoints/gen_000010/arrays.npz",
        "checkpoints/gen_000010/state.json",
    }
    assert ended["outputs"].keys() == expected
    for name, claimed in ended["outputs"].items():
        content = (run.path / name).read_bytes()
        assert claimed == hashlib.sha256(content).hexdigest()
    session = ended["sessions"][0]
    assert (session["exit_reason"], session["env_steps"]) == ("done", 1234)
    assert session["start"] <= session["end"] and session["end"].endswith("+00:00")
    assert (ended["seeds"], ended["parents"]) == ({"seed": 3}, ["runs/before"])


def test_sessions_are_added_never_overwritten(tmp_path: Path) -> None:
    run = run_folder.create(tmp_path / "run", "seed: 3\n")
    manifest.finish_manifest(run, start(run), "stopped by SIGTERM", env_steps=10)
    first = json.loads(run.manifest_path.read_text())["sessions"][0]
    start(run, ranks=5)
    manifest.finish_manifest(run, start(run, ranks=7), "done", env_steps=30)
    sessions = json.loads(run.manifest_path.read_text())["sessions"]
    assert sessions[0] == first
    assert [session["ranks"] for session in sessions] == [2, 5, 7]
    reasons = [session["exit_reason"] for session in sessions]
    assert reasons == ["stopped by SIGTERM", None, "done"]


def test_another_config_or_a_damaged_manifest_is_refused(tmp_path: Path) -> None:
    run = run_folder.create(tmp_path / "run", "seed: 3\n")
    start(run)
    before = run.manifest_path.read_bytes()
    with pytest.raises(InvalidInput, match="another config"):
        start(run, digest="xyz")
    assert run.manifest_path.read_bytes() == before
    for content in (before[:-30], b"[]", b"\xff"):
        run.manifest_path.write_bytes(content)
        with pytest.raises(InvalidInput, match="damaged"):
            start(run)
        assert run.manifest_path.read_bytes() == content


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_git_is_asked_about_this_package_only(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    assert provenance.git_state(package) is None
    git(tmp_path, "init", "-q")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "someone else's")
    assert provenance.git_state(package) is None
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "ours")
    head = git(tmp_path, "rev-parse", "HEAD").strip()
    assert provenance.git_state(package) == {"commit": head, "dirty": False}
    (package / "__init__.py").write_text("x = 1")
    assert provenance.git_state(package) == {"commit": head, "dirty": True}


def test_the_source_hash_sees_linked_agents_and_ignores_caches(tmp_path: Path) -> None:
    package, agents = tmp_path / "package", tmp_path / "agents"
    for folder in (package, agents, package / "__pycache__"):
        folder.mkdir()
    (package / "core.py").write_text("a")
    (agents / "gru.py").write_text("b")
    (package / "agents").symlink_to("../agents")
    hashes = [provenance.source_sha256(package)]
    (package / "__pycache__" / "core.pyc").write_text("c")
    assert provenance.source_sha256(package) == hashes[0]
    copy = tmp_path / "wheel"
    shutil.copytree(package, copy)
    assert not (copy / "agents").is_symlink()
    assert provenance.source_sha256(copy) == hashes[0]
    (agents / "gru.py").write_text("B")
    hashes.append(provenance.source_sha256(package))
    (agents / "gru.py").rename(agents / "lstm.py")
    hashes.append(provenance.source_sha256(package))
    assert len(set(hashes)) == 3


def test_the_identity_of_this_code_and_its_packages() -> None:
    identity = provenance.code_identity()
    assert identity["version"] == evolife.__version__
    assert len(identity["source_sha256"]) == 64
    versions = provenance.package_versions()
    for name in ("jax", "jaxlib", "evosax", "numpy", "tensorboardX", "safetensors"):
        assert versions[name] == metadata.version(name)
    assert "gymnax" not in versions and "pytest" not in versions


def test_a_bare_clone_knows_its_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = provenance.package_versions()

    def absent(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", absent)
    assert provenance.package_versions() == installed


def test_the_machine_is_described() -> None:
    machine = manifest.machine()
    assert machine["hostname"] and machine["cpu"] and machine["cores"] >= 1
    assert machine["memory_bytes"] > 1 << 28


def test_neither_manifest_nor_checkpoint_nor_terminal_imports_jax() -> None:
    modules = (
        "evolife.storage.manifest, evolife.storage.checkpoint, evolife.console.terminal"
    )
    check = f"import sys, {modules}; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check]).returncode == 0
