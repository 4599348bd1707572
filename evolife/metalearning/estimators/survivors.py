"""Learning who survives a round of best-of-K: gradients through draws of survivors."""

import dataclasses
import functools
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import jax
import jax.numpy as jnp
from annotated_types import Ge, Gt

from evolife.base import Array, Key
from evolife.metalearning.gradient_estimator import Carry, GradientEstimator
from evolife.metalearning.tasks import candidates as family
from evolife.metalearning.tasks import sampling
from evolife.metalearning.tasks.candidates import Candidates, Ranges
from evolife.metalearning.tasks.survivors import Choose, Judge, play
from evolife.selection import features, halving
from evolife.selection.halving import Evidence, Plan, plan
from evolife.selection.operator import Operator, logits

Estimator = Literal["score_function", "straight_through"]


@dataclasses.dataclass(frozen=True)
class Survivors(GradientEstimator):
    """Stochastic survivors of best-of-K among candidates with unlike noise.

    The loss is minus the true value of the finally chosen, standardised over the K
    candidates and expected under the softmax over the last round's entrants. Earlier
    rounds draw who stays by Gumbel top-k. A shard is a K and a budget.

    Raises:
        ValueError: a signed architecture, no shard, or no choice in a shard.
    """

    candidates: tuple[Annotated[int, Ge(2)], ...] = (8, 16, 32)
    """Candidates K of a task; each has its shards."""
    lives: tuple[Annotated[int, Ge(2)], ...] = (16, 32, 64)
    """Budgets, in lives a candidate, of all rounds; each with every K."""
    keep: Annotated[int, Ge(1)] = 1
    """Where halving ends; the loss is of the first of these."""
    ranges: Ranges = dataclasses.field(default=Ranges())
    """What candidates and their noise are drawn from."""
    tasks: Annotated[int, Ge(1)] = 64
    """Tasks of a shard in a meta-step."""
    samples: Annotated[int, Ge(2)] = 4
    """Draws of the survivors of one task, compared with one another."""
    estimator: Estimator = "score_function"
    """Gradient through the draws: unbiased, or biased with less variance."""
    temperature: Annotated[float, Gt(0)] = 1.0
    """Of the straight-through mask's relaxation."""

    idea: ClassVar[str] = "the true value of the chosen, through draws of survivors"

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""
        if self.architecture.signed:
            raise ValueError(
                "architecture.signed = True: who is fled from cannot survive; "
                "set signed: false"
            )
        if not self.candidates or not self.lives:
            raise ValueError("candidates, lives: name at least one of each")
        if min(self.candidates) <= self.keep:
            raise ValueError(
                f"candidates = {min(self.candidates)}: with keep = {self.keep} nobody "
                f"is dropped; take at least {self.keep + 1} candidates"
            )

    @property
    def shards(self) -> int:
        """One for each K and budget."""
        return len(self.candidates) * len(self.lives)

    def begin(self, shard: int, key: Key) -> Carry:
        """Nothing is carried: every meta-step draws new tasks."""
        return ()

    def gradient(
        self, shard: int, operator: Operator, carry: Carry, key: Key
    ) -> tuple[Operator, Carry, dict[str, Array]]:
        """Gradient of a surrogate over new tasks; see :func:`surrogate`."""
        rounds = self.plan(shard)

        def one(key: Key, operator: Operator) -> tuple[Array, Array]:
            tasks, draws = jax.random.split(key)
            drawn, lucks = family.task(tasks, rounds, self.ranges)
            return surrogate(self, operator, drawn, lucks, draws)

        def mean(operator: Operator) -> tuple[Array, dict[str, Array]]:
            keys = jax.random.split(key, self.tasks)
            surrogates, measured = jax.vmap(one, (0, None))(keys, operator)
            loss, regret = jnp.mean(measured, axis=0)
            return jnp.mean(surrogates), {"loss": loss, "regret": regret}

        slope, measured = jax.grad(mean, has_aux=True)(operator)
        return slope, carry, measured

    def described(self) -> dict[str, Any]:
        """That no environment was met."""
        return {"lives": "drawn from a model, none was lived"}

    def plan(self, shard: int) -> Plan:
        """Rounds of one shard."""
        size, lives = divmod(shard, len(self.lives))
        count = self.candidates[size]
        return plan(count, self.keep, count * self.lives[lives])


class Drawn(NamedTuple):
    """One round's draw of survivors among its ``(n,)`` entrants."""

    chance: Array
    """``()`` log probability."""
    mask: Array
    """``(n,)`` 1 for who stays and 0 for who does not."""


def surrogate(
    route: Survivors,
    operator: Operator,
    candidates: Candidates,
    lucks: list[Evidence],
    key: Key,
) -> tuple[Array, Array]:
    """``()`` whose gradient is the estimate for one task; ``(2,)`` loss and regret.

    All draws of survivors see the same luck: given it they are independent, so that
    the others' mean remains a baseline without bias.
    """

    def choose(number: int, merits: Array, stay: int, key: Key) -> tuple[Array, Drawn]:
        perturbed = sampling.perturb(jax.random.fold_in(key, number), merits)
        order = sampling.largest(perturbed, stay)
        if route.estimator == "score_function":
            mask = sampling.hard_mask(merits.size, order)
        else:
            mask = sampling.straight_through_mask(perturbed, stay, route.temperature)
        return order, Drawn(sampling.log_probability(merits, order), mask)

    def one(key: Key) -> tuple[Array, Array]:
        drawing = functools.partial(choose, key=key)
        return episode(operator, candidates, lucks, drawing)

    losses, chances = jax.vmap(one)(jax.random.split(key, route.samples))
    best = jnp.max(features.standardised(candidates.value))
    measured = jnp.stack([jnp.mean(losses), best + jnp.mean(losses)])
    if route.estimator == "score_function":
        return sampling.score_function(losses, chances), measured
    return jnp.mean(losses), measured


def episode(
    operator: Operator, candidates: Candidates, lucks: list[Evidence], choose: Choose
) -> tuple[Array, Array]:
    """``()`` loss of one halving, and the log chance of its draws.

    ``-sum_i m_i exp(a_i) z_i / sum_i m_i exp(a_i)`` with a the last logits and m the
    product of the masks of the rounds that i competed in.
    """
    judge = trained(operator)
    merits, entrants, draws = play(candidates, lucks, judge, features.start(), choose)
    there, chance = jnp.ones_like(merits), jnp.zeros(())
    for competing, drawn in draws:
        there = there.at[competing].set(there[competing] * drawn.mask)
        chance = chance + drawn.chance
    alive = jnp.zeros(merits.shape, bool).at[entrants].set(True)
    above = merits - jnp.max(merits[entrants])
    # Who was dropped has weight 0, but where masks have a gradient it has exp(a_i); it
    # was judged by less evidence, so it counts for no more than the best of the others.
    chances = there * jnp.exp(jnp.where(alive, above, jnp.minimum(above, 0)))
    z = features.standardised(candidates.value)
    return -jnp.sum(chances * z) / jnp.sum(chances), chance


def trained(operator: Operator) -> Judge:
    """Judge by an operator's logits; the memory is a trail."""

    def judge(evidence: Evidence, trail: Any) -> tuple[Array, Any]:
        fitness, known = halving.statistics(evidence)
        seen, trail = features.observe(fitness, known, trail)
        return logits(operator, seen, features.ranks(fitness))[:, 0], trail

    return judge
