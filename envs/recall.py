"""Recall: symbols are shown once, and asked for after a delay full of distraction."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, NamedTuple

import jax
import jax.numpy as jnp
from annotated_types import Ge

from evolife.base import Action, Array, Discrete, Environment, Key, Spec, TimeStep
from evolife.drawing import GREY, PALE, Pen


class State(NamedTuple):
    """A trial in the middle, and what was answered so far."""

    cues: Array
    """``(length,)`` int32: what is to be recalled, as far as it was shown."""
    clock: Array
    """``()`` int32 steps into the trial; places passed, in a maze."""
    asked: Array
    right: Array


@dataclasses.dataclass(frozen=True)
class Recall(Environment):
    """Trials of ``length`` cues, ``delay`` distractions, then ``length`` questions.

    Cues are uniform and independent. While they wait, agents see random symbols that
    mean nothing. The three modes are tests of memory with one length to vary:

    - ``delayed``: one cue is recalled once the delay is over;
    - ``copy``: ``length`` cues are repeated in order (Graves et al. 2014);
    - ``tmaze``: the cue is shown at the start of a corridor and tells which way to turn
      at its end (Bakker 2001). One more action walks on; in the corridor nothing else
      has an effect, and at the junction any turn is an answer.
    """

    senses: ClassVar[str] = (
        "the symbol shown, whether it is a cue, and whether an answer is asked for"
    )
    acts: ClassVar[str] = "names a symbol; in a T-maze it turns that way, or walks on"
    objective: ClassVar[str] = (
        "the number of right answers; assumes that all that matters was shown before"
    )
    generalises: ClassVar[str] = "other cues and distractions, and longer delays"

    mode: Literal["delayed", "tmaze", "copy"] = "delayed"
    """What is to be done: recall one cue, turn where it said, or repeat several."""
    delay: Annotated[int, Ge(0)] = 8
    """Steps between the last cue and the first question."""
    symbols: Annotated[int, Ge(2)] = 2
    """Symbols to tell apart; the ways to turn in a T-maze."""
    length: Annotated[int, Ge(1)] = 1
    """Cues of one trial; more than one only to copy."""

    def __post_init__(self) -> None:
        """Refuse sequences where only one cue can be answered."""
        if self.length > 1 and self.mode != "copy":
            raise ValueError(
                f"length = {self.length}: the mode {self.mode} has one cue; "
                "set env.mode to copy or env.length to 1"
            )

    @property
    def spec(self) -> Spec:
        """One flag a symbol, one for cues, one for questions; symbols to answer."""
        walking = self.mode == "tmaze"
        return Spec(self.symbols + 2, Discrete(self.symbols + walking))

    @property
    def reward_range(self) -> tuple[float, float]:
        """A right answer is worth 1, all else nothing."""
        return 0.0, 1.0

    @property
    def trial(self) -> int:
        """Steps of the shortest trial."""
        return 2 * self.length + self.delay

    def check(self, steps: int) -> None:
        """Refuse lives that end before one trial does."""
        if steps < self.trial:
            raise ValueError(
                f"delay = {self.delay}: a trial takes {self.trial} steps but a life "
                f"has {steps}; lower env.delay or raise lifetime.steps"
            )

    def reset(self, key: Key) -> tuple[State, TimeStep]:
        """Show the first cue."""
        none = jnp.zeros((), jnp.int32)
        state = State(jnp.zeros(self.length, jnp.int32), none, none, none)
        return self._show(state, jnp.ones((), bool), jnp.float32(0), key)

    def step(self, state: State, action: Action, key: Key) -> tuple[State, TimeStep]:
        """Judge an answer that was asked for, and go on to what is shown next."""
        place = state.clock - self.length - self.delay
        asks = place >= 0
        walks = (action == self.symbols) if self.mode == "tmaze" else ~asks
        moves = asks ^ walks
        answers = asks & moves
        right = answers & (action == self._cue(state.cues, place))
        clock = jnp.where(moves, state.clock + 1, state.clock)
        clock = jnp.where(clock == self.trial, 0, clock)
        state = State(state.cues, clock, state.asked + answers, state.right + right)
        return self._show(state, moves, right.astype(jnp.float32), key)

    def statistics(self, state: State) -> dict[str, Array]:
        """Answers given, and the fraction of them that was right."""
        asked = state.asked.astype(jnp.float32)
        return {"answers": asked, "accuracy": state.right / jnp.maximum(asked, 1)}

    def optimum(self, steps: int) -> float:
        """Every answer right, a last trial that is cut off included."""
        trials, rest = divmod(steps, self.trial)
        return float(trials * self.length + max(0, rest - self.length - self.delay))

    def memoryless(self, steps: int) -> float:
        """One guess a question: nothing that is seen then depends on the cues."""
        return self.optimum(steps) / self.symbols

    def draw(self, pen: Pen, state: State, action: Action) -> None:
        """The trial from left to right, what is shown or asked, and the answer."""
        walking = self.mode == "tmaze"
        middle, last = ("corridor", "turn") if walking else ("distraction", "question")
        parts = (("cue", self.length), (middle, self.delay), (last, self.length))
        edges, passed = (0.03, 0.25, 0.75, 0.97), int(state.clock)
        for (name, steps), left, right in zip(
            parts, edges[:-1], edges[1:], strict=True
        ):
            _draw_part(pen, name, steps, left, right)
            if 0 <= passed < steps:
                x = left + (right - left) * (passed + 0.5) / steps
                pen.arrow((x, 0.7), (x, 0.79), width=0.025)
            passed -= steps
        place = int(state.clock) - self.length - self.delay
        if place >= 0:
            self._draw_answer(pen, int(state.cues[place]), int(action))
        else:
            title = "to be remembered" if state.clock >= self.length else "shown"
            _draw_cues(pen, title, state.cues[: int(state.clock) + 1].tolist())
        right, asked = int(state.right), int(state.asked)
        pen.text((0.5, 0.16), f"{right} of {asked} answers right", 0.055)
        pen.box((0.03, 0.05), (0.97, 0.1), width=0.004)
        if right:
            pen.box((0.03, 0.05), (0.03 + 0.94 * right / asked, 0.1), GREY)

    def _draw_answer(self, pen: Pen, cue: int, action: int) -> None:
        pen.text((0.27, 0.62), "the cue was", 0.05)
        pen.badge((0.27, 0.43), 0.13, cue)
        if action == self.symbols:
            pen.text((0.73, 0.43), "walks on", 0.05)
            return
        pen.text((0.73, 0.62), "the answer is", 0.05)
        pen.badge((0.73, 0.43), 0.13, action)
        mark = pen.tick if action == cue else pen.cross
        mark((0.5, 0.43), 0.06)

    def _show(
        self, state: State, moved: Array, reward: Array, key: Key
    ) -> tuple[State, TimeStep]:
        """Draw a symbol for a place just entered: a cue is kept, others distract."""
        symbol = jnp.floor(jax.random.uniform(key) * self.symbols).astype(jnp.int32)
        cue = state.clock < self.length
        asks = state.clock >= self.length + self.delay
        here = jnp.arange(self.length) == state.clock
        state = state._replace(cues=jnp.where(here & moved, symbol, state.cues))
        symbol = jnp.where(cue, self._cue(state.cues, state.clock), symbol)
        shown = (jnp.arange(self.symbols) == symbol) & ~asks
        seen = jnp.concatenate([shown, jnp.stack([cue, asks])]).astype(jnp.float32)
        return state, TimeStep(seen, reward, (state.clock == 0) & moved)

    def _cue(self, cues: Array, place: Array) -> Array:
        return jnp.sum(jnp.where(jnp.arange(self.length) == place, cues, 0))


def _draw_part(pen: Pen, name: str, steps: int, left: float, right: float) -> None:
    """One part of a trial, with a line between steps where there is room for it."""
    pen.text(((left + right) / 2, 0.94), name, 0.045)
    pen.box((left, 0.8), (right, 0.9), PALE if name == "cue" else None)
    wide = (right - left) / max(steps, 1)
    for i in range(1, steps if wide > 0.015 else 0):
        pen.line([(left + wide * i, 0.8), (left + wide * i, 0.9)], GREY, 0.004)


def _draw_cues(pen: Pen, title: str, cues: Sequence[int]) -> None:
    """What was shown in this trial, as much of it as there is room for."""
    pen.text((0.5, 0.62), title, 0.05)
    room = 0.94 / min(len(cues), 8)
    for i, cue in enumerate(cues[:8]):
        pen.badge((0.03 + room * (i + 0.5), 0.43), min(0.13, 0.45 * room), int(cue))
