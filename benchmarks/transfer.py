"""Learning rules evolved on drawn tasks alone, put to scikit-learn's real digits.

    python benchmarks/transfer.py [--agents NAME ...] [--runs FOLDER] [--out FOLDER]

The digits are a stream: guess, then be told. Beside agents stand online learners by
hand on streams of the same images: a linear classifier by gradient descent and the
nearest class mean. Linear attention files labels under the samples they belong to.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
from study import Job, agent, describe, evaluate, keep, side_by_side

AGENTS = (
    *("backprop_learner", "external_memory", "gru", "hebbian"),
    *("learned_rule", "linear_attention", "neuromodulated"),
)
SHIFTED = {"shift": True, "hidden": 64, "keys": 32}
SETTINGS = {"linear_attention": SHIFTED}
GENERATIONS = {"learned_rule": 100}
"""Fewer for an agent whose steps cost ten times as much."""
LONGER = ("linear_attention", 2000)
"""Who is evolved again for longer on the last task, and for how many generations."""
LIVES, FIRST = 64, 100
BUDGET = (
    *("population={size: 256, tile: auto}", "record.every=100"),
    "lifetime={steps: 100, lives: 8, same_lives: true}",
    "best_of_k={keep: 1, lives: 512, archive: 8}",
)


class Task(NamedTuple):
    """How many classes and features there are, in evolution and in the test."""

    title: str
    classes: int
    features: int
    flag: int
    """How loud a label is told, for it is one number beside many."""
    stream: int
    """Images of the test split that are of these classes."""
    without: tuple[str, ...] = ()
    """Agents that would take hours here."""

    @property
    def world(self) -> str:
        """The drawn tasks of evolution."""
        return (
            f"env={{name: digits, task: synthetic, classes: {self.classes}, "
            f"features: {self.features}, latent: {min(16, self.features)}, "
            f"flag: {self.flag}}}"
        )

    @property
    def real(self) -> tuple[str, ...]:
        """Changes that make a life one walk through the test digits."""
        length = f"lifetime.steps={self.stream}"
        return ("env.task=digits", "env.split=test", length)


TASKS = (
    Task("3 digits, 16 features", 3, 16, 1, 448),
    Task("10 digits, 64 features", 10, 64, 2, 1500, ("learned_rule",)),
)


def job(task: Task, name: str, runs: Path, longer: int | None = None) -> Job:
    """One agent to evolve on drawn tasks, and to measure on digits."""
    title = f"{name}_{longer}" if longer else name
    run = runs / f"{task.classes}_{task.features}" / title
    generations = f"generations={longer or GENERATIONS.get(name, 500)}"
    words = (*BUDGET, generations, task.world, agent(name, SETTINGS.get(name)))
    return Job(run, "digits", words, ((512, ()), (LIVES, task.real)))


def row(one: Job) -> str:
    """One agent's accuracies."""
    drawn, real = (evaluate(one.run, n, *words) for n, words in one.evaluations)
    cells = [drawn["statistics"]["accuracy"]]
    cells += [real["statistics"][name] for name in ("first_100", "accuracy")]
    return f"| {one.run.name} | {' | '.join(f'{cell:.3f}' for cell in cells)} |"


def rivals(task: Task, lives: int = 20) -> list[str]:
    """Rows of online learners by hand on shuffled streams of the same images."""
    from evolife.envs._digit_images import load_images

    images, kinds = load_images("test", task.classes, task.features)
    rows = []
    for name, guess in (("SGD, linear", _sgd), ("nearest class mean", _mean)):
        scores = []
        for seed in range(lives):
            order = np.random.default_rng(seed).permutation(len(kinds))
            x, y = images[order].astype(np.float64), kinds[order]
            right = guess(x, y, task.classes) == y
            scores.append((right[:FIRST].mean(), right.mean()))
        first, whole = np.mean(scores, axis=0)
        rows.append(f"| {name}, by hand | | {first:.3f} | {whole:.3f} |")
    return rows


def _sgd(x: np.ndarray, y: np.ndarray, classes: int, rate: float = 0.03) -> np.ndarray:
    """Softmax regression, one step of gradient descent a sample."""
    weights, guesses = np.zeros((classes, x.shape[1] + 1)), np.zeros(len(y), int)
    for i, (sample, kind) in enumerate(zip(x, y, strict=True)):
        seen = np.append(sample, 1.0)
        outputs = weights @ seen
        guesses[i] = outputs.argmax()
        chances = np.exp(outputs - outputs.max())
        chances /= chances.sum()
        chances[kind] -= 1
        weights -= rate * np.outer(chances, seen)
    return guesses


def _mean(x: np.ndarray, y: np.ndarray, classes: int) -> np.ndarray:
    """The class whose samples so far have the nearest mean."""
    sums, counts = np.zeros((classes, x.shape[1])), np.zeros(classes)
    guesses = np.zeros(len(y), int)
    for i, (sample, kind) in enumerate(zip(x, y, strict=True)):
        means = sums / np.maximum(counts, 1)[:, None]
        far = np.where(counts > 0, ((means - sample) ** 2).sum(axis=1), np.inf)
        guesses[i] = far.argmin()
        sums[kind] += sample
        counts[kind] += 1
    return guesses


def table(task: Task, jobs: list[Job]) -> list[str]:
    """Agents, then what they are held against."""
    return [
        f"## {task.title}",
        "",
        f"| learner | drawn tasks, T = 100 | digits, first {FIRST} "
        f"| digits, all {task.stream:,} |",
        "| --- | ---: | ---: | ---: |",
        *map(row, jobs),
        *rivals(task),
        f"| guessing | {1 / task.classes:.3f} | {1 / task.classes:.3f} "
        f"| {1 / task.classes:.3f} |",
        "",
    ]


def main() -> None:
    """Evolve, measure, write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", nargs="+", default=list(AGENTS))
    parser.add_argument("--runs", type=Path, default=Path("runs/transfer"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    made = {
        task: [
            job(task, name, args.runs)
            for name in args.agents
            if name not in task.without
        ]
        for task in TASKS
    }
    made[TASKS[-1]].append(job(TASKS[-1], LONGER[0], args.runs, LONGER[1]))
    side_by_side([one for jobs in made.values() for one in jobs])
    lines = [
        "# Learned rules put to digits they never met",
        "",
        f"`python benchmarks/transfer.py`: evolved on drawn tasks (T = 100, K = 256, "
        f"500 generations, of the learned rule 100, 8 lives a member, seed 0), never "
        f"on digits; accuracy of the "
        f"champion over {LIVES} walks through the test digits, pixels and labels "
        f"permuted in each. {describe()}.",
        "",
        *(line for task, jobs in made.items() for line in table(task, jobs)),
    ]
    keep(lines, args.out, "transfer.md")


if __name__ == "__main__":
    main()
