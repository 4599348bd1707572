"""Once a config has been built into objects, few modules still read it.

Counted by asking, at every read of one of its settings in a whole run, which module
reads.
"""

import sys

import evolife
from evolife.config import model, recording
from evolife.plugins.build import build_run
from evolife.run import readiness

SECTIONS = (
    *(model.RunConfig, model.Lifetime, model.Population, model.BestOfK, model.Choice),
    *(recording.Record, recording.Checkpoint, recording.Nonfinite),
)
SMALL = (
    *("generations=2", "population={size: 16, tile: 16}", "lifetime.lives=1"),
    *("best_of_k={keep: 1, lives: 4, archive: 4}", "control=null"),
)


def test_a_built_config_is_read_in_six_modules_and_never_by_the_engine(
    tmp_path, monkeypatch
):
    readers, built = set(), []

    def build(config):
        found = build_run(config)
        built.append(found)
        return found

    def watched(plain):
        def read(self, name):
            if built and name in type(self).model_fields:
                readers.add(sys._getframe(1).f_globals["__name__"])
            return plain(self, name)

        return read

    monkeypatch.setattr(readiness, "build_run", build)
    for section in SECTIONS:
        plain = section.__getattribute__
        monkeypatch.setattr(section, "__getattribute__", watched(plain))
    evolife.train("bandit", *SMALL, out=tmp_path / "run", ranks=1)
    readers = {name for name in readers if name.startswith("evolife.")}
    assert "evolife.run.train" in readers, "reads are not noticed"
    assert len(readers) <= 6
    assert all(name.startswith("evolife.run.") for name in readers)
