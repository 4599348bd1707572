"""Genomes of champions on disk, one safetensors file each, beside their table."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jax
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from evolife.base import Genome
from evolife.errors import InvalidInput
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

    ``known`` are further facts beside the table, such as the environment's optimum, and
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


def read_genomes(
    run: RunFolder, table: Sequence[dict[str, Any]], template: Genome
) -> Genome:
    """Read the champions' genomes, stacked along a leading axis.

    Raises:
        InvalidInput: a file is missing, damaged, or of another agent.
    """
    genomes = [_read_one(run.champions / row["file"], template) for row in table]
    return jax.tree.map(lambda *leaves: np.stack(leaves), *genomes)


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
