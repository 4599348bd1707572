"""evosax: Open_ES on its GymnaxProblem, ask, eval and tell in one jitted function."""

import importlib.metadata
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from evosax.algorithms import Open_ES
from evosax.problems import GymnaxProblem
from evosax.problems.networks import MLP, categorical_output_fn
from protocol import Team, options, serve


def largest(logits: jax.Array, key: jax.Array | None = None) -> jax.Array:
    """The action with the largest output, as evolife's agent takes it."""
    return logits.argmax(axis=-1)


def problem_of(settings: dict[str, Any], rollouts: int) -> GymnaxProblem:
    """CartPole with an MLP.

    As in evosax's example (sampled actions, normalised observations), or ``lean``: the
    largest output taken and observations as they are, which is less work.
    """
    lean = settings["lean"]
    policy = MLP(
        layer_sizes=(*settings["hidden"], 2),
        activation=jnp.tanh,
        output_fn=largest if lean else categorical_output_fn,
    )
    return GymnaxProblem(
        env_name="CartPole-v1",
        policy=policy,
        episode_length=settings["steps"],
        num_rollouts=rollouts,
        use_normalize_obs=not lean,
    )


def strategy_of(
    settings: dict[str, Any], problem: GymnaxProblem
) -> tuple[Open_ES, Callable[..., Any], Any]:
    """Open_ES, one generation as a jitted function, and where it starts."""
    key = jax.random.key(settings.get("seed", 0))
    solution = problem.sample(key)
    es = Open_ES(
        population_size=settings["population"],
        solution=solution,
        optimizer=optax.adam(0.05),
        std_schedule=optax.constant_schedule(0.1),
    )
    params = es.default_params

    @jax.jit
    def generation(carry: Any, key: jax.Array) -> Any:
        state, problem_state = carry
        asked, lived, told = jax.random.split(key, 3)
        population, state = es.ask(asked, state, params)
        fitness, problem_state, _ = problem.eval(lived, population, problem_state)
        state, _ = es.tell(told, population, -fitness, state, params)
        return state, problem_state

    start = es.init(key, solution, params), problem.init(key)
    return es, generation, start


def main() -> None:
    """Serve rounds until the harness hangs up."""
    settings, team = options(), Team()
    _, generation, carry = strategy_of(settings, problem_of(settings, 1))
    number = 0

    def run(count: int) -> int:
        nonlocal carry, number
        for _ in range(count):
            carry = generation(carry, jax.random.key(number))
            number += 1
        jax.block_until_ready(carry)
        return count * settings["population"] * settings["steps"]

    info = {
        "version": importlib.metadata.version("evosax"),
        "backend": jax.default_backend(),
    }
    serve(run, team, settings["seconds"], lambda: info)


if __name__ == "__main__":
    main()
