"""Fitness that is not finite: counted, said, and when a run should stop for it.

A generation in which no member has a finite fitness teaches nothing. A few may come of
a step too far; a run in which most are so has lost its way, and would only burn the
rest of its time.
"""

import bisect
import collections
from collections.abc import Iterable, Iterator

from evolife.config.recording import Nonfinite
from evolife.engine.evaluation import Evaluation

_REMEDY = (
    "the environment pays NaN or infinity, or genomes have grown beyond all bounds: "
    "lower strategy.learning_rate or strategy.sigma, or bound the rewards; to go on "
    "all the same, resume with nonfinite.share=1"
)


class NonfiniteCount:
    """Counts generations of one run; the same on every rank."""

    def __init__(
        self, rule: Nonfinite, generations: int, found: Iterable[int] = ()
    ) -> None:
        """Go on after earlier sessions ``found`` generations without finite fitness."""
        self._share = rule.share
        self._window = min(rule.last, generations)
        self._found = list(found)
        self._said: collections.Counter[str] = collections.Counter()
        self._said["generation"] = len(self._found)

    def note(self, generation: int, evaluation: Evaluation) -> list[str]:
        """Count what was not finite; return what to say of it.

        Of each kind the first, second, fourth, eighth ... is worth a word.
        """
        if not evaluation.teaches:
            self._found.append(generation)
        words = []
        for kind, text in _complaints(evaluation):
            self._said[kind] += 1
            count = self._said[kind]
            if not count & (count - 1):
                so_far = f" ({count} generations like that so far)" if count > 1 else ""
                words.append(f"generation {generation}: {text}{so_far}")
        return words

    def reason_to_stop(self, done: int) -> str | None:
        """Why the run should not go on after ``done`` generations; None if it may."""
        first = done - self._window + 1
        count = len(self._found) - bisect.bisect_left(self._found, first)
        if count <= self._share * self._window:
            return None
        return (
            f"no member had a finite fitness in {count} of the last {self._window} "
            f"generations, the newest of them generation {self._found[-1]}, and "
            f"nonfinite.share allows {self._share:g} of them: {_REMEDY}"
        )


def _complaints(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    """What is not finite in a generation, each as its kind and in words."""
    members, lives = evaluation.scores.shape
    if not evaluation.teaches:
        text = "no member has a finite fitness; it teaches nothing and offers no agent"
        yield "generation", text
        return
    if left_out := lives - int(evaluation.counted.sum()):
        yield (
            "life",
            f"{left_out} of the {lives} lives that all members share had no finite "
            "score for any of them; left out for all",
        )
    if evaluation.nonfinite:
        yield (
            "member",
            f"{evaluation.nonfinite} of {members} members have no finite fitness; they "
            "count as the worst",
        )
