"""Learning rules evolved on drawn tasks alone, put to scikit-learn's real digits.

    python benchmarks/transfer.py [--agents NAME ...] [--runs FOLDER] [--out FOLDER]

The digits are a stream of 1,500: guess, then be told. Rivals that learn online from
nothing, measured in the same lives' manner: a linear classifier by SGD, a nearest class
mean and a nearest neighbour.
"""

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np
from study import Job, agent, describe, evaluate, keep, side_by_side

AGENTS = (
    *("backprop_learner", "external_memory", "gru", "hebbian"),
    *("learned_rule", "linear_attention", "neuromodulated"),
)
LIVES, STREAM, FIRST = 64, 1500, 100
DIGITS = ("env.task=digits", "env.split=test", f"lifetime.steps={STREAM}")
TESTS = {
    "synthetic": (512, ()),
    "digits": (LIVES, DIGITS),
    "digits, pixels in order": (LIVES, (*DIGITS, "env.permute_inputs=false")),
}
BUDGET = (
    "env={name: digits, task: synthetic, classes: 10, features: 64, latent: 16}",
    *("population={size: 256, tile: auto}", "generations=600", "record.every=100"),
    "lifetime={steps: 100, lives: 4, same_lives: true}",
    "best_of_k={keep: 1, lives: 512, archive: 8}",
)


def row(name: str, runs: Path) -> str:
    """One agent's accuracies."""
    drawn = evaluate(runs / name, *_spread(TESTS["synthetic"]))
    real, ordered = (
        evaluate(runs / name, *_spread(TESTS[test])) for test in list(TESTS)[1:]
    )
    cells = [drawn["statistics"]["accuracy"]]
    cells += [real["statistics"][name] for name in ("first_100", "accuracy")]
    cells += [ordered["statistics"][name] for name in ("first_100", "accuracy")]
    return f"| {name} | {' | '.join(f'{cell:.3f}' for cell in cells)} |"


def _spread(test: tuple[int, tuple[str, ...]]) -> tuple[Any, ...]:
    return test[0], *test[1]


def rivals(lives: int = 20) -> list[str]:
    """Rows of online learners by hand on shuffled streams of the same images."""
    from evolife.envs.digits import _load

    images, kinds = _load("test", 10, 64)
    found: dict[str, list[tuple[float, float]]] = {}
    for seed in range(lives):
        order = np.random.default_rng(seed).permutation(len(kinds))[:STREAM]
        x, y = images[order].astype(np.float64), kinds[order]
        for name, guess in (("SGD, linear", _sgd), ("nearest class mean", _mean)):
            right = guess(x, y) == y
            score = float(right[:FIRST].mean()), float(right.mean())
            found.setdefault(name, []).append(score)
    means = {
        name: [statistics.mean(column) for column in zip(*scores, strict=True)]
        for name, scores in found.items()
    }
    return [f"| {n} | | {a:.3f} | {b:.3f} | | |" for n, (a, b) in means.items()]


def _sgd(x: np.ndarray, y: np.ndarray, rate: float = 0.03) -> np.ndarray:
    """Softmax regression, one step of gradient descent a sample."""
    weights, guesses = np.zeros((10, x.shape[1] + 1)), np.zeros(len(y), int)
    for i, (sample, kind) in enumerate(zip(x, y, strict=True)):
        seen = np.append(sample, 1.0)
        outputs = weights @ seen
        guesses[i] = outputs.argmax()
        chances = np.exp(outputs - outputs.max())
        chances /= chances.sum()
        chances[kind] -= 1
        weights -= rate * np.outer(chances, seen)
    return guesses


def _mean(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The class whose samples so far have the nearest mean."""
    sums, counts = np.zeros((10, x.shape[1])), np.zeros(10)
    guesses = np.zeros(len(y), int)
    for i, (sample, kind) in enumerate(zip(x, y, strict=True)):
        means = sums / np.maximum(counts, 1)[:, None]
        far = np.where(counts > 0, ((means - sample) ** 2).sum(axis=1), np.inf)
        guesses[i] = far.argmin()
        sums[kind] += sample
        counts[kind] += 1
    return guesses


def main() -> None:
    """Evolve, measure, write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", nargs="+", default=list(AGENTS))
    parser.add_argument("--settings", type=json.loads, default={})
    parser.add_argument("--runs", type=Path, default=Path("runs/transfer"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    side_by_side(
        [
            Job(
                args.runs / name,
                "digits",
                (*BUDGET, agent(name, args.settings.get(name))),
                tuple(TESTS.values()),
            )
            for name in args.agents
        ]
    )
    lines = [
        "# Learned rules put to digits they never met",
        "",
        f"`python benchmarks/transfer.py`: evolved on drawn tasks of 10 classes and 64 "
        f"features (T = 100, K = 256, 600 generations, 4 lives a member, seed 0), "
        f"never on digits; accuracy of the champion over {LIVES} streams of {STREAM} "
        f"test digits with permuted labels, and over their first {FIRST}. {describe()}.",
        "",
        "| learner | drawn tasks, T = 100 | digits, first 100 | digits, stream "
        "| pixels in order, first 100 | pixels in order, stream |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        *(row(name, args.runs) for name in args.agents),
        *rivals(),
    ]
    keep(lines, args.out, "transfer.md")


if __name__ == "__main__":
    main()
