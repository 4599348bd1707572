"""What rank 0 writes while an operator is trained, and the operator's card."""

import time
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from evolife.config.located import config_digest
from evolife.console.progress import Display
from evolife.dashboard.dashboard import Dashboard
from evolife.errors import EvolifeError
from evolife.metalearning.config import MetaConfig
from evolife.metalearning.gradient_estimator import GradientEstimator
from evolife.metalearning.portrait import MEMBERS, portrait
from evolife.metalearning.training import MetaStep, Progress, Trained
from evolife.pytrees import digest
from evolife.selection.operator import size
from evolife.selection.operator_file import write
from evolife.storage import checkpoint
from evolife.storage.files import storage_errors, write_atomically
from evolife.storage.metrics import MetricsFile, read
from evolife.storage.run_folder import RunFolder

OPERATOR = "operator.safetensors"
_MAP = (
    "Weights that the operator gives to 32 members of normally distributed fitness in "
    "generation 10. Left to right: the worst to the best member; top to bottom: "
    "meta-steps."
)


class MetaJournal:
    """Keeps the record of one session of a meta-run; a context manager."""

    def __init__(
        self, config: MetaConfig, run: RunFolder, done: int, display: Display
    ) -> None:
        """Open the record after ``done`` meta-steps; drop what lies beyond."""
        self._config, self._run, self._display = config, run, display
        self._metrics = MetricsFile(run.metrics_path)
        last = self._metrics.truncate_after(done) or {}
        self._earlier = float(last.get("wall_s", 0.0))
        self._begun = time.perf_counter()
        lines = read(run.metrics_path)
        self._rows = [line["portrait"] for line in lines if "portrait" in line]
        self.dashboard: Dashboard | None = None
        if config.record.tensorboard:
            self.dashboard = Dashboard(run.tensorboard, done or None)
            if not done:
                self.dashboard.text("config", f"```yaml\n{config.to_yaml()}\n```")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        self._metrics.close()
        if self.dashboard:
            try:
                self.dashboard.close()
            except EvolifeError:
                # What ended the work matters more than events it leaves unwritten.
                if failure is None:
                    raise

    @property
    def seconds(self) -> float:
        """Wall time of all sessions."""
        return self._earlier + time.perf_counter() - self._begun

    def record(self, step: MetaStep) -> None:
        """Write one meta-step; a line's ``generation`` is its number."""
        trained = step.progress.trained
        metrics: dict[str, Any] = {
            "generation": step.number,
            "wall_s": self.seconds,
            **{f"meta/{name}": value for name, value in step.metrics.items()},
            "digest": digest(trained).hex(),
        }
        if step.number == 1 or step.number % self._config.record.every == 0:
            metrics |= self._portrait(trained)
        self._metrics.append(metrics)
        self._display.update(step.number, {"fitness/mean": -step.metrics["loss"]})
        if self.dashboard:
            self.dashboard.scalars(step.number, metrics)
            if "portrait" in metrics:
                self.dashboard.heat_map(
                    *("meta/weights by rank", _MAP, step.number, self._rows, MEMBERS)
                )

    def save(self, done: int, progress: Progress) -> None:
        """Write the checkpoint after ``done`` meta-steps."""
        if self.dashboard:
            self.dashboard.flush()
        extra = {"config_digest": config_digest(self._config)}
        keep = self._config.checkpoint.keep
        checkpoint.save(self._run.checkpoints, done, progress, extra, keep)

    def finish(
        self, progress: Progress, route: GradientEstimator, ranks: int
    ) -> dict[str, Any]:
        """Write the operator and its card; return what the card says."""
        told = card(self._config, route, progress.trained)
        # What differs from one training to the next is no part of the operator.
        spent = {**told, "seconds": round(self.seconds, 1), "ranks": ranks}
        text, path = markdown(spent), self._run.path / OPERATOR
        with storage_errors("write the operator", path):
            write(path, progress.trained.best, route.architecture, told)
            write_atomically(self._run.path / "card.md", text.encode())
        if self.dashboard:
            self.dashboard.text("card", text, self._config.meta_steps)
        return spent

    def _portrait(self, trained: Trained) -> dict[str, Any]:
        seen = portrait(trained.average, self._config.operator.signed)
        row = seen.weights[1].tolist()
        self._rows.append(row)
        return {
            "meta/entropy": seen.entropy,
            "meta/parents": seen.parents,
            "portrait": row,
        }


def card(
    config: MetaConfig, route: GradientEstimator, trained: Trained
) -> dict[str, Any]:
    """What a user of the operator should know: what it saw, and how it was chosen."""
    told: dict[str, Any] = {
        "name": config.name,
        "claim": config.claim,
        "route": config.route.model_dump(mode="json"),
        "idea": route.idea,
        "seed": config.seed,
        "meta_steps": config.meta_steps,
        "chosen_at": int(trained.best_step),
        "skipped": int(trained.skipped),
        "parameters": size(trained.best),
        "config_digest": config_digest(config),
        **route.described(),
    }
    if np.isfinite(trained.best_score):
        told["validation"] = float(trained.best_score)
    return told


def markdown(card: Mapping[str, Any]) -> str:
    """The card as a page."""
    claim = card.get("claim") or "no claim"
    lines = [f"# {card['name']}", "", claim, "", "| | |", "| --- | --- |"]
    for key, value in card.items():
        if key in ("name", "claim"):
            continue
        if key == "route":
            value = ", ".join(f"{name} = {item}" for name, item in value.items())
        elif isinstance(value, list):
            value = ", ".join(map(str, value))
        lines.append(f"| {key.replace('_', ' ')} | {value} |")
    return "\n".join(lines) + "\n"
