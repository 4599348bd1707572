"""A sweep's memory of what was tried and how it went: Optuna's, in a journal file.

The journal is appended to and needs no database, so that it may lie on a shared disk.
"""

import importlib.util
from collections.abc import Callable, Mapping
from typing import Any

from evolife.errors import InvalidInput
from evolife.storage.sweep_folder import SweepFolder
from evolife.sweeps.expansion import Assignment
from evolife.sweeps.journal_file import mend
from evolife.sweeps.parameters import Parameter
from evolife.sweeps.spec import SweepSpec

JOURNAL = "optuna.journal"
"""File in the folder of the sweep."""
_RUN = "run"


class Study:
    """Suggests what to try next, and says who is left behind."""

    def __init__(
        self,
        folder: SweepFolder,
        spec: SweepSpec,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Open the journal, or begin one; nobody else may use the folder.

        ``tell`` hears of what a kill had left and was mended.

        Raises:
            InvalidInput: Optuna is not installed, or the journal is damaged.
        """
        require_optuna()
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        # Absolute: Optuna's lock is a link to this path, which must lead to it.
        path = (folder.path / JOURNAL).absolute()
        mend(path, tell)
        self._storage = JournalStorage(JournalFileBackend(str(path)))
        self._study = optuna.create_study(
            storage=self._storage,
            study_name=spec.name,
            direction=spec.metric.goal,
            load_if_exists=True,
            pruner=_pruner(spec),
        )
        # Every session draws on, instead of drawing the same again.
        tried = len(self._study.trials)
        self._study.sampler = optuna.samplers.TPESampler(
            seed=(spec.seed + 7919 * tried) % 2**32, constant_liar=True
        )
        self._numbers = {
            trial.user_attrs[_RUN]: trial.number
            for trial in self._study.trials
            if _RUN in trial.user_attrs
        }

    def suggest(self, parameters: Mapping[str, Parameter]) -> tuple[int, Assignment]:
        """Number of a new trial, and what to try in it."""
        trial = self._study.ask()
        found = {key: suggested(trial, key, one) for key, one in parameters.items()}
        return trial.number, found

    def name(self, number: int, run: str) -> None:
        """Note which run a trial is."""
        self._trial(number).set_user_attr(_RUN, run)
        self._numbers[run] = number

    def begin(self, run: str) -> None:
        """Begin the trial of a run, unless that was done in an earlier session."""
        if run not in self._numbers:
            self.name(self._study.ask().number, run)

    def drop(self, number: int) -> None:
        """Give up a trial that came to nothing."""
        from optuna.trial import TrialState

        self._study.tell(number, state=TrialState.FAIL, skip_if_finished=True)

    def behind(self, run: str, generation: int, value: float) -> bool:
        """Whether ``run``, with ``value`` at ``generation``, is left behind."""
        trial = self._trial(self._numbers[run])
        trial.report(value, generation)
        return bool(trial.should_prune())

    def finish(self, run: str, value: float | None, pruned: bool = False) -> None:
        """Tell how a run ended; ``value`` None for one that failed."""
        from optuna.trial import TrialState

        number = self._numbers[run]
        if pruned:
            self._study.tell(number, state=TrialState.PRUNED, skip_if_finished=True)
        elif value is None:
            self.drop(number)
        else:
            self._study.tell(number, value, skip_if_finished=True)

    def nameless(self) -> list[int]:
        """Trials that a kill left without a run."""
        return [
            trial.number
            for trial in self._study.trials
            if _RUN not in trial.user_attrs and not trial.state.is_finished()
        ]

    def _trial(self, number: int) -> Any:
        from optuna import Trial

        study = self._storage.get_study_id_from_name(self._study.study_name)
        lookup = self._storage.get_trial_id_from_study_id_trial_number
        return Trial(self._study, lookup(study, number))


def require_optuna() -> None:
    """Raise ``InvalidInput`` where Optuna is not installed."""
    if importlib.util.find_spec("optuna") is None:
        raise InvalidInput(
            "method bayes and early_terminate need the package 'optuna', which is not "
            "installed; run: pip install 'evolife[sweep]'"
        )


def suggested(trial: Any, key: str, one: Parameter) -> Any:
    """A value for ``key``, as an Optuna trial suggests it."""
    if one.kind == "constant":
        return one.value
    if one.kind == "int_uniform":
        return trial.suggest_int(key, int(one.min or 0), int(one.max or 0))
    if one.kind == "uniform":
        return trial.suggest_float(key, one.min, one.max)
    if one.kind in ("log_uniform_values", "inv_log_uniform_values"):
        return trial.suggest_float(key, one.min, one.max, log=True)
    values = one.listed
    if values is not None:
        # By number, because Optuna keeps no mappings.
        return values[trial.suggest_categorical(key, range(len(values)))]
    return one.quantile(min(trial.suggest_float(key, 0, 1), 1 - 2**-53))


def _pruner(spec: SweepSpec) -> Any:
    import optuna

    rule = spec.early_terminate
    if rule is None:
        return optuna.pruners.NopPruner()
    return optuna.pruners.SuccessiveHalvingPruner(rule.first, rule.eta)
