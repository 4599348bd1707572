"""What rank 0 writes while a run goes on: metrics, dashboard, progress, checkpoints."""

import time
from typing import Any, Self

import numpy as np

from evolife.config.model import config_digest
from evolife.errors import EvolifeError
from evolife.evolution import Progress, Step
from evolife.experiment import Experiment
from evolife.record.dashboard import Dashboard
from evolife.record.metrics import MetricsFile, fitness_summary, read
from evolife.record.progress import Display
from evolife.storage import checkpoint
from evolife.storage.run_folder import RunFolder
from evolife.timing import CompileClock


class Journal:
    """Keeps the record of one session of a run; a context manager."""

    def __init__(
        self,
        experiment: Experiment,
        run: RunFolder,
        done: int,
        display: Display,
    ) -> None:
        """Open the record after ``done`` generations; drop what lies beyond."""
        self._experiment, self._run, self._display = experiment, run, display
        self._metrics = MetricsFile(run.metrics_path)
        last = self._metrics.truncate_after(done) or {}
        self._earlier = float(last.get("wall_s", 0.0))
        self._begun = time.perf_counter()
        self._compiling = CompileClock()
        self._curves = [
            line["life/best"] for line in read(run.metrics_path) if "life/best" in line
        ]
        self.dashboard: Dashboard | None = None
        if experiment.config.record.tensorboard:
            self.dashboard = Dashboard(run.tensorboard, done or None)
            if not done:
                config = experiment.config.to_yaml()
                self.dashboard.text("config", f"```yaml\n{config}\n```")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        self._metrics.close()
        if self.dashboard:
            try:
                self.dashboard.close()
            except EvolifeError:
                # What ended the work matters more than the events it leaves unwritten.
                if failure is None:
                    raise

    def record(self, step: Step) -> None:
        """Write one generation."""
        metrics = self._summary(step)
        self._metrics.append(metrics)
        self._display.update(step.generation, metrics)
        if self.dashboard:
            self._draw(self.dashboard, step, metrics)

    def save_if_due(self, done: int, progress: Progress) -> None:
        """Write a checkpoint now and then, and after the last generation."""
        config = self._experiment.config
        if done % config.checkpoint.every == 0 or done == config.generations:
            self.save(done, progress)

    def save(self, done: int, progress: Progress) -> None:
        """Write the checkpoint after ``done`` generations."""
        if self.dashboard:
            self.dashboard.flush()
        config = self._experiment.config
        extra = {"config_digest": config_digest(config)}
        checkpoint.save(
            self._run.checkpoints, done, progress, extra, config.checkpoint.keep
        )

    def champions(self, table: str, done: int) -> None:
        """Show the final table on the dashboard."""
        if self.dashboard:
            self.dashboard.text("champions", table, done)

    def _summary(self, step: Step) -> dict[str, Any]:
        steps = self._experiment.steps_per_generation
        spent = {f"time/{name}": value for name, value in step.seconds.items()}
        metrics: dict[str, Any] = {
            "generation": step.generation,
            "env_steps": steps * step.generation,
            "wall_s": self._earlier + time.perf_counter() - self._begun,
            "env_steps_per_s": steps / step.seconds["generation"],
            **fitness_summary(step.lived.fitness),
            "fitness/nonfinite": step.lived.nonfinite,
            "life/early": float(np.mean(step.lived.statistics.early)),
            "life/late": float(np.mean(step.lived.statistics.late)),
            "digest": step.digest.hex(),
            **spent,
            "time/compile": self._compiling.read(),
        }
        if step.details:
            best, median = step.details
            metrics["life/best"] = best.curve.tolist()
            metrics["life/median"] = median.curve.tolist()
            metrics["life/best_slope"] = float(best.slope)
            for who, outcome in (("best", best), ("median", median)):
                for name, value in outcome.statistics.items():
                    metrics[f"{who}/{name}"] = float(value)
        return metrics

    def _draw(self, dashboard: Dashboard, step: Step, metrics: dict[str, Any]) -> None:
        dashboard.scalars(step.generation, metrics)
        if not step.details:
            return
        best, median = (outcome.curve for outcome in step.details)
        self._curves.append(best.tolist())
        steps = self._experiment.config.lifetime.steps
        dashboard.population(step.generation, step.lived.fitness)
        dashboard.life_curves(step.generation, best, median, steps)
        dashboard.life_map(step.generation, self._curves, steps)
