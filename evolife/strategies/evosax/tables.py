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

FLOORED: tuple[str, ...] = (
    *("CMAAnchoredLES", "CMA_ES", "CR_FM_NES", "DES", "EvoTF_ES", "LES", "LGA"),
    *("LM_MA_ES", "MA_ES", "PGPE", "Sep_CMA_ES", "SimpleES", "SNES", "SV_CMA_ES"),
    "xNES",
)
"""Algorithms whose step size evosax 0.3.2 lets fall to 0; evolife holds ``std_min``
under it."""

FLOORS_ITSELF: tuple[str, ...] = ("GESMR_GA", "MR15_GA", "Rm_ES", "SAMR_GA")
"""Algorithms whose own ``std_min`` is a floor under what they sample with."""

WIDENED: tuple[str, ...] = ("iAMaLGaM_Full", "iAMaLGaM_Univariate")
"""Algorithms that add evosax's ``std_schedule`` to what they learned: a floor, and so
called ``std_min`` here; what they start with is ``std_init``."""

LENGTHS: tuple[str, ...] = ("ASEBO", "GuidedES")
"""Algorithms where evosax's ``std`` is the length of a whole perturbation."""

_FLOOR = 1e-5
"""Far below what changes an agent, and far above float32's last digit at 1."""

_ADAM = {"name": "adam", "learning_rate": 0.01}
_SGD = {"name": "sgd", "learning_rate": 1.0}

DEFAULTS: dict[str, dict[str, Any]] = {
    "ARS": {"optimizer": _ADAM, "std_schedule": 0.1},
    "ASEBO": {"optimizer": _ADAM, "std_schedule": 0.1},
    "CMAAnchoredLES": {"std_min": _FLOOR},
    "CMA_ES": {"std_min": _FLOOR},
    "CR_FM_NES": {"std_min": _FLOOR},
    "DES": {"optimizer": _SGD, "std_min": _FLOOR},
    "DiffusionEvolution": {"num_generations": None},
    "ESMC": {"optimizer": _ADAM, "std_schedule": 0.1},
    "EvoTF_ES": {"std_min": _FLOOR},
    "GESMR_GA": {"num_groups": None, "std_min": _FLOOR},
    "GuidedES": {"optimizer": _ADAM, "std_schedule": 0.1, "alpha": 1.0},
    "HillClimbing": {"std_schedule": 0.1},
    "iAMaLGaM_Full": {"std_init": 1.0, "std_min": 0.1},
    "iAMaLGaM_Univariate": {"std_init": 1.0, "std_min": 0.1},
    "LES": {"std_min": _FLOOR},
    "LGA": {"std_min": _FLOOR},
    "LM_MA_ES": {"std_min": _FLOOR},
    "MA_ES": {"std_min": _FLOOR},
    "MR15_GA": {"std_min": _FLOOR},
    "NoiseReuseES": {"optimizer": _ADAM, "std_schedule": 0.1, "T": 1, "K": 1},
    "Open_ES": {"optimizer": _ADAM, "std_schedule": 0.1},
    "PersistentES": {"optimizer": _ADAM, "std_schedule": 0.1, "T": 1, "K": 1},
    "PGPE": {
        "optimizer": {"name": "clipup", "learning_rate": 0.01, "max_velocity": 0.02},
        "std_init": 0.1,
        "std_min": _FLOOR,
    },
    "SAMR_GA": {"std_min": _FLOOR},
    "Sep_CMA_ES": {"std_min": _FLOOR},
    "SimpleES": {"optimizer": _SGD, "std_min": _FLOOR},
    "SimpleGA": {"std_schedule": 0.1},
    "SimulatedAnnealing": {"std_schedule": 0.1},
    "SNES": {"optimizer": _SGD, "std_min": _FLOOR},
    "SV_CMA_ES": {"num_populations": 2, "std_min": _FLOOR},
    "SV_Open_ES": {"optimizer": _ADAM, "std_schedule": 0.1, "num_populations": 2},
    "xNES": {"optimizer": _SGD, "std_min": _FLOOR},
}
"""Settings that stand where a config is silent; evosax's own rule everything else.

Every optimizer and schedule is named here: those of optax cannot say what they are.
What is None follows the run: its generations, its population.
"""

SMALLEST: dict[str, int] = {
    "GESMR_GA": 3,
    **dict.fromkeys(
        (
            *("CMA_ES", "DES", "EvoTF_ES", "LES", "LGA", "LM_MA_ES", "MA_ES", "Rm_ES"),
            *("Sep_CMA_ES", "iAMaLGaM_Full", "iAMaLGaM_Univariate"),
        ),
        2,
    ),
}
"""Smallest populations where evosax takes less and then divides by zero, or, with one
mutation rate, has none to choose."""

NOTES: dict[str, str] = {
    "DiffusionEvolution": "`num_generations`, where its noise schedule ends, are those "
    "of the run; it takes no fewer",
    "GESMR_GA": "population - 1 is a multiple of `num_groups`, which are as many as a "
    "group has members, or nearly so; one group chooses no mutation rate",
    "GuidedES": "there is no surrogate gradient to guide it, so `alpha` is 1 (plain "
    "antithetic sampling)",
    "LGA": "learned weights come with evosax; `std_min` is held under what they read",
    "LES": "learned weights come with evosax",
    "EvoTF_ES": "learned weights come with evosax; memory grows with population x "
    "dimensions x `max_context_len`",
    "CMAAnchoredLES": "learned weights come with evosax",
    "CR_FM_NES": "along one random direction it starts with 1.4 times `std_init`",
    "iAMaLGaM_Full": "a dimensions x dimensions covariance",
    "CMA_ES": "a dimensions x dimensions covariance",
    "LM_MA_ES": "`c_c` is limited to 1: evosax's population / dimensions goes NaN "
    "above 2. Native selection pairs sorted weights with unsorted perturbations in "
    "its path; any other pairs them as they belong",
    "MA_ES": "a dimensions x dimensions matrix. Native selection pairs sorted weights "
    "with unsorted perturbations in its matrix; any other pairs them as they belong",
    "NoiseReuseES": "every life is whole, so `T` = `K`: plain antithetic sampling",
    "PersistentES": "every life is whole, so `T` = `K`: plain antithetic sampling",
    "RandomSearch": "samples newborn genomes",
    "SAMR_GA": "the first mutations are within a factor `std_meta` of `std_init`",
    "SV_CMA_ES": "population is that of all `num_populations` together; selection "
    "works within each; the centre is the mean of the one that found the best member",
    "SV_Open_ES": "population is that of all `num_populations` together; selection "
    "works within each; the centre is the mean of the one that found the best member",
    "xNES": "a dimensions x dimensions matrix",
}
"""What a user should know before choosing an algorithm, by name."""
