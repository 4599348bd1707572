"""The JSON Schema: current, and as strict as the config itself."""

import json
from pathlib import Path

import jsonschema
import yaml

import evolife
from evolife.config.bundled import bundled_configs
from evolife.plugins import schema


def test_the_committed_schema_is_current() -> None:
    committed = Path(evolife.__file__).parent / "launch" / "schema.json"
    assert json.loads(committed.read_text()) == schema.json_schema(), (
        "regenerate with: evolife schema > launch/schema.json"
    )


def test_the_schema_accepts_bundled_configs_and_refuses_mistakes() -> None:
    validator = jsonschema.Draft202012Validator(schema.json_schema())
    validator.check_schema(validator.schema)
    for path in bundled_configs().values():
        data = yaml.safe_load(path.read_text())
        assert not list(validator.iter_errors(data)), path
        for key, bad in (
            ("agent", {"name": "gru", "hiden": 3}),
            ("agent", {"name": "gru", "hidden": 0}),
            ("env", {"name": "bandt"}),
            ("strategy", {"name": "low_rank", "sigma": -1}),
            ("strategy", {"name": "CMAES"}),
            ("selection", {"name": "rnak"}),
            ("seed", -1),
            ("sed", 1),
        ):
            assert list(validator.iter_errors(data | {key: bad})), (path, key, bad)
