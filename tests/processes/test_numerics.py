"""The same numbers in whoever's process, and right ones at sizes where XLA erred."""

import os
import subprocess
import sys

import jax
import numpy as np
import pytest

import evolife
from evolife.errors import InvalidInput
from evolife.processes import numerics
from evolife.processes.numerics import check_device, exact_flags

AROUND = 2**15
SIZES = (AROUND, AROUND + 1, AROUND + 771)
STRICT = ("jax_enable_x64", "jax_numpy_rank_promotion", "jax_numpy_dtype_promotion")


@pytest.fixture
def foreign():
    """The settings of a user whose own work wants the opposite of ours."""
    with (
        jax.enable_x64(True),
        jax.numpy_rank_promotion("raise"),
        jax.numpy_dtype_promotion("strict"),
    ):
        yield tuple(getattr(jax.config, name) for name in STRICT)


def test_a_run_has_the_same_bits_under_foreign_settings(tmp_path, request):
    config = {
        "name": "small",
        "env": {"name": "bandit", "arms": 3, "pulls": 3},
        "agent": {"name": "reflex", "hidden": [2]},
        "lifetime": {"steps": 3},
        "population": {"size": 4, "tile": 4},
        "generations": 1,
        "best_of_k": {"keep": 1, "lives": 2, "archive": 1},
    }
    usual = evolife.train(config, out=tmp_path / "usual")
    before = request.getfixturevalue("foreign")
    run = evolife.train(config, out=tmp_path / "foreign")
    assert run.metrics["digest"].tolist() == usual.metrics["digest"].tolist()
    action = run.champions[0].start().act(np.ones(1), 1.0, True)
    assert action.dtype == np.int32 and 0 <= action < 3
    assert evolife.describe("bandit")["questions"]
    assert tuple(getattr(jax.config, name) for name in STRICT) == before


def test_a_process_of_our_own_starts_with_our_settings():
    env = {"JAX_ENABLE_X64": "1", "OTHER": "1"}
    numerics.use_own_settings(env)
    assert env["JAX_ENABLE_X64"] == "0" and env["OTHER"] == "1"
    code = (
        "from evolife.cli import main; main(['list', 'envs']); import jax; "
        "print(jax.numpy.arange(2.0).dtype)"
    )
    env = {**os.environ, "JAX_ENABLE_X64": "1", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "float32", done.stderr


def test_a_device_that_is_not_here_is_refused_in_one_line(monkeypatch):
    def none_here():
        raise RuntimeError("Unable to initialize backend 'x': none (set JAX_PLATFORMS")

    check_device()
    monkeypatch.setattr(jax, "devices", none_here)
    with pytest.raises(InvalidInput, match="JAX finds no such device here") as caught:
        check_device()
    said = str(caught.value)
    assert "\n" not in said and "set JAX_PLATFORMS=cpu" in said


@pytest.mark.parametrize("command", ["plan", "describe"])
def test_a_command_and_the_doctor_say_that_a_device_is_not_here(command):
    env = {**os.environ, "JAX_PLATFORMS": "nosuch"}
    words = [sys.executable, "-m", "evolife", command, "bandit"]
    done = subprocess.run(words, env=env, capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == ""
    assert "JAX_PLATFORMS=nosuch: JAX finds no such device" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert [line for line in numerics.advice(env) if line in done.stderr]


def test_the_flag_is_set_where_it_is_needed_and_the_users_own_stays(monkeypatch):
    flag = numerics.FAULTY["0.10.2"]
    monkeypatch.setattr(numerics, "jaxlib_version", lambda: "0.10.2")
    assert exact_flags("") == f"--{flag}="
    assert exact_flags("--a=b  --c") == f"--a=b --c --{flag}="
    assert exact_flags(exact_flags("")) == exact_flags("")
    assert exact_flags(f"--{flag}=2") == f"--{flag}=2"
    assert f"--{flag}= is set by evolife" in numerics.advice({})[0]
    told = numerics.advice({"XLA_FLAGS": f"--{flag}=2", "JAX_ENABLE_X64": "1"})
    assert "your XLA_FLAGS should have" in told[0] and "JAX_ENABLE_X64=1" in told[1]
    monkeypatch.setattr(numerics, "jaxlib_version", lambda: "0.11.2")
    assert exact_flags("--a=b") == "--a=b" and numerics.advice({}) == []


def test_this_process_computes_the_program_right_that_a_jaxlib_got_wrong(monkeypatch):
    assert numerics._exact()
    monkeypatch.setattr(numerics, "jaxlib_version", lambda: "0.10.2")
    numerics.warn_of_late_flags()
    monkeypatch.setattr(numerics, "_exact", lambda: False)
    with pytest.warns(UserWarning, match="XLA_FLAGS=.--xla_cpu_experimental"):
        numerics.warn_of_late_flags()


@pytest.mark.parametrize("inner, outer", [(3, 3), (3, 2), (4, 1), (7, 5)])
def test_sums_of_products_are_right_around_32768_rows(inner, outer):
    rng = np.random.default_rng(inner)
    matrix = rng.normal(size=(outer, inner)).astype(np.float32)
    rows = rng.normal(size=(SIZES[-1], inner)).astype(np.float32)
    wanted = ((rows.astype(np.float64) @ matrix.T) ** 2).sum(axis=1)
    squares = jax.jit(jax.vmap(lambda row: ((matrix @ row) ** 2).sum()))
    for size in SIZES:
        np.testing.assert_allclose(squares(rows[:size]), wanted[:size], 1e-4, 1e-5)
