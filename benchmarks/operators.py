"""Trains selection operators from several meta-seeds and judges what they learned.

    python benchmarks/operators.py [--seeds 10] [--parts NAME ...] [--runs FOLDER]

Parts: ``functions`` and ``beyond`` hold weights found by backprop against others on
families that they have not seen; ``lives`` chooses agents by lives cut short;
``survivors`` chooses the best of K; ``picture`` draws what was learned.
"""

import argparse
import concurrent.futures
import json
import os
import queue
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from study import describe, evolife, keep

PARTS = ("functions", "beyond", "lives", "survivors", "picture")
TASKS = 16
FURTHER = ("learned", "nes", "des", "cma_log")
"""Contenders beyond the sizes of training: the best within them."""
POPULATIONS, GENERATIONS = 32, 120
RESULTS = Path(__file__).parent / "results"


def trained(config: str, seeds: int, runs: Path) -> list[Path]:
    """Operators of as many meta-seeds, each trained on one core; kept in a folder."""
    cores: queue.Queue[int] = queue.Queue()
    for core in sorted(os.sched_getaffinity(0)):
        cores.put(core)

    def work(seed: int) -> Path:
        run = runs / config / str(seed)
        if not (run / "operator.safetensors").exists():
            run.parent.mkdir(parents=True, exist_ok=True)
            core = cores.get()
            where = ["--resume"] if (run / "config.yaml").exists() else ["--out"]
            words = [] if where == ["--resume"] else [config, f"seed={seed}"]
            evolife("meta", *words, *where, str(run), "--ranks", "1", core=core)
            cores.put(core)
        return run

    with concurrent.futures.ThreadPoolExecutor(cores.qsize()) as pool:
        return list(pool.map(work, range(seeds)))


def loaded(runs: Sequence[Path]) -> list[Any]:
    """The operators in these folders."""
    from evolife.selection.shaping.learned import Learned

    return [Learned(str(run)) for run in runs]


def minutes(run: Path) -> float:
    """What a training took."""
    last = (run / "metrics.jsonl").read_text().splitlines()[-1]
    return float(json.loads(last)["wall_s"]) / 60


def functions(runs: Path, seeds: int) -> None:
    """Against other weights, other strategies and CMA-ES, at equal evaluations."""
    from evolife.metalearning.benchmark.report import judge, markdown

    folders = trained("functions", seeds, runs)
    verdict = judge(loaded(folders), "SNES", TASKS, tell=print)
    spent = [minutes(run) for run in folders]
    lines = [
        "# Weights found by backprop, on functions that they have not seen",
        "",
        f"`python benchmarks/operators.py --seeds {seeds} --parts functions`: "
        f"`evolife meta functions` from {seeds} meta-seeds, {min(spent):.0f} to "
        f"{max(spent):.0f} minutes each on one core. {describe()}.",
        "",
        *markdown(verdict),
    ]
    keep(lines, RESULTS, "operators.md")


def beyond(runs: Path, seeds: int) -> None:
    """Searches five times as long, and four times the largest D and N."""
    from evolife import keys
    from evolife.metalearning.benchmark.bench import BEYOND
    from evolife.metalearning.benchmark.report import judge, markdown, standard

    operators = loaded(trained("functions", seeds, runs)[:3])
    everyone = standard(operators, "SNES", keys.root_key(1))["weights"]
    rows = {"weights": [peers for peers in everyone if peers[0].name in FURTHER]}
    verdict = judge(operators, "SNES", TASKS, BEYOND, rows=rows, tell=print)
    lines = [
        "# Weights found by backprop, beyond the sizes of their training",
        "",
        f"`python benchmarks/operators.py --parts beyond`: the first {len(operators)} "
        f"operators of [operators.md](operators.md). {describe()}.",
        "",
        *markdown(verdict),
    ]
    keep(lines, RESULTS, "operators_beyond.md")


def lives(runs: Path, seeds: int) -> None:
    """Agents chosen by lives of an eighth, measured in whole ones."""
    from evolife import keys
    from evolife.config.located import load
    from evolife.metalearning.benchmark.choices import judge_lives, lives_page
    from evolife.metalearning.config import MetaConfig

    folders = trained("lives-bandit", seeds, runs)
    route = load(MetaConfig, "lives-bandit").route.settings
    lines = [
        "# Agents chosen by an eighth of their lives",
        "",
        f"`python benchmarks/operators.py --seeds {seeds} --parts lives`: a bandit of "
        f"two arms and 100 pulls; {POPULATIONS} populations of 64 evolve on whole "
        f"lives for {GENERATIONS} generations; in each, members are chosen by 8 lives "
        "of 12 pulls, and the chosen are measured in 8 other lives of 100. "
        f"{minutes(folders[0]):.0f} minutes of training. {describe()}.",
    ]
    for seed, operator in enumerate(loaded(folders)):
        verdict = judge_lives(
            operator, route, POPULATIONS, GENERATIONS, keys.root_key(1234)
        )
        lines += ["", f"## Meta-seed {seed}", "", *lives_page(verdict)]
    keep(lines, RESULTS, "partial_lives.md")


def survivors(runs: Path, seeds: int) -> None:
    """The best of K by learned survivors, by halving, by shrinkage; and the null."""
    from evolife import keys
    from evolife.metalearning.benchmark.choices import judge_survivors, survivors_page

    folders = trained("survivors", seeds, runs)
    lines = [
        "# The best of 32 candidates",
        "",
        f"`python benchmarks/operators.py --seeds {seeds} --parts survivors`: "
        f"{minutes(folders[0]):.0f} minutes of training. {describe()}.",
    ]
    for seed, operator in enumerate(loaded(folders)):
        verdict = judge_survivors(operator, 10_000, keys.root_key(seed))
        lines += ["", f"# Meta-seed {seed}", "", *survivors_page(verdict)]
    keep(lines, RESULTS, "survivors.md")


def picture(runs: Path, seeds: int) -> None:
    """Weights by rank at three times, of the first operator."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from evolife.metalearning.portrait import MEMBERS, TIMES, portrait
    from evolife.selection.shaping.des import Des
    from evolife.selection.shaping.nes import Nes

    operator = loaded(trained("functions", 1, runs))[0]
    seen = portrait(operator.init().operator, operator.shape.signed).weights
    places = np.arange(1, MEMBERS + 1)
    fitness = -places.astype(np.float32)
    figure, axes = plt.subplots(figsize=(8, 3.6), dpi=120)
    for row, time, mark in zip(seen, TIMES, "os^", strict=True):
        axes.plot(
            *(places, row[::-1]), marker=mark, ms=4, lw=1, label=f"generation {time}"
        )
    for name, shaping in (("NES, by hand", Nes()), ("DES, by hand", Des())):
        axes.plot(places, shaping.shape(fitness), lw=1, ls="--", label=name)
    axes.axhline(0, color="0.7", lw=0.8)
    axes.set_xlabel("rank of a member (1: the best of 32)")
    axes.set_ylabel("weight")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    figure.tight_layout()
    figure.savefig(Path(__file__).parents[1] / "docs" / "images" / "operator.png")
    plt.close(figure)


def main() -> None:
    """Train what is not trained yet, judge, write the pages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--runs", type=Path, default=Path("runs/operators"))
    args = parser.parse_args()
    for part in args.parts:
        globals()[part](args.runs, args.seeds)


if __name__ == "__main__":
    main()
