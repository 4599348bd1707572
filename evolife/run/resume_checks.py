"""Before the first generation: the run's folder, its lock, and where it stopped.

Whatever does not fit is refused before anything in the folder is changed.
"""

from pathlib import Path

from evolife.config.located import config_digest, digested
from evolife.config.model import load_config
from evolife.console.terminal import Terminal
from evolife.engine.evolution import Progress, begin
from evolife.engine.warmup import in_turn
from evolife.errors import InvalidInput
from evolife.plugins.build import BuiltRun
from evolife.ranks.broadcast import on_rank_zero
from evolife.ranks.mpi import Ranks
from evolife.run import scaffold
from evolife.run.scaffold import Written, check_same
from evolife.storage.metrics import read as read_metrics
from evolife.storage.run_folder import RunFolder


def check_config(built: BuiltRun, path: Path) -> None:
    """Check that the run at ``path``, if there is one, is of this config.

    Raises:
        InvalidInput: it describes another evolution, or is damaged.
    """
    run = RunFolder(path)
    if not run.config_path.is_file():
        return
    configs = load_config(str(run.config_path)), built.config
    lives, asked = (config.record.validate_lives for config in configs)
    if lives != asked and run.metrics_path.is_file():
        raise InvalidInput(
            f"record.validate_lives = {asked}: the curve of {run.path} is of {lives} "
            "lives, and would be of others from here; leave it, or start over with "
            "--out DIR"
        )
    check_same(run, *map(digested, configs))


def written(built: BuiltRun) -> Written:
    """The config of a run, as its folder holds it."""
    config = built.config
    return Written(config.to_yaml(), config_digest(config), config.seed)


def load_progress(
    built: BuiltRun, run: RunFolder, ranks: Ranks, terminal: Terminal
) -> tuple[Progress, int]:
    """What evolution goes on from, and how many generations are done.

    Raises:
        InvalidInput: the checkpoint is of another config, or beyond this one's end; or
            the metrics were altered.
        EvolifeError: every checkpoint is damaged.
    """

    def check_metrics() -> None:
        read_metrics(run.metrics_path)

    on_rank_zero(check_metrics, ranks)
    found: tuple[Progress, int] = scaffold.load_progress(
        run,
        in_turn(lambda: begin(built.experiment), ranks),
        written(built),
        ranks,
        terminal.warning,
        lambda done: check_goal(built, run, done),
    )
    return found


def check_goal(built: BuiltRun, run: RunFolder, done: int) -> None:
    """Refuse an end that the run has passed.

    Raises:
        InvalidInput: ``done`` generations are more than the config asks for.
    """
    asked = built.config.generations
    if done > asked:
        raise InvalidInput(
            f"generations = {asked}: {run.path} has lived {done} already; ask for at "
            f"least {done}, or start over with --out DIR"
        )
