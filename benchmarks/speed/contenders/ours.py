"""evolife: whole generations of a config, as ``evolife train`` runs them."""

from typing import Any

from protocol import Team, options, serve

from evolife.processes.prepare import enable_compile_cache, prepare_process


class Traffic:
    """Counts the bytes that this rank hands to the collectives of a generation."""

    def __init__(self, ranks: Any) -> None:
        self.bytes = 0
        exchange, sum_exact, broadcast = (
            *(ranks.exchange, ranks.sum_exact),
            ranks.broadcast_bytes,
        )

        def counted_exchange(rows: Any, units: int, note: bytes = b"") -> Any:
            self.bytes += rows.nbytes + len(note)
            return exchange(rows, units, note)

        def counted_sum(array: Any) -> Any:
            self.bytes += array.nbytes
            return sum_exact(array)

        def counted_broadcast(payload: bytes | None) -> bytes:
            self.bytes += len(payload or b"")
            return broadcast(payload)

        ranks.exchange = counted_exchange
        ranks.sum_exact = counted_sum
        ranks.broadcast_bytes = counted_broadcast


class Evolution:
    """Generations on demand, compiled once; counts what they send."""

    def __init__(self, settings: dict[str, Any], ranks: Any) -> None:
        from evolife.config.model import load_config
        from evolife.plugins.build import build_run

        overrides = [*settings["overrides"], "control=null", "generations=1000000"]
        config = load_config(settings["config"], overrides)
        self.experiment, self.ranks = build_run(config).experiment, ranks
        self._ahead: Any = None
        self._watch(self.experiment.evaluator)
        self.restart = settings.get("restart", 0)
        self.traffic, self.generations = Traffic(ranks), 0
        self.steps = self.from_the_start()

    def from_the_start(self) -> Any:
        """The generator of generations."""
        from evolife.engine.evolution import begin, evolve

        start = begin(self.experiment)
        return evolve(self.experiment, start, 0, self.ranks, print)

    def _watch(self, evaluator: Any) -> None:
        """Remember what a generation leaves under way for the next."""
        begin = evaluator.begin_share

        def begin_share(*given: Any) -> Any:
            self._ahead = begin(*given)
            return self._ahead

        # Evaluators are frozen; this one is watched all the same.
        vars(evaluator)["begin_share"] = begin_share

    def run(self, count: int) -> int:
        """Live ``count`` generations, or ``count`` times the first ``restart``."""
        import jax

        number = count * (self.restart or 1)
        for i in range(number):
            if self.restart and i % self.restart == 0:
                self.steps = self.from_the_start()
            next(self.steps)
        # What is begun early belongs to this turn, not to the pause or another's turn.
        jax.block_until_ready(self._ahead)
        self.generations += number
        return number * self.experiment.settings.steps_per_generation

    def info(self) -> dict[str, Any]:
        """What the table says of this contender."""
        import jax

        settings = self.experiment.settings
        sent = self.traffic.bytes * self.ranks.size
        return {
            "tile": settings.tile,
            "backend": jax.default_backend(),
            "bytes_per_member": sent / max(self.generations, 1) / settings.population,
        }


def joined(settings: dict[str, Any]) -> tuple[Any, Team]:
    """Join the world of ranks and the harness."""
    prepare_process()
    from evolife.ranks.mpi import open_ranks

    ranks = open_ranks(settings.get("ranks", 1))
    enable_compile_cache(ranks.leads)
    return ranks, Team(ranks.rank, settings.get("pipes", ()))


def main() -> None:
    """Serve rounds until the harness hangs up."""
    settings = options()
    ranks, team = joined(settings)
    evolution = Evolution(settings, ranks)
    from evolife.run.journal import CompileClock

    # Evolution compiles a little when it begins, which a run does once, and a benchmark
    # of the first generations at every round.
    compiling = CompileClock().read
    serve(evolution.run, team, settings["seconds"], evolution.info, compiling)
    ranks.close()


if __name__ == "__main__":
    main()
