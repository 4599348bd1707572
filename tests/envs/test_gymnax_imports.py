"""A run in gymnax does not load the libraries that gymnax draws with."""

import json
import sys

from tests.cli_tools import run

SCRIPT = """
import json, sys
import evolife.envs.gymnax
loaded = [name for name in ("pandas", "scipy.stats") if name in sys.modules]
import matplotlib.pyplot as plt
import seaborn
figure, axes = plt.subplots()
shown = type(figure).__name__, len(seaborn.color_palette("deep", 3))
print(json.dumps([loaded, *shown]))
"""


def test_drawing_libraries_are_loaded_when_they_are_used():
    told = run(command=[sys.executable, "-c", SCRIPT], extra={"MPLBACKEND": "agg"})
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout) == [[], "Figure", 3]
