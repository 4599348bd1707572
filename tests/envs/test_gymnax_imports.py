"""A run in gymnax does not load the libraries that gymnax draws with."""

import json
import sys

from tests.cli_tools import run

SCRIPT = """
import json, sys
import evolife.envs.gymnax
heavy = ("pandas", "scipy.stats", "seaborn", "matplotlib.pyplot")
loaded = [name for name in heavy if name in sys.modules]
from gymnax.environments.misc import pong
colours = len(pong.sns.color_palette("deep", 3))
import matplotlib.pyplot
import seaborn.palettes
same = pong.plt.subplots is matplotlib.pyplot.subplots
print(json.dumps([loaded, colours, same, type(seaborn).__name__]))
"""


def test_drawing_libraries_are_loaded_when_they_are_used():
    """By gymnax itself, too; to all others they are the modules that they were."""
    told = run(command=[sys.executable, "-c", SCRIPT], extra={"MPLBACKEND": "agg"})
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout) == [[], 3, True, "module"]
