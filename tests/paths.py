"""Where the repository is, and what tests read of it."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
DATA = ROOT / "tests" / "data"
NETWORKS = DATA / "networks"
"""A folder of plug-ins."""
