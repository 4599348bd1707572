"""What is compared with what, and how far evolife should be ahead."""

import dataclasses

from speed.contender import Contender, evolife, evosax, inference
from speed.settings import Size

_EVERY_STEP = "env.trials=null"
_DENSE = ("strategy={name: Open_ES}", "selection={name: native}")


@dataclasses.dataclass(frozen=True)
class Row:
    """One ratio of speeds: ``ours`` over ``theirs``."""

    name: str
    session: str
    """Rows of one session share their contenders and their rounds."""
    work: str
    ours: Contender
    theirs: Contender
    reach: float | None
    """The ratio to reach; None for what is shown for information."""
    note: str = ""


def rows(size: Size) -> list[Row]:
    """All ratios, in the order of the table."""
    return [
        *_cartpole(size, (64, 64), 15.0),
        *_cartpole_64_only(size),
        *_cartpole(size, (128, 128), 20.0),
        *_recurrent(size),
        _hebbian(size),
        *_slow_peers(size),
        _evojax(size),
    ]


def _ours(size: Size, hidden: tuple[int, ...], ranks: int = 2) -> Contender:
    units = f"agent.hidden={list(hidden)}"
    cores = "2 ranks" if ranks == 2 else "1 rank, 1 core"
    name = f"evolife low_rank {'-'.join(map(str, hidden))}, {cores}"
    return evolife(name, "cartpole", size, units, _EVERY_STEP, ranks=ranks)


def _cartpole(size: Size, hidden: tuple[int, ...], reach: float) -> list[Row]:
    units = "-".join(map(str, hidden))
    session = f"cartpole-{units}"
    work = f"CartPole, MLP-{units}, low_rank, 2 ranks"
    ours, tuned = _ours(size, hidden), evosax(f"evosax {units}", size, hidden, True)
    example = evosax(f"evosax {units}, as its example", size, hidden, False)
    training = evolife(
        f"evolife low_rank {units}, first 30 generations",
        *("cartpole", size, f"agent.hidden={list(hidden)}"),
        ranks=2,
        restart=30,
    )
    same = "evosax GymnaxProblem + Open_ES doing the same work: largest output taken, "
    return [
        Row(
            *(session, session, f"{work}; every life to its last step"),
            *(ours, tuned, reach),
            same + "observations as they are",
        ),
        Row(
            *(f"{session}-example", session, f"{work}; every life to its last step"),
            *(ours, example, None),
            "evosax as its example: actions sampled, observations normalised",
        ),
        Row(
            *(f"{session}-training", session, f"{work}; first 30 generations"),
            *(training, tuned, reach),
            "lives that are over stop costing in evolife; nominal steps are counted",
        ),
    ]


def _cartpole_64_only(size: Size) -> list[Row]:
    hidden = (64, 64)
    session, ours = "cartpole-64-64", _ours(size, hidden)
    tuned = evosax("evosax 64-64", size, hidden, True)
    units = f"agent.hidden={list(hidden)}"
    dense = evolife(
        "evolife Open_ES (dense) 64-64, 2 ranks",
        *("cartpole", size, units, _EVERY_STEP, *_DENSE),
        ranks=2,
    )
    settings = {"hidden": hidden, **dataclasses.asdict(size)}
    by_hand = Contender("NumPy + mpi4py, vectorised, 2 ranks", "numpy_es", settings, 2)
    return [
        Row(
            *("dense", session, "the same with evosax's Open_ES inside evolife"),
            *(dense, tuned, 3.0),
            "dense perturbations on both sides",
        ),
        Row(
            *("ranks", session, "two ranks against one, one core each"),
            *(ours, _ours(size, hidden, 1), 1.9),
        ),
        Row(
            *("numpy", session, "CartPole, MLP-64-64, against NumPy by hand"),
            *(ours, by_hand, None),
            "vectorised over the members of a rank, gradients summed by Allreduce",
        ),
    ]


def _recurrent(size: Size) -> list[Row]:
    settings = {
        "oven": (size.longer(2), ("env.delay=100", "lifetime.lives=1")),
        "bandit": (size, ("lifetime.lives=1", "lifetime.same_lives=false")),
    }
    found = []
    for config, (lengths, overrides) in settings.items():
        given = ("agent.hidden=64", "selection={name: centered_rank}", *overrides)
        found.append(
            Row(
                *(f"gru-{config}", f"gru-{config}", f"GRU-64 on {config}, low_rank"),
                evolife(f"evolife GRU-64 {config}", config, lengths, *given),
                inference(f"inference GRU-64 {config}", config, lengths, *given),
                0.85,
                "batched inference of one shared genome in the same environment, at "
                "its best batch; one core each",
            )
        )
    return found


def _hebbian(size: Size) -> Row:
    short = Size(size.population, max(1, size.steps // 5))
    given = (_EVERY_STEP, "agent={name: hebbian, hidden: [64, 64]}")
    tiled = evolife("evolife Hebbian-64, tile auto", "cartpole", short, *given)
    whole = evolife(
        "evolife Hebbian-64, one vmap",
        *("cartpole", short, *given, f"population.tile={size.population}"),
    )
    return Row(
        *("hebbian", "hebbian", "Hebbian agent, H = 64, against one vmap over all"),
        *(tiled, whole, 2.5),
        f"T = {short.steps}; one core each",
    )


def _slow_peers(size: Size) -> list[Row]:
    ours = _ours(size, (64, 64))
    settings = {"hidden": (64, 64), "population": 64, "steps": size.steps}
    loop = Contender("gymnasium loop + mpi4py, 2 ranks", "gym_loop", settings, 2)
    evotorch = Contender(
        "EvoTorch GymNE, 2 Ray actors",
        "peer_evotorch",
        {**settings, "population": 256, "actors": 2},
        peer="evotorch",
    )
    note = "only steps really taken are counted: its episodes end when the pole falls"
    return [
        Row(
            *("loop", "slow", "CartPole, MLP-64-64, against a Python loop"),
            *(ours, loop, None, note),
        ),
        Row(
            *("evotorch", "slow", "CartPole, MLP-64-64, against EvoTorch"),
            *(ours, evotorch, None, note),
        ),
    ]


def _evojax(size: Size) -> Row:
    long = size.longer(2)
    settings = {"hidden": (64, 64), "population": size.population, "steps": long.steps}
    peer = Contender(
        "EvoJAX PGPE, CartPoleSwingUp 64-64", "peer_evojax", settings, peer="evojax"
    )
    ours = dataclasses.replace(
        _ours(long, (64, 64)), name=f"evolife low_rank 64-64, T = {long.steps}"
    )
    return Row(
        *("evojax", "evojax", f"MLP-64-64, T = {long.steps}, against EvoJAX"),
        *(ours, peer, None),
        "each on its own cart pole: dynamics differ, sizes do not",
    )
