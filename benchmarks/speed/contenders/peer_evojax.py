"""EvoJAX: PGPE and its SimManager on its own CartPoleSwingUp."""

import jax
from evojax.algo import PGPE
from evojax.policy import MLPPolicy
from evojax.sim_mgr import SimManager
from evojax.task.cartpole import CartPoleSwingUp
from protocol import Team, options, serve


def main() -> None:
    """Serve rounds until the harness hangs up."""
    settings, team = options(), Team()
    size, steps = settings["population"], settings["steps"]
    task = CartPoleSwingUp(max_steps=steps)
    policy = MLPPolicy(
        input_dim=task.obs_shape[0],
        hidden_dims=settings["hidden"],
        output_dim=task.act_shape[0],
    )
    solver = PGPE(pop_size=size, param_size=policy.num_params, optimizer="adam")
    manager = SimManager(
        n_repeats=1,
        test_n_repeats=1,
        pop_size=size,
        n_evaluations=1,
        policy_net=policy,
        train_vec_task=task,
        valid_vec_task=task,
    )

    def run(count: int) -> int:
        for _ in range(count):
            scores, _ = manager.eval_params(params=solver.ask(), test=False)
            solver.tell(fitness=scores)
        jax.block_until_ready(solver.best_params)
        return count * size * steps

    info = {"version": "0.2.17", "backend": jax.default_backend()}
    serve(run, team, settings["seconds"], lambda: info)


if __name__ == "__main__":
    main()
