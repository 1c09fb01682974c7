"""The single simulated robot is the same machine as one world of the vector environment."""

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from robot_mbrl.contract import load_robot
from robot_mbrl.contract.errors import SettingsError
from sim import make_env, make_vec_env
from tests.support.engines import each_engine
from tests.support.robots import furuta_toml, quiet, write_robot


@each_engine
@pytest.mark.parametrize("name", ["furuta", "simple_pendulum", "cart_pole"])
def test_gymnasium_checks_pass(name: str, backend: str) -> None:
    env = make_env(name, backend=backend)
    with warnings.catch_warnings():  # it advises on speed and on rendering
        warnings.simplefilter("ignore")
        check_env(env, skip_render_check=True)
    env.close()


@each_engine
def test_same_seed_same_trajectory(backend: str) -> None:
    runs = []
    for seed in (3, 3, 4):
        env = make_env("furuta", backend=backend)
        obs, _ = env.reset(seed=seed)
        rng = np.random.default_rng(0)
        runs.append([obs] + [env.step(rng.uniform(-0.3, 0.3, 1))[0] for _ in range(20)])
    np.testing.assert_array_equal(runs[0], runs[1])
    assert (np.array(runs[0]) != np.array(runs[2])).any()


@each_engine
def test_moves_as_one_world_of_the_vector_environment(backend: str, tmp_path: Path) -> None:
    """Driven by what the supervisor really applied, whose ramp is its own."""
    toml = furuta_toml()
    randomization = toml["randomization"]
    quiet(toml)["randomization"] = {"sensors": randomization["sensors"]}
    toml["actuator"][0]["latency_ms"] = 12.0
    spec = load_robot(write_robot(tmp_path, toml))
    single = make_env(spec, randomize=False, backend=backend)
    many = make_vec_env(spec, 1, randomize=False, backend=backend)
    obs, _ = single.reset(seed=0)
    np.testing.assert_array_equal(obs, many.reset(seed=0)[0][0])
    rng = np.random.default_rng(0)
    for _ in range(40):
        obs, reward, terminated, truncated, info = single.step(rng.uniform(-0.5, 0.5, 1))
        expected, expected_reward, *_ = many.step(info["applied"][None])
        np.testing.assert_array_equal(obs, expected[0])
        assert reward == pytest.approx(expected_reward[0], rel=1e-12)
        assert not terminated
        assert not truncated


def test_seed_of_make_env_is_that_of_the_first_reset() -> None:
    first, second, other = (make_env("furuta", seed=seed) for seed in (5, 5, 6))
    obs, _ = first.reset()
    np.testing.assert_array_equal(second.reset(seed=5)[0], obs)
    assert (other.reset()[0] != obs).any()
    assert (first.reset()[0] != obs).any(), "it goes on with the same generator"


def test_time_limit_truncates() -> None:
    env = make_env("furuta", randomize=False, episode_s=0.1)
    env.reset(seed=0)
    assert [env.step(np.zeros(1))[3] for _ in range(5)] == [False] * 4 + [True]


def test_an_unknown_backend_is_refused() -> None:
    for make in (make_env, lambda *a, **k: make_vec_env(a[0], 2, **k)):
        with pytest.raises(
            SettingsError, match=r"'havok' is unknown; expected .*'mujoco', 'pybullet'"
        ):
            make("furuta", backend="havok")


def test_a_missing_pybullet_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pybullet", None)
    for make in (make_env, lambda *a, **k: make_vec_env(a[0], 2, **k)):
        with pytest.raises(SettingsError, match=r"pip install '\.\[bullet\]'"):
            make("furuta", backend="pybullet")
