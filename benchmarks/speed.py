"""evolife against its peers, side by side: the speed table and its plot.

    python benchmarks/speed.py [--rows NAME ...] [--rounds 7] [--resume] [--out FOLDER]

Every row is measured anew unless ``--resume`` is given; rows left out keep what an
earlier run found. See benchmarks/README.md.
"""

import argparse
import functools
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from machine import describe
from speed import extras, plot, report, results, solve
from speed.race import race
from speed.rows import Row, rows
from speed.settings import Effort, Size

say = functools.partial(print, file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure what was asked for and write the table, the data and the plot."""
    args = _arguments(argv)
    size = Size(args.population, args.steps)
    effort = Effort(args.rounds, args.seconds, args.seeds, args.patience)
    table = rows(size)
    known = [*(row.name for row in table), extras.BYTES, *solve.NAMES, extras.MEMORY]
    wanted = _wanted(args.rows, known)
    path = args.out / "speed.json"
    done = results.load(path)
    if args.resume:
        wanted = [name for name in wanted if name not in done or _open(done[name])]
    about = {"machine": describe(), "command": _command(argv)}

    def keep(found: Sequence[results.Result]) -> None:
        done.update({result.name: result for result in found})
        ordered = {name: done[name] for name in known if name in done}
        results.save(path, ordered, about)

    begun = time.perf_counter()
    for session in dict.fromkeys(row.session for row in table):
        keep(_session(session, table, wanted, effort))
    if set(solve.NAMES) & set(wanted):
        say("time to solve")
        keep(solve.measure(effort, say))
    if extras.MEMORY in wanted:
        keep([extras.memory(args.out / "memory.md")])
    _publish([done[name] for name in known if name in done], about, args.out)
    say(f"{time.perf_counter() - begun:.0f} s, load average {os.getloadavg()[0]:.1f}")
    return 0


def _session(
    session: str, table: Sequence[Row], wanted: Sequence[str], effort: Effort
) -> list[results.Result]:
    """Race all contenders of the wanted rows of one session."""
    chosen = [row for row in table if row.session == session and row.name in wanted]
    counted = extras.BYTES in wanted and session == table[0].session
    runners = [one for row in chosen for one in (row.ours, row.theirs)]
    if counted:
        runners.append(table[0].ours)
    if not runners:
        return []
    say(session)
    racers = race(list({one.name: one for one in runners}.values()), effort, say)
    found = [results.of_row(row, racers) for row in chosen]
    if counted:
        name = table[0].ours.name
        found.append(extras.bytes_sent(name, racers[name]))
    return found


def _publish(found: Sequence[results.Result], about: dict[str, str], out: Path) -> None:
    text = report.markdown(found, about)
    (out / "speed.md").write_text(text)
    try:
        plot.draw(found, out / "speed.png")
    except ImportError as error:
        say(f"no plot: {error}; pip install 'evolife[bench]'")
    print(text)


def _open(result: results.Result) -> bool:
    return result.value is None


def _wanted(given: Sequence[str], known: Sequence[str]) -> list[str]:
    strange = [name for name in given if name not in known]
    if strange:
        raise SystemExit(
            f"there is no row {', '.join(strange)}; allowed are: {', '.join(known)}"
        )
    return list(given or known)


def _command(argv: Sequence[str] | None) -> str:
    words = sys.argv[1:] if argv is None else argv
    return " ".join(["python benchmarks/speed.py", *words])


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", nargs="+", default=[], metavar="NAME")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="of one turn")
    parser.add_argument("--seeds", type=int, default=3, help="of the time to solve")
    parser.add_argument("--patience", type=float, default=150.0, help="to solve, in s")
    parser.add_argument("--population", type=int, default=1024, metavar="K")
    parser.add_argument("--steps", type=int, default=500, metavar="T")
    parser.add_argument("--resume", action="store_true", help="only what is missing")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
