"""How long JAX spent compiling."""

import jax.monitoring


class CompileClock:
    """Adds up the seconds of tracing and compiling since it was last read."""

    def __init__(self) -> None:
        self._seconds = 0.0
        jax.monitoring.register_event_duration_secs_listener(self._heard)

    def read(self) -> float:
        """Return the seconds since the last call, and begin anew."""
        seconds, self._seconds = self._seconds, 0.0
        return seconds

    def _heard(self, event: str, duration_secs: float, **_: str | int) -> None:
        if event.startswith("/jax/core/compile/"):
            self._seconds += duration_secs
