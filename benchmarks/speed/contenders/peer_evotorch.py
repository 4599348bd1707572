"""EvoTorch: PGPE on GymNE, episodes shared among Ray actors."""

import itertools
import logging
from typing import Any

import evotorch
import torch
from evotorch.algorithms import PGPE
from evotorch.neuroevolution import GymNE
from protocol import Team, options, serve


def searcher_of(settings: dict[str, Any]) -> PGPE:
    """PGPE over a tanh MLP that plays one episode of CartPole a member."""
    logging.getLogger("evotorch").setLevel(logging.WARNING)
    # A seed for the problem itself ends its actors with an AttributeError in 0.6.1.
    torch.manual_seed(settings.get("seed", 0))
    sizes = settings["hidden"]
    layers = [f"Linear(obs_length, {sizes[0]})", "Tanh()"]
    for before, after in itertools.pairwise(sizes):
        layers += [f"Linear({before}, {after})", "Tanh()"]
    layers.append(f"Linear({sizes[-1]}, act_length)")
    problem = GymNE(
        "CartPole-v1",
        " >> ".join(layers),
        num_actors=settings["actors"],
    )
    return PGPE(
        problem,
        popsize=settings["population"],
        center_learning_rate=0.05,
        stdev_learning_rate=0.1,
        stdev_init=0.1,
        optimizer="adam",
    )


def interactions(searcher: PGPE) -> int:
    """Environment steps taken so far; GymNE ends an episode when the pole falls."""
    return int(searcher.status["total_interaction_count"])


def main() -> None:
    """Serve rounds until the harness hangs up."""
    settings, team = options(), Team()
    searcher = searcher_of(settings)

    def run(count: int) -> int:
        before = interactions(searcher) if searcher.step_count else 0
        for _ in range(count):
            searcher.step()
        return interactions(searcher) - before

    serve(run, team, settings["seconds"], lambda: {"version": evotorch.__version__})


if __name__ == "__main__":
    main()
