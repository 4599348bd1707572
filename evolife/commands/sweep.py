"""Expand a YAML sweep into runs, run what is unfinished of them, say how they stand."""

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from evolife.commands._arguments import add_json, add_overrides
from evolife.commands._subprocess import complaint, finished
from evolife.config.plugin_folders import Folder
from evolife.config.sources import Override, override_texts
from evolife.console.progress import span
from evolife.console.terminal import Terminal
from evolife.errors import EvolifeError, InvalidInput, our_errors, pasted
from evolife.processes.placement import place

if TYPE_CHECKING:
    from evolife.storage.sweep_folder import Entry, SweepFolder
    from evolife.sweeps.rehearsal import Rehearsed
    from evolife.sweeps.spec import Sweep

_ROWS = 20
"""Runs that a table shows of many; --json has them all."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "sweep", help="a bundled sweep's name, a YAML file, or a sweep's folder"
    )
    add_overrides(parser)
    parser.add_argument("--base", help="config to change, instead of the file's own")
    parser.add_argument("--out", type=Path, help="folder (default: runs/sweep-NAME)")
    parser.add_argument(
        "--dry-run", action="store_true", help="show the runs and start none"
    )
    parser.add_argument(
        "--status", action="store_true", help="show how a sweep's folder stands"
    )
    parser.add_argument(
        "--launcher",
        choices=("local", "slurm"),
        default="local",
        help="processes of this machine, or one Slurm array",
    )
    parser.add_argument(
        "--max-parallel", type=int, metavar="N", help="most runs at a time"
    )
    parser.add_argument(
        "--yes", action="store_true", help="allow more than 100,000 runs"
    )
    parser.add_argument("--line", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--ended", type=int, help=argparse.SUPPRESS)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Show, run, hand in, or be one run of an array."""
    terminal = Terminal(args.json)
    if args.status:
        return _status(args, terminal)
    if args.line is not None:
        folder, entry = _line(Path(args.sweep), args.line)
        if args.ended is not None:
            return _note(folder, entry, args.ended)
        return _become(folder, entry)
    if args.dry_run:
        return _dry_run(args, terminal)
    report = _swept(args, terminal)
    _show(report, terminal)
    failed = report["states"].get("failed", 0)
    if failed:
        raise EvolifeError(
            f"{failed} of {len(report['runs'])} runs failed; try those again with: "
            f"evolife sweep {pasted(report['sweep'])}"
        )
    return 0


def _swept(args: argparse.Namespace, terminal: Terminal) -> dict[str, Any]:
    """How everything stands after what was unfinished has been run or handed in."""
    from evolife.sweeps import local, slurm
    from evolife.sweeps.prepare import prepare

    prepared = prepare(args.sweep, args.overrides, args.base, yes=args.yes)
    _warn(prepared.sweep, terminal)
    given = Path(args.sweep)
    out = args.out or (given if given.is_dir() else None)
    most = args.max_parallel
    if args.launcher == "slurm":
        return slurm.submit(prepared, out, max_parallel=most)
    return local.run(prepared, out, max_parallel=most, tell=terminal.info)


def _dry_run(args: argparse.Namespace, terminal: Terminal) -> int:
    from evolife.sweeps import forecast
    from evolife.sweeps.prepare import predicted, prepare
    from evolife.sweeps.rehearsal import refuse

    # Counting is what --yes is asked for; a table of runs is no risk.
    prepared = prepare(args.sweep, args.overrides, args.base, yes=args.yes)
    spec, entries = prepared.sweep.spec, prepared.entries
    count = len(entries) or spec.run_cap or 0
    rehearsed = refuse(prepared.sweep, entries)
    found = predicted(prepared, args.max_parallel)
    told = forecast.told(found, count)
    if args.json:
        report = {
            "name": spec.name,
            "count": count,
            "checked": rehearsed.checked,
            "predicted": told,
            "runs": [{"run": e.run, "parameters": e.parameters} for e in entries],
        }
        terminal.print_json(report)
        return 0
    _warn(prepared.sweep, terminal)
    rows = [(e.run, _changes(prepared.sweep, e)) for e in entries[:_ROWS]]
    terminal.table(f"{spec.name}: {spec.method}", ("run", "changes"), rows)
    if len(entries) > _ROWS:
        terminal.text(f"... and {len(entries) - _ROWS:,} more")
    terminal.text(f"{count:,} runs, {span(*found[:3])}, {told['basis']}")
    _show_checks(rehearsed, len(entries), terminal)
    return 0


def _show_checks(rehearsed: "Rehearsed", runs: int, terminal: Terminal) -> None:
    """Say what was not checked as train would, and what a search will pass by."""
    if rehearsed.checked < runs:
        terminal.text(
            f"{rehearsed.checked:,} of them were checked as train would; the others "
            "by their settings alone"
        )
    for run, why in rehearsed.refused.items():
        terminal.text(f"such a run would be refused: {run}: {why}")


def _warn(sweep: "Sweep", terminal: Terminal) -> None:
    for key in sweep.ignored:
        terminal.warning(f"{key}: means nothing without a server; ignored")


def _changes(sweep: "Sweep", entry: "Entry") -> str:
    """What is this run's own, beside what all of them have."""
    own = {
        key: value
        for key, value in entry.parameters.items()
        if sweep.parameters[key].kind != "constant"
    }
    return "  ".join(f"{key}={json.dumps(value)}" for key, value in own.items())


def _status(args: argparse.Namespace, terminal: Terminal) -> int:
    from evolife.storage.sweep_folder import open_sweep
    from evolife.storage.sweep_status import summary

    path = args.out or Path(args.sweep)
    if not path.is_dir():
        from evolife.sweeps.prepare import default_path
        from evolife.sweeps.spec import load_sweep

        path = default_path(load_sweep(args.sweep, args.overrides, args.base))
    _show(summary(open_sweep(path)), terminal)
    return 0


def _line(path: Path, line: int) -> "tuple[SweepFolder, Entry]":
    """One line of the manifest, which a task of an array does."""
    from evolife.storage.sweep_folder import open_sweep, read_entries

    folder = open_sweep(path)
    entries = read_entries(folder)
    if not 0 <= line < len(entries):
        raise InvalidInput(f"--line {line}: allowed are 0 to {len(entries) - 1}")
    return folder, entries[line]


def _note(folder: "SweepFolder", entry: "Entry", code: int) -> int:
    """Note how a task's run ended; Slurm kills without having asked."""
    from evolife.storage.sweep_status import note_exit

    note_exit(folder, entry.run, code, asked=False)
    return 0


def _become(folder: "SweepFolder", entry: "Entry") -> int:
    """Replace this process by one run, as a task of an array does."""
    from evolife.storage.sweep_status import note_start, standing
    from evolife.sweeps.pool import train_arguments

    if not standing(folder, entry).is_open:
        return 0
    here = place()
    if here is None or here.rank == 0:
        _write_to(folder.log_path(entry.run))
        note_start(folder, entry.run)
    words = train_arguments(folder, entry, list(entry.parameters))
    os.execv(sys.executable, [sys.executable, "-m", "evolife", *words])


def _write_to(log: Path) -> None:
    log.parent.mkdir(exist_ok=True)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.write(file, b"-- begun by an array's task\n")
    os.dup2(file, 1)
    os.dup2(file, 2)


def _show(report: dict[str, Any], terminal: Terminal) -> None:
    terminal.print_json(report)
    name = report["metric"]["name"]
    shown = [r for r in report["runs"] if r["state"] != "waiting"][-_ROWS:]
    rows = [
        (r["run"], r["state"], r["generation"], "" if r[name] is None else r[name])
        for r in shown
    ]
    terminal.table("", ("run", "state", "generation", name), rows)
    for row in report["runs"]:
        if "message" in row:
            words = row["message"].replace("\n", "\n  ")
            terminal.text(f"failed: {row['run']}: {words}")
    states = ", ".join(f"{count} {state}" for state, count in report["states"].items())
    terminal.text(states)
    if report["best"]:
        terminal.text(
            f"best so far: {report['best']['run']}, {report['best'][name]:.4g}"
        )
    if "job" in report:
        terminal.text(f"job {report['job']}: {pasted(report['script'])}")
    terminal.text(f"report: evolife report {pasted(report['sweep'])}")


def sweep(
    source: Folder,
    *overrides: Override,
    base: Folder | None = None,
    out: Folder | None = None,
    launcher: Literal["local", "slurm"] = "local",
    max_parallel: int | None = None,
    yes: bool = False,
    tell: Callable[[str], None] | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """Expand a sweep and run what is unfinished of it; call it again to go on.

    Args:
        source: a bundled sweep's name, a YAML file, or the folder of a sweep.
        overrides: changes to the base of all runs, as ``"agent.hidden=64"`` or
            ``{"agent.hidden": 64}``.
        base: config that the runs change, instead of the file's own.
        out: folder of the sweep; ``runs/sweep-NAME`` if not given.
        launcher: processes of this machine, or one Slurm array.
        max_parallel: most runs at a time; as many as there are cores if not given.
        yes: allow more than 100,000 runs.
        tell: hears one line about each run that ends.
        settings: changes as ``agent__hidden=64``.

    Returns:
        The document that ``evolife sweep --json`` prints: the folder, the count of runs
        by state, one entry a run, and the best. A run that failed is told of in it.

    Raises:
        InvalidInput: something is wrong with the file or a run, or the folder holds
            something else or is in use.
        Stopped: Ctrl-C or another signal came; all runs have their checkpoints.
    """
    # Options first: a text that begins with a dash is no option then.
    words = ["sweep", "--json", f"--launcher={launcher}"]
    words += [f"--base={os.fspath(base)}"] if base is not None else []
    words += [f"--out={os.fspath(out)}"] if out is not None else []
    words += [f"--max-parallel={max_parallel}"] if max_parallel is not None else []
    words += ["--yes"] if yes else []
    with our_errors():
        changes = override_texts(overrides, settings)
        end = finished([*words, os.fspath(source), *changes], tell)
    if not end.said:
        raise complaint(end)
    report: dict[str, Any] = json.loads(end.said)
    return report
