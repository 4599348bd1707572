"""What rank 0 writes while a run goes on: metrics, dashboard, progress, checkpoints."""

import time
from typing import Any, Self

import jax.monitoring

from evolife.config.located import config_digest
from evolife.console.progress import Display
from evolife.dashboard import hparams
from evolife.dashboard.dashboard import Dashboard
from evolife.dashboard.layout import LIFE, UNLEARNED
from evolife.engine.evolution import Progress, Step
from evolife.engine.summary import summary
from evolife.errors import EvolifeError, Stopped
from evolife.plugins.build import BuiltRun
from evolife.run import filmstrip
from evolife.run.film import Camera
from evolife.run.hooks import Hooks
from evolife.storage import champions, checkpoint
from evolife.storage.held_out import HeldOut
from evolife.storage.metrics import MetricsFile, read
from evolife.storage.run_folder import RunFolder

_FILM = (
    "A life of the generation's best member, from birth at the left to its end at the "
    "right; below each picture, the reward earned so far."
)

_MAP = (
    "Reward per step within the best member's life. Left to right: step of life; "
    "top to bottom: generation. The squares below show the colours of the lowest "
    "and the highest value."
)


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


class Journal:
    """Keeps the record of one session of a run; a context manager."""

    def __init__(
        self,
        built: BuiltRun,
        run: RunFolder,
        done: int,
        display: Display,
        ranks: int = 1,
        hooks: Hooks | None = None,
    ) -> None:
        """Open the record after ``done`` generations; drop what lies beyond."""
        self._built, self._run, self._display = built, run, display
        self._metrics = MetricsFile(run.metrics_path)
        last = self._metrics.truncate_after(done) or {}
        self._earlier = float(last.get("wall_s", 0.0))
        self._begun, self._date = time.perf_counter(), time.time()
        self._compiling = CompileClock()
        self._ranks, self._warnings, self._hooks = ranks, list[str](), hooks
        lines = read(run.metrics_path)
        self._curves = [line["life/best"] for line in lines if "life/best" in line]
        none = [line for line in lines if line.get("fitness/best", 0.0) is None]
        self.nonfinite = [line["generation"] for line in none]
        """Generations in which no member had a finite fitness."""
        known = [line["validation/mean"] for line in lines if "validation/mean" in line]
        self._validated: dict[str, Any] = {"validation/mean": (known or [None])[-1]}
        self._camera = Camera(built.experiment)
        self.dashboard: Dashboard | None = None
        if built.config.record.tensorboard:
            self.dashboard = Dashboard(run.tensorboard, done or None)
            self._begin(self.dashboard, lines)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        self._metrics.close()
        if self.dashboard:
            try:
                self._end(self.dashboard, failure)
            except EvolifeError:
                # What ended the work matters more than the events it leaves unwritten.
                if failure is None:
                    raise

    def warn(self, text: str) -> None:
        """Keep a warning for the next generation's line."""
        self._warnings.append(text)

    def record(self, step: Step) -> None:
        """Write one generation."""
        if not step.evaluation.teaches:
            self.nonfinite.append(step.generation)
        metrics = self._line(step)
        self._metrics.append(metrics)
        self._validated |= {k: metrics[k] for k in self._validated if k in metrics}
        self._display.update(step.generation, metrics | self._validated)
        if self._hooks:
            self._hooks.tell(metrics)
        if self.dashboard:
            self._draw(self.dashboard, step, metrics)

    def save_if_due(self, done: int, progress: Progress, last: bool = False) -> None:
        """Write a checkpoint now and then, and after the ``last`` generation."""
        config = self._built.config
        if last or done % config.checkpoint.every == 0 or done == config.generations:
            self.save(done, progress)

    def save(self, done: int, progress: Progress) -> None:
        """Write the checkpoint after ``done`` generations."""
        if self.dashboard:
            self.dashboard.flush()
        config = self._built.config
        extra = {"config_digest": config_digest(config)}
        checkpoint.save(
            self._run.checkpoints, done, progress, extra, config.checkpoint.keep
        )

    def champions(self, table: str, held_out: HeldOut | None, done: int) -> None:
        """Show the final table on the dashboard, once the champions are written.

        And the best champion's held-out life beside the same under ``learns: false``.
        """
        if not self.dashboard or held_out is None:
            return
        best = champions.read(self._run)[0]
        scores = {f"champion/{name}": best.get(name) for name in ("held_out", "gap")}
        self.dashboard.scalars(done, scores)
        self.dashboard.text("champions", table, done)
        steps = self._built.config.lifetime.steps
        curves = {LIFE: held_out.curves[0], UNLEARNED: held_out.unlearned_curve}
        for tag, curve in curves.items():
            if curve is not None:
                self.dashboard.life(tag, curve, steps)

    def _begin(self, dashboard: Dashboard, lines: list[dict[str, Any]]) -> None:
        """Say what the run is, and again what the restart hides of earlier sessions."""
        self._row(None)
        if not lines:
            config = self._built.config.to_yaml()
            dashboard.text("config", f"```yaml\n{config}\n```")
        for line in lines:
            dashboard.env_steps(line)

    def _end(self, dashboard: Dashboard, failure: type[BaseException] | None) -> None:
        """Say how the run ended, unless it was stopped to go on later."""
        try:
            if failure is None:
                dashboard.summary(hparams.ended("done"), self._built.config.generations)
                self._row("done")
            elif not issubclass(failure, Stopped):
                self._row("failed")
        finally:
            dashboard.close()

    def _row(self, end: hparams.End | None) -> None:
        """Write the run's row of the table of runs."""
        config = self._built.config
        shown = hparams.settings(config.model_dump(mode="json"), config.record.hparams)
        hparams.write(self._run.tensorboard, shown, self._date, end)

    def _line(self, step: Step) -> dict[str, Any]:
        """What ``metrics.jsonl`` says of a generation."""
        metrics = summary(step, self._built.experiment.settings) | {
            "ranks": self._ranks,
            "wall_s": self._earlier + time.perf_counter() - self._begun,
            "fitness/nonfinite_generations": len(self.nonfinite),
            "time/compile": self._compiling.read(),
        }
        if self._warnings:
            metrics["warnings"], self._warnings = self._warnings, []
        return metrics

    def _draw(self, dashboard: Dashboard, step: Step, metrics: dict[str, Any]) -> None:
        dashboard.scalars(step.generation, metrics)
        dashboard.env_steps(metrics)
        self._film(dashboard, step)
        if not step.details:
            return
        best, median = (outcome.curve for outcome in step.details)
        self._curves.append(best.tolist())
        steps = self._built.config.lifetime.steps
        dashboard.population(step.generation, step.evaluation.fitness)
        dashboard.life_curves(step.generation, best, median, steps)
        dashboard.heat_map("life/map", _MAP, step.generation, self._curves, steps)

    def _film(self, dashboard: Dashboard, step: Step) -> None:
        """Show the life of the best member, now and then and at the end."""
        config, done = self._built.config, step.generation
        every = config.record.film_every
        if not every or (done % every and done != config.generations):
            return
        film = self._camera.best_life(step.evaluation)
        if film:
            environment = self._built.experiment.environment
            strip = filmstrip.stills(environment, film, config.env.name)
            dashboard.picture("champion/film", _FILM, done, strip)
