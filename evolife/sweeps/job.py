"""The command line of one run of a sweep: a pure function, whoever starts it."""

import json
from collections.abc import Sequence

from evolife.storage.sweep_folder import Entry, SweepFolder


def train_arguments(
    folder: SweepFolder, entry: Entry, shown: Sequence[str]
) -> list[str]:
    """What follows ``evolife``: a fresh run, or one to go on with.

    ``shown`` are the keys that the dashboard compares runs by.
    """
    run = folder.run(entry.run)
    if run.config_path.is_file():
        return ["train", "--resume", str(run.path)]
    keys = f"record.hparams={json.dumps(list(shown))}"
    named = (f"name={entry.run}", keys, *entry.overrides)
    return ["train", str(folder.base_path), *named, "--out", str(run.path)]
