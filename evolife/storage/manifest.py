"""``manifest.json``: what made a run, so that it can be traced and made again."""

import datetime
import json
import os
import platform
import socket
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from evolife.errors import InvalidInput
from evolife.storage.files import sha256, storage_errors, write_atomically
from evolife.storage.provenance import package_versions
from evolife.storage.run_folder import RunFolder
from evolife.strict_json import dumps

_FORMAT = 1


def start_manifest(
    run: RunFolder,
    config_digest: str,
    argv: Sequence[str],
    *,
    code: Mapping[str, Any],
    ranks: int,
    mpi: str | None,
    seeds: Mapping[str, int],
    parents: Sequence[str] = (),
) -> dict[str, Any]:
    """Open a session in ``manifest.json``, write it, and return the whole document.

    ``code`` is what ``code_identity`` said before MPI started. A resume adds a session
    to those that are there; one without an end was killed.

    Raises:
        InvalidInput: the manifest is damaged, or of another config.
        EvolifeError: it cannot be written.
    """
    manifest = read_manifest(run.manifest_path) or {
        "format": _FORMAT,
        "config_digest": config_digest,
        "seeds": dict(seeds),
        "parents": list(parents),
        "sessions": [],
        "outputs": {},
    }
    if manifest["config_digest"] != config_digest:
        raise InvalidInput(
            f"{run.manifest_path} is of another config ({manifest['config_digest']}, "
            f"not {config_digest}); resume with the run's own config.yaml"
        )
    manifest["sessions"].append(_session(argv, code, ranks, mpi))
    _write(run.manifest_path, manifest)
    return manifest


def finish_manifest(
    run: RunFolder, manifest: Mapping[str, Any], exit_reason: str, env_steps: int
) -> dict[str, Any]:
    """Close the last session, hash the outputs, write and return the document.

    Outputs are the config, the metrics, the champions and the newest checkpoint.
    ``env_steps`` is the whole run's, all sessions together.
    """
    *earlier, last = manifest["sessions"]
    ended = {"end": _now(), "exit_reason": exit_reason, "env_steps": int(env_steps)}
    with storage_errors("read the outputs in", run.path):
        outputs = {
            path.relative_to(run.path).as_posix(): sha256(path)
            for path in sorted(_outputs(run))
        }
    finished = {
        **manifest,
        "sessions": [*earlier, {**last, **ended}],
        "outputs": outputs,
    }
    _write(run.manifest_path, finished)
    return finished


def read_manifest(path: Path) -> dict[str, Any] | None:
    """Return the manifest, or None if there is none yet.

    Raises ``InvalidInput`` if the file is not a manifest.
    """
    with storage_errors("read", path):
        content = path.read_bytes() if path.exists() else None
    if content is None:
        return None
    try:
        manifest = json.loads(content)
    except ValueError:
        manifest = None
    required = {"format", "config_digest", "sessions"}
    if not isinstance(manifest, dict) or not required <= manifest.keys():
        raise InvalidInput(
            f"{path} is damaged: it is not a run's manifest; move it away to go on "
            "(a new one is begun)"
        )
    return manifest


def machine() -> dict[str, Any]:
    """Describe the machine; starts no process, so that MPI may be running."""
    known = "SC_PHYS_PAGES" in os.sysconf_names
    pages = os.sysconf("SC_PHYS_PAGES") if known else None
    return {
        "hostname": socket.gethostname(),
        "platform": platform.platform(),
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_bytes": pages and pages * os.sysconf("SC_PAGE_SIZE"),
    }


def _session(
    argv: Sequence[str], code: Mapping[str, Any], ranks: int, mpi: str | None
) -> dict[str, Any]:
    return {
        "start": _now(),
        "end": None,
        "exit_reason": None,
        "env_steps": None,
        "argv": list(argv),
        "ranks": ranks,
        "mpi": mpi,
        "code": dict(code),
        "python": sys.version.split()[0],
        "packages": package_versions(),
        "machine": machine(),
    }


def _outputs(run: RunFolder) -> Iterable[Path]:
    yield from (p for p in (run.config_path, run.metrics_path) if p.is_file())
    yield from (p for p in run.champions.glob("*") if p.is_file())
    newest = max(run.checkpoints.glob("gen_*"), default=None, key=_generation)
    if newest is not None:
        yield from (p for p in newest.glob("*") if p.is_file())


def _generation(path: Path) -> int:
    digits = path.name.removeprefix("gen_")
    return int(digits) if digits.isdigit() else -1


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = (line.split(":", 1)[1] for line in lines if line.startswith("model name"))
    return next(models, platform.machine()).strip()


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _write(path: Path, manifest: Mapping[str, Any]) -> None:
    content = dumps(manifest, indent=2) + "\n"
    with storage_errors("write", path):
        write_atomically(path, content.encode())
