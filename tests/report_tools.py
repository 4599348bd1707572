"""Folders with known numbers, as if evolife had left them, and a reader of pages."""

import csv
import html.parser
import json
import math
from pathlib import Path

from evolife.config.yaml_file import dump_yaml
from evolife.storage.run_folder import RunFolder
from evolife.storage.sweep_folder import Entry, SweepFolder, write_entries

STEPS_PER_GENERATION = 640
AGENTS = {"gru": 5.0, "reflex": 3.0}
"""Held-out score of each agent of ``two_agents`` at seed 0."""
_VOID = {"meta", "img", "br", "link", "hr", "input"}


def champion(held_out: float, reach: float = 0.1, gap: float = 0.2, **more) -> dict:
    """A row of ``champions.json``."""
    return {
        "rank": 1,
        "file": "agent_001.safetensors",
        "source": "member 3",
        "generation": 2,
        "selected": held_out + 2 * gap,
        "validated": held_out + gap,
        "held_out": held_out,
        "interval": [held_out - reach, held_out + reach],
        "gap": gap,
        "deviation": 10 * reach / 1.96,
        "lives": 100,
        "early": 0.2,
        "late": 0.6,
        "statistics": {},
        **more,
    }


def config(name: str = "toy", **more) -> dict:
    """Enough of a resolved config."""
    return {
        "name": name,
        "seed": 0,
        "env": {"name": "bandit", "arms": 5},
        "agent": {"name": "gru", "hidden": 8},
        "lifetime": {"steps": 10, "lives": 4, "bins": 8},
        "generations": 3,
        "claim": "it learns",
        "control": None,
        **more,
    }


def lines(fitness, life_every: int = 1, bins: int = 8) -> list[dict]:
    """One record a generation whose mean fitness is ``fitness[generation - 1]``."""
    found = []
    for generation, mean in enumerate(fitness, start=1):
        known = mean is not None and math.isfinite(mean)
        line = {
            "generation": generation,
            "env_steps": STEPS_PER_GENERATION * generation,
            "wall_s": 0.5 * generation,
            "fitness/best": mean + 1.0 if known else None,
            "fitness/mean": mean if known else None,
            "digest": "ab",
        }
        if generation % life_every == 0:
            rise = generation / len(fitness)
            line["life/best"] = [0.1 + rise * b / bins for b in range(bins)]
            line["life/median"] = [0.1 + rise * b / bins / 2 for b in range(bins)]
        found.append(line)
    return found


def make_run(
    path: Path,
    fitness=(1.0, 2.0, 3.0),
    rows: list[dict] | None = None,
    ends: list[str | None] | None = None,
    records: list[dict] | None = None,
    **settings,
) -> Path:
    """Write a run folder; ``ends`` are the exit reasons of its sessions."""
    run = RunFolder(path)
    run.champions.mkdir(parents=True)
    run.logs.mkdir()
    run.config_path.write_text(dump_yaml(config(**settings)))
    records = lines(fitness) if records is None else records
    text = "".join(json.dumps(r, separators=(",", ":")) + "\n" for r in records)
    run.metrics_path.write_text(text)
    if rows is None:
        rows = [champion(records[-1]["fitness/mean"] or 0.0)] if records else []
    if rows:
        table = json.dumps({"champions": rows})
        (run.champions / "champions.json").write_text(table)
    sessions = [{"exit_reason": end} for end in ends or ["done"]]
    manifest = {"format": 1, "config_digest": "0", "sessions": sessions}
    run.manifest_path.write_text(json.dumps(manifest))
    return path


def make_control(run: Path, held_out: float, **more) -> None:
    """Give a run a control that has ended."""
    make_run(run / "control", rows=[champion(held_out, **more)], name="toy-control")


def make_sweep(path: Path, entries: list[tuple[str, dict]], **spec) -> SweepFolder:
    """Write the files of a sweep without any run."""
    folder = SweepFolder(path)
    (path / "runs").mkdir(parents=True)
    (path / "logs").mkdir()
    data = {
        "name": path.name,
        "base": "toy",
        "method": "grid",
        "metric": {"name": "held_out", "goal": "maximize"},
        **spec,
    }
    folder.spec_path.write_text(dump_yaml(data))
    folder.base_path.write_text(dump_yaml(config()))
    write_entries(folder, [Entry(name, values, ()) for name, values in entries])
    return folder


def two_agents(path: Path) -> Path:
    """Two agents, three seeds each; held-out scores are 5, 5.5, 6 and 3, 3.5, 4."""
    entries = [
        (f"{name}-{seed}", {"agent": {"name": name}, "seed": seed})
        for name in AGENTS
        for seed in range(3)
    ]
    sweep = make_sweep(path, entries)
    for name, parameters in entries:
        score = AGENTS[parameters["agent"]["name"]] + parameters["seed"] / 2
        run_path = sweep.run(name).path
        make_run(
            run_path, [1.0, score + 0.5, score], rows=[champion(score)], control={}
        )
        make_control(run_path, 3.5)
    return path


class Page(html.parser.HTMLParser):
    """Reads a page strictly: every tag is closed in its turn."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, self.open = path, list[str]()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text += data
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attrs for tag, attrs in self.tags if tag == name]


def table(path: str) -> list[dict[str, str]]:
    """The lines of a CSV file."""
    with open(path, newline="") as file:
        return list(csv.DictReader(file))
