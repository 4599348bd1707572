"""Settings of evosax's algorithms that follow the run where a config says nothing."""

from collections.abc import Mapping
from typing import Any

from evolife.errors import InvalidInput


def following(
    settings: Mapping[str, Any], population_size: int, generations: int | None
) -> dict[str, Any]:
    """``settings`` with what the run says in the place of None.

    ``num_groups`` follows the population, ``num_generations`` the run's generations;
    where there is no run, evosax's own number stands.

    Raises:
        InvalidInput: for fewer ``num_generations`` than the run has.
    """
    found = dict(settings)
    if "num_groups" in found and found["num_groups"] is None:
        found["num_groups"] = groups_of(population_size - 1)
    given = found.get("num_generations")
    if "num_generations" in found and given is None:
        del found["num_generations"]
        if generations is not None:
            found["num_generations"] = generations
    if generations and isinstance(given, int) and given < generations:
        raise InvalidInput(
            f"strategy.num_generations = {given}: the schedule of noise would end "
            f"there and the population stand still, but the run has {generations} "
            "generations; omit it, or give at least as many"
        )
    return found


def groups_of(members: int) -> int:
    """As many groups as each has members, or nearly so; more than one if possible."""
    divisors = [d for d in range(2, members + 1) if members % d == 0] or [1]
    return min(divisors, key=lambda d: (max(d, members // d), d))
