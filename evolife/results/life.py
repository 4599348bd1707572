"""One life of a champion in the user's own loop: NumPy in, NumPy out."""

from typing import Any

import jax
import numpy as np

from evolife.base import Genome, Key, TimeStep
from evolife.errors import InvalidInput
from evolife.processes.numerics import own_settings
from evolife.results.agent_program import AgentProgram


class Life:
    """A champion that acts when it is asked, and learns while it does.

    It remembers from one ``act`` to the next, so that a life is one object.
    """

    @own_settings()
    def __init__(self, hand: AgentProgram, genome: Genome, key: Key) -> None:
        """Be born in the life that ``key`` stands for."""
        self._hand, self._genome, self._key = hand, jax.device_put(genome), key
        self._mind = hand.birth(self._genome, key)
        self.steps = 0
        """Steps lived so far."""

    @property
    def state(self) -> Any:
        """What the life changed in the agent so far: named arrays."""
        return jax.device_get(self._mind)

    @own_settings()
    def act(self, observation: Any, reward: Any = 0.0, first: Any = False) -> Any:
        """Sense one step and act on it.

        Args:
            observation: ``(observation_size,)`` finite numbers.
            reward: what the action before this step earned; 0 at birth.
            first: a new trial begins here. Say True at birth, as environments do.

        Returns:
            An int32 for a choice, ``(size,)`` float32 for numbers, a pair for both.

        Raises:
            InvalidInput: something given is not what the agent can sense. The life
                stays as it was.
        """
        size = self._hand.agent.spec.observation_size
        sensed = TimeStep(
            _numbers("observation", observation, (size,)),
            _numbers("reward", reward, ()),
            _truth(first),
        )
        given = self._genome, self._mind, sensed, self._key, np.int32(self.steps)
        self._mind, action = self._hand.step(*given)
        self.steps += 1
        return jax.tree.map(lambda leaf: np.asarray(leaf)[()], action)


def _numbers(name: str, given: Any, shape: tuple[int, ...]) -> Any:
    """Finite float32 of ``shape``; an array of one number will do for a scalar."""
    try:
        found = np.asarray(given, np.float32)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{name} = {given!r}: must be numbers ({error})") from error
    if not shape and found.size == 1:
        found = found.reshape(())
    if found.shape != shape:
        wanted = f"must have shape {shape}" if shape else "must be one number"
        raise InvalidInput(f"{name} has shape {found.shape}; it {wanted}")
    if not np.isfinite(found).all():
        place = "" if not shape else f"[{int(np.argmin(np.isfinite(found)))}]"
        raise InvalidInput(f"{name}{place} is not finite in float32; give a number")
    return found


def _truth(given: Any) -> Any:
    found = np.asarray(given)
    if found.size != 1 or found.dtype != np.bool_:
        raise InvalidInput(f"first = {given!r}: must be True or False")
    return found.reshape(())
