"""A config that is written out loads again as itself."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolife.config.layers import Layer
from evolife.config.located import config_digest
from evolife.config.model import RunConfig, load_config

finite = st.recursive(
    st.booleans()
    | st.integers(-99, 99)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("aé 1:e-'\"#\n", max_size=6),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


choices = st.builds(
    lambda name, settings: {"name": name} | settings,
    st.sampled_from(["on", "1e3", "gru"]),
    st.dictionaries(st.sampled_from(["hidden", "rate", "yes"]), finite),
)


configs = st.fixed_dictionaries(
    {
        "name": st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,8}\Z"),
        "seed": st.integers(0, 2**32 - 1),
        "env": choices,
        "agent": choices,
        "lifetime": st.fixed_dictionaries({"steps": st.integers(1, 10**9)}),
        "population": st.fixed_dictionaries({"size": st.integers(1, 2**24)}),
        "generations": st.integers(1, 10**6),
        "claim": st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    },
    optional={
        "strategy": choices,
        "control": st.fixed_dictionaries({"agent": choices}),
    },
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(data=configs)
def test_a_config_loads_from_what_it_writes(
    tmp_path_factory: pytest.TempPathFactory, data: dict[str, Any]
) -> None:
    config = RunConfig.parsed(Layer(data))
    path = tmp_path_factory.mktemp("config") / "config.yaml"
    path.write_text(config.to_yaml(), encoding="utf-8")
    again = load_config(str(path))
    assert again == config
    assert again.to_yaml() == config.to_yaml()
    assert config_digest(again) == config_digest(config)
