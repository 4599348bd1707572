"""What an environment says of its best and of its memoryless life, held against runs.

An environment may state ``optimum`` and ``memoryless``. Numbers that contradict each
other, or what was measured, are a fault of the environment, and everything that is
said of learning in it is in doubt.
"""

import numpy as np

from evolife.base import Agent
from evolife.engine.ablation import learns
from evolife.engine.experiment import Experiment
from evolife.engine.variety import copied

_CHANCE = 0.001
"""Of finding a fault where there is none."""
_ROUNDING = 1e-5


def statement_faults(optimum: float | None, memoryless: float | None) -> list[str]:
    """What is wrong with the two numbers themselves."""
    if optimum is None or memoryless is None:
        return []
    if memoryless <= optimum + _ROUNDING * abs(optimum):
        return []
    return [
        f"the environment states memoryless = {memoryless:.6g} above optimum = "
        f"{optimum:.6g}: no life can earn more than the best one; mend its methods "
        "optimum and memoryless"
    ]


def measured_faults(experiment: Experiment, returns: np.ndarray) -> list[str]:
    """The same, and where ``(lives,)`` returns of one agent on fresh lives disagree."""
    environment, steps = experiment.environment, experiment.settings.steps
    optimum, memoryless = environment.optimum(steps), environment.memoryless(steps)
    faults = statement_faults(optimum, memoryless)
    # Copies of one life are no sample.
    if not len(returns) or copied(environment, steps, returns[None])[0]:
        return faults
    earned = f"earns {returns.mean():.6g} on {len(returns)} fresh lives"
    if optimum is not None and exceeds(returns, optimum):
        faults.append(
            f"the champion {earned}, more than the optimum = {optimum:.6g} that the "
            "environment states; "
            "mend its method optimum"
        )
    who = _memoryless(experiment.agent)
    if who and memoryless is not None and exceeds(returns, memoryless):
        faults.append(
            f"{who} {earned}, more than the memoryless = {memoryless:.6g} that the "
            "environment states; "
            "mend its method memoryless, or what the environment shows of the past"
        )
    return faults


def exceeds(returns: np.ndarray, stated: float) -> bool:
    """Whether ``(n,)`` returns have a mean above ``stated``, by more than chance.

    Student's t, one-sided; where lives are few or alike, no chance is held smaller
    than that of as many coins which fall alike.
    """
    returns = np.asarray(returns, np.float64)
    reach = _ROUNDING * max(abs(stated), float(np.abs(returns).max(initial=0)))
    if not np.isfinite(returns).all() or returns.mean() <= stated + reach:
        return False
    p = 0.0
    if np.ptp(returns):
        from scipy import stats

        test = stats.ttest_1samp(returns, stated + reach, alternative="greater")
        p = float(test.pvalue)
    return max(p, 2.0 ** -len(returns)) < _CHANCE


def _memoryless(agent: Agent) -> str:
    """What an agent without memory is called; empty for one that has any."""
    if learns(agent):
        return ""
    if agent.reads_reward:
        return "an agent that forgets all but the last reward at each step"
    return "an agent that sees nothing but the current observation"
