"""evolife: evolve agents that learn during their own lifetime."""

__version__ = "0.1.0"
