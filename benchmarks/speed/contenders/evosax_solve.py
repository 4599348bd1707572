"""evosax on CartPole until its mean balances the pole on fresh episodes."""

import itertools

import jax
from peer_evosax import problem_of, strategy_of
from protocol import Team, options


def main() -> None:
    """Answer with the generation whose mean passes."""
    settings, team = options(), Team()
    es, generation, carry = strategy_of(settings, problem_of(settings, 1))
    fresh = problem_of(settings, settings["episodes"])
    lived, tested = jax.random.split(jax.random.key(settings["seed"]))
    for number in itertools.count(1):
        carry = generation(carry, jax.random.fold_in(lived, number))
        state, problem_state = carry
        mean = jax.tree.map(lambda leaf: leaf[None], es.get_mean(state))
        key = jax.random.fold_in(tested, number)
        score = float(fresh.eval(key, mean, problem_state)[0][0])
        if score >= settings["solved"]:
            team.answer(generation=number, score=score)
            return


if __name__ == "__main__":
    main()
