"""What ``train`` would do: everything checked and built, nothing lived or written."""

from pathlib import Path
from typing import Any

from evolife.commands._destination import Destination
from evolife.config.model import RunConfig
from evolife.processes.embedded import prepare
from evolife.storage import checkpoint
from evolife.storage.run_folder import RunFolder, check_free, fresh_path


def dry_run(config: RunConfig, where: Destination, ranks: int) -> dict[str, Any]:
    """Check a run as ``train`` would; return what it would do, as plain data.

    Raises:
        InvalidInput: train would refuse it.
    """
    path = where.path or fresh_path(config.name)
    if where.own_config is None:
        check_free(path)
    prepare()
    from evolife.run import resume_checks
    from evolife.run.memory import strategy_bytes
    from evolife.run.plan import idle_ranks
    from evolife.run.readiness import ready
    from evolife.sweeps import forecast

    main, control = ready(config)
    if where.resume:
        resume_checks.check_config(main, path)
    done = _done(where, path)
    resume_checks.check_goal(main, RunFolder(path), done)
    left = config.model_copy(update={"generations": config.generations - done})
    found = forecast.predict([left], 1, ranks)
    return {
        "name": config.name,
        "run": str(path),
        "resume": where.own_config is not None,
        "done": done,
        "config": main.config.model_dump(mode="json"),
        "control": control.config.name if control else None,
        "ranks": ranks,
        "units": main.experiment.grid.units,
        "env_steps": forecast.env_steps(left),
        "strategy_bytes": strategy_bytes(main.experiment),
        "idle": idle_ranks(main.experiment, ranks),
        "predicted": forecast.told(found, 1),
    }


def _done(where: Destination, path: Path) -> int:
    """Generations that are done, in a run to go on with."""
    if where.own_config is None:
        return 0
    return max(checkpoint.generations(RunFolder(path).checkpoints), default=0)
