"""A body on legs whose actuators may be damaged: move towards a target all the same."""

import dataclasses
import itertools
import math
from typing import Annotated, ClassVar, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from annotated_types import Ge, Gt, Le

from evolife.base import Action, Array, Continuous, Environment, Key, Spec, TimeStep
from evolife.drawing import BLUE, GREY, INK, ORANGE, WHITE, Pen

_ANGLES = 90
_CENTRE = np.array([0.5, 0.5])


class State(NamedTuple):
    """A body, how it moves, and where it should."""

    gains: Array
    """``(limbs,)`` what each actuator does once damage has struck."""
    velocity: Array
    """``(2,)``."""
    target: Array
    """``(2,)`` unit vector."""
    age: Array
    distance: Array


@dataclasses.dataclass(frozen=True)
class Mover(Environment):
    """Push a body along a target direction with legs that may not obey.

    Leg i pushes along the fixed unit vector ``u_i``, and legs stand evenly around the
    body. Actions ``a`` move it by ``v' = v + damping (sum_i g_i a_i u_i / limbs - v)``,
    with hidden gains ``g`` that are 1 in a sound body. A step earns the speed along the
    target less ``drift`` times the speed across it. After ``course`` steps the body
    stands still again and has a new target, uniform on the circle.

    Gains are drawn once a life from those that ``damage`` allows:

    - ``none``: a sound body;
    - ``dead``: one leg does nothing, so that others must make up for the drift;
    - ``flipped``: some legs push the wrong way, seen an even number, unseen an odd one;
    - ``weak``: all legs are weaker, seen by 0.8, unseen by 0.6: what was best still is.

    The dead leg is one of even index where bodies are seen, and of odd index where they
    are unseen. Unseen bodies are for tests (after Najarro & Risi 2020).
    """

    senses: ClassVar[str] = "the direction of the target and, if felt, its own velocity"
    acts: ClassVar[str] = "pushes with each leg, forwards or backwards"
    objective: ClassVar[str] = (
        "the way made along the targets, less a price for drifting off; assumes damage "
        "that stays the same once it has struck"
    )
    generalises: ClassVar[str] = "other targets, and damage that was not seen before"

    limbs: Annotated[int, Ge(3), Le(8)] = 4
    """Legs, at equal angles."""
    damage: Literal["none", "dead", "flipped", "weak"] = "flipped"
    """What may be wrong with the body."""
    bodies: Literal["seen", "unseen"] = "seen"
    """Which of two disjoint sets of damage is drawn from."""
    strikes: Annotated[int, Ge(0)] = 0
    """Step at which damage strikes, at the end of a course; 0: at birth."""
    course: Annotated[int, Ge(1)] = 25
    """Steps towards one target."""
    damping: Annotated[float, Gt(0), Le(1)] = 0.5
    """Part of its velocity that the body loses in a step."""
    drift: Annotated[float, Ge(0)] = 1.0
    """Price of speed across the target, in units of that along it."""
    felt: bool = True
    """Whether velocity is sensed; otherwise rewards alone tell what a push did."""

    def __post_init__(self) -> None:
        """Refuse damage that strikes in mid-course, and sets that do not exist."""
        if self.strikes % self.course:
            raise ValueError(
                f"strikes = {self.strikes}: must be a multiple of env.course, which is "
                f"{self.course}"
            )
        if self.damage == "none" and self.bodies == "unseen":
            raise ValueError("bodies = unseen: a body without damage has no other kind")

    @property
    def spec(self) -> Spec:
        """Target and velocity; one number a leg."""
        return Spec(4 if self.felt else 2, Continuous(self.limbs))

    @property
    def reward_range(self) -> tuple[float, float]:
        """Speed is at most 1; the worst is backwards and across."""
        return -math.hypot(1, self.drift), 1.0

    def check(self, steps: int) -> None:
        """Refuse lives that end before one course or before damage strikes."""
        if self.course > steps:
            raise ValueError(
                f"course = {self.course}: a life of {steps} steps ends before one "
                "course does; lower env.course or raise lifetime.steps"
            )
        if self.strikes >= steps:
            raise ValueError(
                f"strikes = {self.strikes}: a life of {steps} steps ends before damage "
                "strikes; lower env.strikes or raise lifetime.steps"
            )

    def reset(self, key: Key) -> tuple[State, TimeStep]:
        """Draw the damage and the first target."""
        harm, where = jax.random.split(key)
        table = jnp.asarray(_gains(self.limbs, self.damage, self.bodies))
        gains = jax.random.choice(harm, table, axis=0)
        zero, still = jnp.zeros((), jnp.float32), jnp.zeros(2, jnp.float32)
        state = State(gains, still, _target(where), jnp.zeros((), jnp.int32), zero)
        return state, self._sense(state, zero)

    def step(self, state: State, action: Action, key: Key) -> tuple[State, TimeStep]:
        """Push, move, and stand still again at the end of a course."""
        gains = state.gains
        if self.strikes:
            gains = jnp.where(state.age >= self.strikes, gains, 1.0)
        push = (gains * action) @ jnp.asarray(_legs(self.limbs)) / self.limbs
        velocity = state.velocity + self.damping * (push - state.velocity)
        ahead = velocity @ state.target
        across = velocity[0] * state.target[1] - velocity[1] * state.target[0]
        age = state.age + 1
        ends = age % self.course == 0
        velocity = jnp.where(ends, 0.0, velocity)
        target = jnp.where(ends, _target(key), state.target)
        state = State(state.gains, velocity, target, age, state.distance + ahead)
        return state, self._sense(state, ahead - self.drift * jnp.abs(across))

    def statistics(self, state: State) -> dict[str, Array]:
        """The way made along the targets."""
        return {"distance": state.distance}

    def optimum(self, steps: int) -> float:
        """Who knows the gains: in every course the one push that is best for them."""
        gains, weights = self._cases(steps)
        # To who knows it, the sign of a gain is no matter.
        kinds, kind = np.unique(np.abs(gains), axis=0, return_inverse=True)
        each = [_best_push(row[None], np.ones(1), self.drift) for row in kinds]
        return float(np.bincount(kind.ravel(), weights) @ each)

    def memoryless(self, steps: int) -> float | None:
        """The best fixed map from target to push, whatever the damage may be.

        None if velocity tells of the damage: then the body itself remembers what a push
        did, and an evolved reflex may make use of it.
        """
        if self.felt and self.damage in ("dead", "flipped"):
            return None
        return _best_push(*self._cases(steps), self.drift)

    def draw(self, pen: Pen, state: State, action: Action) -> None:
        """The body from above: its legs, where it should move and where it does."""
        gains = np.where(state.age < self.strikes, 1.0, state.gains)
        target = _CENTRE + 0.39 * state.target
        pen.dashes(_CENTRE, target)
        pen.disc(target, 0.035, width=0.012)
        for way, gain, push in zip(_legs(self.limbs), gains, action, strict=True):
            _draw_leg(pen, way, float(gain), float(push))
        pen.disc(_CENTRE, 0.08, WHITE, width=0.012)
        pen.arrow(_CENTRE, _CENTRE + 0.4 * state.velocity, BLUE, 0.025)
        step = state.age % self.course + 1
        pen.text((0.5, 0.965), f"step {step} of {self.course} to this target", 0.045)
        pen.text((0.5, 0.04), "body: motion; leg: ordered thin, done thick", 0.04, GREY)

    def _cases(self, steps: int) -> tuple[np.ndarray, np.ndarray]:
        """Gains that a life of ``steps`` steps may have, and what each weighs in it.

        A push held for k steps has moved the body up to ``1 - (1 - damping)^k`` of it.
        """
        age = np.arange(steps)
        speed = 1 - (1 - self.damping) ** (age % self.course + 1)
        struck = np.sum(speed, where=age >= self.strikes)
        table = _gains(self.limbs, self.damage, self.bodies)
        gains = np.vstack([np.ones(self.limbs), table])
        weights = np.full(len(gains), struck / len(table))
        weights[0] = speed.sum() - struck
        return gains, weights

    def _sense(self, state: State, reward: Array) -> TimeStep:
        seen = [state.target, state.velocity] if self.felt else [state.target]
        return TimeStep(jnp.concatenate(seen), reward, state.age % self.course == 0)


def _target(key: Key) -> Array:
    angle = jax.random.uniform(key, maxval=2 * math.pi)
    return jnp.stack([jnp.cos(angle), jnp.sin(angle)])


def _legs(limbs: int) -> np.ndarray:
    """Unit vectors ``(limbs, 2)``."""
    angles = 2 * np.pi * np.arange(limbs) / limbs
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def _draw_leg(pen: Pen, way: np.ndarray, gain: float, push: float) -> None:
    """A leg; beside it what was ordered and what was done; a cross where damaged."""
    foot, side = _CENTRE + 0.21 * way, 0.035 * np.array([-way[1], way[0]])
    pen.line([_CENTRE, foot], INK, 0.02)
    pen.arrow(foot + side, foot + side + 0.15 * push * way, GREY, 0.008)
    pen.arrow(foot - side, foot - side + 0.15 * gain * push * way, ORANGE, 0.02)
    if gain == 1:
        pen.disc(foot, 0.018, INK)
        return
    pen.cross(foot, 0.028)
    pen.text(_CENTRE + 0.25 * way + 2.4 * side, f"{gain:g}", 0.045)


def _gains(limbs: int, damage: str, bodies: str) -> np.ndarray:
    """All gains ``(bodies, limbs)`` that a body may be born with, equally likely."""
    unseen = int(bodies == "unseen")
    if damage == "dead":
        return 1 - np.eye(limbs, dtype=np.float32)[unseen::2]
    if damage == "flipped":
        signs = np.array(list(itertools.product((1, -1), repeat=limbs)), np.float32)
        return signs[np.sum(signs < 0, axis=1) % 2 == unseen]
    scale = (0.6 if unseen else 0.8) if damage == "weak" else 1.0
    return np.full((1, limbs), scale, np.float32)


def _best_push(gains: np.ndarray, weights: np.ndarray, drift: float) -> float:
    """What one push a target is worth at best, by linear programming.

    ``max_a sum_b weights[b] (v_b . d - drift |v_b x d|)`` for terminal velocities
    ``v_b`` of bodies ``gains[b]``, averaged over targets d; half the circle will do,
    because to turn around is to turn all signs around.
    """
    from scipy.optimize import linprog

    bodies, limbs = gains.shape
    moves = gains[:, :, None] * _legs(limbs) / limbs
    bounds = [(-1, 1)] * limbs + [(0, None)] * bodies
    eye, values = np.eye(bodies), []
    for angle in (np.arange(_ANGLES) + 0.5) * np.pi / _ANGLES:
        ahead = weights @ (moves @ [np.cos(angle), np.sin(angle)])
        across = moves @ [-np.sin(angle), np.cos(angle)]
        # Pushes, and then for each body a number no less than its speed across.
        limits = np.block([[across, -eye], [-across, -eye]])
        cost = np.concatenate([-ahead, drift * weights])
        found = linprog(cost, limits, np.zeros(2 * bodies), bounds=bounds)
        values.append(-found.fun)
    return float(np.mean(values))
