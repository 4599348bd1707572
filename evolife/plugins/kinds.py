"""The kinds of plug-in: what a file of each defines, and where evolife's own are."""

import dataclasses
from collections.abc import Callable, Mapping

from evolife.strategies.evosax.names import algorithms


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind: a file is a plug-in, and the file's name is the plug-in's name."""

    noun: str
    """What messages call one."""
    section: str
    """The key of a config that names one."""
    package: str
    """Where those are that come with evolife."""
    contract: str
    """The class that a plug-in derives from."""
    others: Callable[[], Mapping[str, str]] = dict
    """Names that stand for no file, and what each is."""


def _native() -> dict[str, str]:
    return {"native": "the strategy's own shaping"}


KINDS = {
    "agents": Kind("agent", "agent", "evolife.agents", "evolife.base.Agent"),
    "envs": Kind("environment", "env", "evolife.envs", "evolife.base.Environment"),
    "wrappers": Kind(
        "wrapper", "wrap", "evolife.envs.wrappers", "evolife.envs.wrappers.Wrapper"
    ),
    "selections": Kind(
        "selection",
        "selection",
        "evolife.selection.shaping",
        "evolife.base.Selection",
        _native,
    ),
    "strategies": Kind(
        "strategy",
        "strategy",
        "evolife.strategies",
        "evolife.base.Strategy",
        algorithms,
    ),
    "estimators": Kind(
        "gradient estimator",
        "route",
        "evolife.metalearning.estimators",
        "evolife.metalearning.gradient_estimator.GradientEstimator",
    ),
}
"""By the folder that holds them: ``mine/agents/tally.py`` is the agent ``tally``."""

FOLDERS = ", ".join(f"{kind}/" for kind in KINDS)
