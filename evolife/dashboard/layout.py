"""What the dashboard's tab Custom Scalars shows, and which scalars have a second axis.

Tags are regular expressions there, which must match from the beginning of a tag.
"""

from collections.abc import Mapping
from typing import Any

from tensorboardX import summary
from tensorboardX.proto.summary_pb2 import Summary

BY_ENV_STEPS = "by_env_steps/"
"""Tags of scalars whose step is the number of environment steps lived."""
MAIN = (
    *("fitness/best", "fitness/mean", "fitness/median", "life/late"),
    "validation/mean",
)
"""Scalars that are shown against environment steps, too."""
LIFE, UNLEARNED = "champion/life", "champion/life_without_learning"
"""Reward per step in the held-out lives of the best champion, and under
``learns: false``; the step of these scalars is the step of life. The run of a control
has the same tags, so that TensorBoard draws it into the same charts."""
_LARGEST_STEP = 2**63 - 1
_CHARTS = {
    "fitness": {
        "best, mean and median": ["Multiline", list(MAIN[:3])],
        "p10, median, p90": [
            "Margin",
            ["fitness/median", "fitness/p10", "fitness/p90"],
        ],
        "p25, median, p75": [
            "Margin",
            ["fitness/median", "fitness/p25", "fitness/p75"],
        ],
        "against environment steps": [
            "Multiline",
            [f"{BY_ENV_STEPS}{tag}$" for tag in MAIN[:3]],
        ],
    },
    "validation": {
        "the centre on fixed lives": [
            "Margin",
            ["validation/mean", "validation/low", "validation/high"],
        ],
        "the centre against environment steps": [
            "Multiline",
            [f"{BY_ENV_STEPS}validation/mean$"],
        ],
    },
    "life": {
        "life: early and late": ["Multiline", ["life/early$", "life/late$"]],
        "life of the best champion": ["Multiline", [f"{LIFE}$", f"{UNLEARNED}$"]],
    },
}


def layout() -> Summary:
    """The charts, as a summary that is written once a run."""
    return summary.custom_scalars(_CHARTS)


def against_env_steps(metrics: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    """The step, and the main scalars of a line of ``metrics.jsonl`` by their tags.

    Steps are int64: what lies beyond stays at the largest.
    """
    step = min(int(metrics.get("env_steps", 0)), _LARGEST_STEP)
    return step, {BY_ENV_STEPS + tag: metrics[tag] for tag in MAIN if tag in metrics}
