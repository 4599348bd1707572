"""Champions on disk: ``champions.json`` and one safetensors file each."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jax
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from evolife.base import Genome
from evolife.errors import InvalidInput, pasted
from evolife.storage.files import storage_errors, write_atomically
from evolife.storage.held_out import FILE, HeldOut
from evolife.storage.held_out import content as held_out_content
from evolife.storage.run_folder import FILMS, RunFolder
from evolife.storage.tensors import to_safetensors
from evolife.strict_json import dumps


def write(
    run: RunFolder,
    table: Sequence[Mapping[str, Any]],
    genomes: Sequence[Genome],
    known: Mapping[str, Any] = MappingProxyType({}),
    lives: HeldOut | None = None,
) -> None:
    """Write genomes and lives, then the table that names them.

    ``known`` are further facts beside the table, such as the world's optimum, and
    ``lives`` what the champions earned life by life.

    A table of other champions goes first, and with it the films of them: they must
    not stand beside genomes that are not their own, whenever a kill comes.

    Raises:
        EvolifeError: the disk is full or refuses.
    """
    path = run.champions / "champions.json"
    document = dumps({**known, "champions": table}, indent=2).encode() + b"\n"
    with storage_errors("write the champions", path):
        if path.exists() and path.read_bytes() != document:
            path.unlink()
            for film in FILMS:
                (run.path / film).unlink(missing_ok=True)
        for row, genome in zip(table, genomes, strict=True):
            content = to_safetensors(_named(genome))
            write_atomically(run.champions / row["file"], content)
        if lives is not None:
            write_atomically(run.champions / FILE, held_out_content(lives))
        write_atomically(path, document)
        for surplus in run.champions.glob("agent_*.safetensors"):
            if surplus.name not in {row["file"] for row in table}:
                surplus.unlink()


def read(run: RunFolder) -> list[dict[str, Any]]:
    """Read ``champions.json``.

    Raises:
        InvalidInput: the run has no champions yet, or the file is damaged.
    """
    path = run.champions / "champions.json"
    if not path.exists():
        raise InvalidInput(
            f"{run.path} has no champions yet; let it end with "
            f"evolife train --resume {pasted(run.path)}"
        )
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, OSError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}; {_again(run)}") from error
    table = document.get("champions") if isinstance(document, dict) else None
    if not isinstance(table, list) or not table or not all(map(_is_row, table)):
        raise InvalidInput(f"{path} is damaged: no table of champions; {_again(run)}")
    return table


def read_genomes(
    run: RunFolder, table: Sequence[dict[str, Any]], template: Genome
) -> Genome:
    """Read the champions' genomes, stacked along a leading axis.

    Raises:
        InvalidInput: a file is missing, damaged, or of another agent.
    """
    genomes = [_read_one(run.champions / row["file"], template) for row in table]
    return jax.tree.map(lambda *leaves: np.stack(leaves), *genomes)


def _is_row(row: Any) -> bool:
    kinds = {"rank": int, "file": str, "source": str, "selected": float | int | None}
    return isinstance(row, dict) and all(
        isinstance(row.get(key), kind) for key, kind in kinds.items()
    )


def _again(run: RunFolder) -> str:
    return f"let them be written again by evolife train --resume {pasted(run.path)}"


def _read_one(path: Path, template: Genome) -> Genome:
    try:
        found = load_file(path)
    except (SafetensorError, OSError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from error
    wanted, treedef = jax.tree_util.tree_flatten_with_path(template)
    leaves = []
    for keys, leaf in wanted:
        name = jax.tree_util.keystr(keys)
        if name not in found or found[name].shape != leaf.shape:
            have = found[name].shape if name in found else "nothing"
            raise InvalidInput(
                f"{path} holds {have} for {name}, where this agent has {leaf.shape}; "
                "evaluate it with the agent it was evolved as"
            )
        leaves.append(found[name])
    return jax.tree.unflatten(treedef, leaves)


def _named(genome: Genome) -> dict[str, np.ndarray]:
    leaves = jax.tree_util.tree_flatten_with_path(genome)[0]
    return {jax.tree_util.keystr(keys): np.asarray(leaf) for keys, leaf in leaves}


def file_name(rank: int) -> str:
    """File of the genome at a place of the table, from 1."""
    return f"agent_{rank:03d}.safetensors"


def markdown(table: Sequence[dict[str, Any]]) -> str:
    """The table of champions for the dashboard."""
    lines = [
        "| # | source | selected | validated | held-out | 95% interval | gap |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in table:
        low, high = row["interval"]
        lines.append(
            f"| {row['rank']} | {row['source']} of generation {row['generation']} "
            f"| {_cell(row['selected'])} | {_cell(row['validated'])} "
            f"| {_cell(row['held_out'])} "
            f"| {_cell(low)} .. {_cell(high)} | {_cell(row['gap'])} |"
        )
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.4g}"
