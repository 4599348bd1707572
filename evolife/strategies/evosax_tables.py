"""What evolife knows of evosax's algorithms that evosax does not say itself.

Plain data, read by the adapter and by the table in docs/strategies.md; needs no JAX.
"""

from typing import Any

DISTRIBUTION, POPULATION = "distribution", "population"

REFUSED: dict[str, str] = {}
"""Why an algorithm cannot run here, by name. All of evosax 0.3.2 can."""

SETTABLE: dict[str, tuple[str, ...]] = {
    "ARS": ("elite_ratio",),
    "CMA_ES": ("elite_ratio", "use_negative_weights"),
    "DES": ("temperature",),
    "GESMR_GA": ("elite_ratio", "std_ratio"),
    "LM_MA_ES": ("elite_ratio",),
    "MA_ES": ("elite_ratio",),
    "Rm_ES": ("elite_ratio",),
    "SAMR_GA": ("elite_ratio",),
    "Sep_CMA_ES": ("elite_ratio",),
    "SimpleES": ("elite_ratio",),
    "SimpleGA": ("elite_ratio",),
    "SV_CMA_ES": ("elite_ratio", "use_negative_weights"),
}
"""Public attributes of the built algorithm that settings may change."""

UNREAD: dict[str, tuple[str, ...]] = {
    "ARS": ("std_init",),
    "ASEBO": ("grad_decay",),
    "CR_FM_NES": ("h_inv",),
    "LGA": ("crossover_rate",),
    "LM_MA_ES": ("c_1", "c_mu"),
    "SAMR_GA": ("std_best_limit",),
}
"""Fields of ``Params`` that evosax 0.3.2 never reads: no settings, they do nothing."""

_ADAM = {"name": "adam", "learning_rate": 0.01}
_SGD = {"name": "sgd", "learning_rate": 1.0}

DEFAULTS: dict[str, dict[str, Any]] = {
    "ARS": {"optimizer": _ADAM, "std_schedule": 0.1},
    "ASEBO": {"optimizer": _ADAM, "std_schedule": 1.0},
    "DES": {"optimizer": _SGD},
    "ESMC": {"optimizer": _ADAM, "std_schedule": 0.1},
    "GuidedES": {"optimizer": _ADAM, "std_schedule": 1.0, "alpha": 1.0},
    "HillClimbing": {"std_schedule": 0.1},
    "iAMaLGaM_Full": {"std_schedule": 0.1},
    "iAMaLGaM_Univariate": {"std_schedule": 0.1},
    "NoiseReuseES": {"optimizer": _ADAM, "std_schedule": 0.1, "T": 1, "K": 1},
    "Open_ES": {"optimizer": _ADAM, "std_schedule": 0.1},
    "PersistentES": {"optimizer": _ADAM, "std_schedule": 0.1, "T": 1, "K": 1},
    "PGPE": {
        "optimizer": {"name": "clipup", "learning_rate": 0.01, "max_velocity": 0.02},
        "std_init": 0.1,
    },
    "SimpleES": {"optimizer": _SGD},
    "SimpleGA": {"std_schedule": 0.1},
    "SimulatedAnnealing": {"std_schedule": 0.1},
    "SNES": {"optimizer": _SGD},
    "SV_CMA_ES": {"num_populations": 2},
    "SV_Open_ES": {"optimizer": _ADAM, "std_schedule": 0.1, "num_populations": 2},
    "xNES": {"optimizer": _SGD},
}
"""Settings that stand where a config is silent; evosax's own rule everything else.

Every optimizer and schedule is named here: those of optax cannot say what they are.
"""

SMALLEST: dict[str, int] = dict.fromkeys(
    (
        *("CMA_ES", "DES", "EvoTF_ES", "LES", "LGA", "LM_MA_ES", "MA_ES", "Rm_ES"),
        *("Sep_CMA_ES", "iAMaLGaM_Full", "iAMaLGaM_Univariate"),
    ),
    2,
)
"""Smallest populations where evosax takes less and then divides by zero."""

NOTES: dict[str, str] = {
    "ASEBO": "`std_schedule` is the length of a perturbation over all dimensions",
    "DiffusionEvolution": "set `num_generations` to those of the run: its noise "
    "schedule ends there",
    "GESMR_GA": "population - 1 is a multiple of `num_groups`",
    "GuidedES": "there is no surrogate gradient to guide it, so `alpha` is 1 (plain "
    "antithetic sampling); `std_schedule` is the length of a perturbation over all "
    "dimensions",
    "LGA": "learned weights come with evosax",
    "LES": "learned weights come with evosax",
    "EvoTF_ES": "learned weights come with evosax; memory grows with population x "
    "dimensions x `max_context_len`",
    "CMAAnchoredLES": "learned weights come with evosax",
    "iAMaLGaM_Full": "a dimensions x dimensions covariance; `std_schedule` is added "
    "to it",
    "iAMaLGaM_Univariate": "`std_schedule` is added to its standard deviations",
    "CMA_ES": "a dimensions x dimensions covariance",
    "LM_MA_ES": "`c_c` is limited to 1: evosax's population / dimensions goes NaN "
    "above 2. Native selection pairs sorted weights with unsorted perturbations in "
    "its path; any other pairs them as they belong",
    "MA_ES": "a dimensions x dimensions matrix. Native selection pairs sorted weights "
    "with unsorted perturbations in its matrix; any other pairs them as they belong",
    "NoiseReuseES": "every life is whole, so `T` = `K`: plain antithetic sampling",
    "PersistentES": "every life is whole, so `T` = `K`: plain antithetic sampling",
    "RandomSearch": "samples newborn genomes",
    "Rm_ES": "evosax 0.3.2 compares ranks of weights, not of fitness, in its step-size "
    "rule: the step size only shrinks",
    "SV_CMA_ES": "population is that of all `num_populations` together; selection "
    "works within each; the centre is the mean of the one that found the best member",
    "SV_Open_ES": "population is that of all `num_populations` together; selection "
    "works within each; the centre is the mean of the one that found the best member",
    "xNES": "a dimensions x dimensions matrix, of which evosax 0.3.2 adapts the "
    "diagonal",
}
"""What a user should know before choosing an algorithm, by name."""
