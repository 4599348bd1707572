"""A kitchen: put a dish in, do other work for a long delay, take it out in time."""

import dataclasses
from typing import Annotated, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from annotated_types import Ge, Gt

from evolife.base import Action, Array, Discrete, Environment, Key, Spec, TimeStep
from evolife.drawing import GREY, INK, ORANGE, PALE, WHITE, Pen

WORK, MIX, OVEN, GARNISH = range(4)
_EMPTY, _MIXED, _BAKING, _BAKED = range(4)
_TURN = (MIX, OVEN, OVEN, GARNISH)
"""The action that each stage asks for."""


class State(NamedTuple):
    """A kitchen in the middle of a recipe."""

    delay: Array
    stage: Array
    timer: Array
    served: Array
    raw: Array
    burnt: Array
    mistakes: Array


@dataclasses.dataclass(frozen=True)
class Oven(Environment):
    """Cook dishes that need a delay the cook must know, and work in the meantime.

    A dish takes four actions in order: mix, oven (in), oven (out), garnish. The stage
    of the recipe is not shown, so it must be remembered across the delay. Between in
    and out the cook should do the other work, which pays a little at every step. Each
    of the four actions pays a quarter when its turn has come, so a dish is worth 1.
    Taken out before D steps it is raw, after ``D (1 + window)`` steps burnt, and lost
    at a cost. Each kitchen has its own delay ``D = delay * spread^u`` with u uniform on
    [-1, 1], drawn once a life. A bell rings while the first dish of a life is ready and
    for no other, so D can be learned from the first dish and must be.
    """

    senses: ClassVar[str] = (
        "whether the oven is on, the bell, and how the dish just taken out turned out"
    )
    acts: ClassVar[str] = "works for pay, mixes, opens the oven (in or out), garnishes"
    objective: ClassVar[str] = (
        "dishes served plus wages, less spoiled dishes and mistakes; assumes a kitchen "
        "whose delay stays the same for a life"
    )
    generalises: ClassVar[str] = "kitchens of other delays, and longer lives"

    delay: Annotated[int, Ge(1)] = 500
    """Middle of the range of delays, in steps."""
    spread: Annotated[float, Ge(1)] = 2.0
    """Delays lie within ``[delay / spread, delay * spread]``, uniform in logarithm."""
    window: Annotated[float, Gt(0)] = 0.25
    """How long a dish stays good, as a fraction of its delay."""
    pay: Annotated[float, Ge(0)] = 0.1
    """Wages of ``delay`` steps of work; a dish is worth 1."""
    spoil: Annotated[float, Ge(0)] = 0.5
    """Cost of a raw or burnt dish: by default what it had paid."""
    mistake: Annotated[float, Ge(0)] = 0.001
    """Cost of an action that does not fit the stage of the recipe."""

    @property
    def spec(self) -> Spec:
        """Five flags to sense, four things to do."""
        return Spec(5, Discrete(4))

    @property
    def reward_range(self) -> tuple[float, float]:
        """From the worst single cost to a step of the recipe done right."""
        return -max(self.spoil, self.mistake), max(0.25, self.wage)

    @property
    def wage(self) -> float:
        """Reward of one step of work."""
        return self.pay / self.delay

    def check(self, steps: int) -> None:
        """Refuse lives too short for one dish of the slowest kitchen."""
        longest = int(self.delay * self.spread) + 4
        if longest > steps:
            raise ValueError(
                f"delay = {self.delay} with spread = {self.spread}: a dish can take "
                f"{longest} steps but a life has {steps}; lower env.delay or raise "
                "lifetime.steps"
            )

    def reset(self, key: Key) -> tuple[State, TimeStep]:
        """Draw the kitchen's delay."""
        u = jax.random.uniform(key, minval=-1.0, maxval=1.0)
        delay = jnp.round(self.delay * self.spread**u).astype(jnp.int32)
        none = jnp.zeros((), jnp.int32)
        state = State(jnp.maximum(delay, 1), *([none] * 6))
        return state, _sense(state, none, jnp.float32(0), jnp.ones((), bool))

    def step(self, state: State, action: Action, key: Key) -> tuple[State, TimeStep]:
        """Do one thing; the oven keeps baking meanwhile."""
        stage, timer = state.stage, state.timer
        opens = (stage == _BAKING) & (action == OVEN)
        raw = opens & (timer < state.delay)
        late = timer > state.delay * (1 + self.window)
        burnt = opens & late
        good = opens & ~raw & ~late
        serves = (stage == _BAKED) & (action == GARNISH)
        mixes = (stage == _EMPTY) & (action == MIX)
        starts = (stage == _MIXED) & (action == OVEN)
        fits = opens | serves | mixes | starts
        mistaken = ~fits & (action != WORK)
        reward = (
            jnp.where(mixes | starts | good | serves, 0.25, 0.0)
            + jnp.where(action == WORK, self.wage, 0.0)
            - jnp.where(raw | burnt, self.spoil, 0.0)
            - jnp.where(mistaken, self.mistake, 0.0)
        )
        stage = jnp.where(mixes, _MIXED, jnp.where(starts, _BAKING, stage))
        stage = jnp.where(good, _BAKED, jnp.where(raw | burnt | serves, _EMPTY, stage))
        baking = (stage == _BAKING) & ~starts
        state = State(
            state.delay,
            stage,
            jnp.where(baking, timer + 1, 0),
            state.served + serves,
            state.raw + raw,
            state.burnt + burnt,
            state.mistakes + mistaken,
        )
        result = jnp.where(good, 1, jnp.where(raw, 2, jnp.where(burnt, 3, 0)))
        return state, _sense(state, result, reward, jnp.zeros((), bool))

    def statistics(self, state: State) -> dict[str, Array]:
        """Dishes served, raw and burnt, and mistakes made."""
        names = ("served", "raw", "burnt", "mistakes")
        return {name: getattr(state, name).astype(jnp.float32) for name in names}

    def draw(self, pen: Pen, state: State, action: Action) -> None:
        """The recipe, the oven, how long the dish is in it, and what the cook does."""
        for stage, name in enumerate(("mix", "in", "out", "garnish")):
            x = 0.03 + 0.24 * stage
            turn = stage == state.stage
            pen.box((x, 0.86), (x + 0.22, 0.97), width=0.016 if turn else 0.004)
            done = stage < state.stage
            pen.text((x + 0.11, 0.915), name, 0.05, INK if turn or done else GREY)
            if done:
                pen.tick((x + 0.19, 0.86), 0.03)
        self._draw_oven(pen, state)
        self._draw_time(pen, state)
        doing = ("works", "mixes", "opens the oven", "garnishes")[action]
        fits = action in (WORK, _TURN[state.stage])
        pen.text((0.03, 0.15), f"The cook {doing}", 0.055, anchor="lm")
        if not fits:
            pen.cross((0.93, 0.15), 0.03)
        counts = (
            f"{value:.0f} {name}" for name, value in self.statistics(state).items()
        )
        pen.text((0.5, 0.05), ", ".join(counts), 0.047)

    def _draw_oven(self, pen: Pen, state: State) -> None:
        pen.box((0.22, 0.47), (0.62, 0.81), PALE, width=0.014)
        pen.box((0.27, 0.53), (0.57, 0.74), WHITE)
        if state.stage != _BAKING:
            return
        for x in (0.31, 0.37, 0.43, 0.49):
            pen.line([(x, 0.545), (x + 0.02, 0.565), (x + 0.04, 0.545)], ORANGE)
        late = state.timer > state.delay * (1 + self.window)
        baked = INK if late else PALE if state.timer < state.delay else ORANGE
        pen.disc((0.42, 0.63), 0.1, baked, width=0.012, squash=0.45)
        if _rings(state):
            pen.text((0.8, 0.69), "bell!", 0.09)

    def _draw_time(self, pen: Pen, state: State) -> None:
        """How long a dish takes here: raw, then good between two marks, then burnt."""
        delay = float(state.delay)
        scale = 0.75 / (delay * (1 + self.window))
        good, burnt = 0.03 + delay * scale, 0.78
        pen.box((0.03, 0.3), (0.97, 0.36), width=0.004)
        pen.box((good, 0.28), (burnt, 0.38), PALE, width=0.012)
        words = (("raw", 0.03, good), ("good", good, burnt), ("burnt", burnt, 0.97))
        for word, left, right in words:
            pen.text(((left + right) / 2, 0.25), word, 0.04)
        now = min(0.03 + float(state.timer) * scale, 0.97)
        if state.stage == _BAKING:
            pen.arrow((now, 0.45), (now, 0.36), width=0.02)

    def optimum(self, steps: int) -> float:
        """A cook who knows the delay: dish after dish, working while they bake.

        The best there is wherever an action of the recipe pays more than work and
        spoiling dishes does not pay: where a spoiled one costs at least one half.
        """
        u = (np.arange(20_000) + 0.5) / 10_000 - 1
        delays = np.maximum(np.round(self.delay * self.spread**u), 1)
        dishes, rest = np.divmod(steps, delays + 4)
        # A last dish is begun, and at best taken out, before the life ends.
        begun = np.minimum(rest, 2) + (rest == delays + 3)
        actions = 4 * dishes + begun
        return float(np.mean(actions / 4 + (steps - actions) * self.wage))

    def memoryless(self, steps: int) -> float:
        """An upper bound: all wages, the bell's dish, one left in, and lucky guesses.

        A cook who sees no more than the flags can only open at a fixed chance p a step:
        good with probability ``(1 - p)^D - (1 - p)^(D (1 + window) + 1)``, and no more
        often than once in ``1/p + 2`` steps.
        """
        u = (np.arange(200) + 0.5) / 100 - 1
        delays = np.maximum(np.round(self.delay * self.spread**u), 1)[:, None]
        ends = np.floor(delays * (1 + self.window)) + 1
        p = np.geomspace(0.01 / self.delay, 1, 400)
        good = (1 - p) ** delays - (1 - p) ** ends
        worth = 0.5 + good / 2 - (1 - good) * self.spoil
        lucky = np.max(np.mean(worth, axis=0) * p / (1 + 2 * p))
        bound = float(steps * (self.wage + max(lucky, 0.0)) + 1.5)
        # Where spoiling does not pay, nobody is better than who knows the delay.
        return min(bound, self.optimum(steps)) if self.spoil >= 0.5 else bound


def _sense(state: State, result: Array, reward: Array, first: Array) -> TimeStep:
    on = state.stage == _BAKING
    flags = jnp.stack([on, _rings(state), result == 1, result == 2, result == 3])
    return TimeStep(flags.astype(jnp.float32), reward.astype(jnp.float32), first)


def _rings(state: State) -> Array:
    first_dish = state.served + state.raw + state.burnt == 0
    return (state.stage == _BAKING) & first_dish & (state.timer >= state.delay)
