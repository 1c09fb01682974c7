"""Physics that blew up is told, and leaves no file behind."""

import logging
from pathlib import Path

import numpy as np
import pytest

from robot_mbrl.contract import load_robot
from robot_mbrl.contract.description.reality import nominal_reality
from robot_mbrl.contract.errors import SimulationError
from sim import make_env, make_vec_env
from sim.envs.cartpole import CartPoleSwingUpEnv
from sim.open_loop import simulate_increments
from sim.plant import make_plant
from tests.support.engines import each_engine, start

BAD = pytest.mark.parametrize("speed", [1e12, np.nan, np.inf, -1e300])


@each_engine
@BAD
def test_worlds_tell_which_blew_up(backend: str, speed: float) -> None:
    """And only those; the others are not disturbed, a reset mends it."""
    spec = load_robot("furuta")
    worlds, calm = (start(spec, backend, 3) for _ in range(2))
    rng, everyone, action = np.random.default_rng(0), np.arange(3), np.full((3, 1), 0.5)
    q, v = worlds.true_state()
    v[1, 1] = speed
    worlds.set_true_state(q, v, everyone)
    for _ in range(3):
        worlds.step(action, rng=rng)
        calm.step(action, rng=rng)
    assert worlds.unstable().tolist() == [False, True, False]
    assert not calm.unstable().any()
    for mine, theirs in zip(worlds.true_state(), calm.true_state(), strict=True):
        np.testing.assert_array_equal(mine[[0, 2]], theirs[[0, 2]])
        assert np.isfinite(mine).all()
    worlds.reset({path: np.full(1, x) for path, x in spec.nominal.items()}, np.array([1]))
    worlds.step(action, rng=rng)
    assert not worlds.unstable().any()
    worlds.close()
    calm.close()


@each_engine
def test_the_vector_environment_truncates_them(
    backend: str, caplog: pytest.LogCaptureFixture
) -> None:
    env = make_vec_env("furuta", 3, backend=backend, threads=1, randomize=False)
    speeds = {"initial.pendulum.velocity_rad_s": np.array([0.0, 1e12, 0.0])}
    start_obs, info = env.reset(seed=0, options={"parameters": speeds})
    assert not info["unstable"].any()
    with caplog.at_level(logging.WARNING):
        obs, reward, terminated, truncated, info = env.step(np.full((3, 1), 0.1))
    assert truncated.tolist() == info["unstable"].tolist() == [False, True, False]
    assert not terminated.any() and reward[1] == 0 and np.isfinite(reward).all()
    assert np.isfinite(info["final_obs"]).all()
    assert info["_final_obs"].tolist() == [False, True, False]
    assert np.abs(obs[1] - start_obs[1]).max() < 0.01  # a new episode, but for noise
    assert "1 of 3 simulated worlds blew up" in caplog.text
    *_, truncated, info = env.step(np.full((3, 1), 0.1))
    assert not truncated.any() and not info["unstable"].any()
    env.close()


@each_engine
def test_the_single_environment_truncates_and_says_why(backend: str) -> None:
    env = make_env("furuta", backend=backend, randomize=False)
    env.reset(seed=0)
    worlds = env.safe._robot.worlds  # type: ignore[attr-defined]
    worlds.set_true_state(np.zeros((1, 2)), np.full((1, 2), 1e15), np.array([0]))
    obs, reward, terminated, truncated, info = env.step(np.zeros(1))
    assert truncated and not terminated and reward == 0 and np.isfinite(obs).all()
    assert info["stop_reason"] == "non_finite" and not info["fresh"]
    assert "physics blew up by 0.0" in info["message"] and "physics_rate_hz" in info["message"]
    env.reset()
    assert not env.step(np.zeros(1))[3]
    env.close()


def test_the_cart_pole_of_the_literature_does_so_too() -> None:
    env = CartPoleSwingUpEnv()
    _, info = env.reset(seed=0, options={"qvel": np.array([0.0, 1e12])})
    assert info == {"unstable": False}
    obs, _, terminated, truncated, info = env.step(np.zeros(1))
    assert truncated and not terminated and np.isfinite(obs).all()
    assert info == {"unstable": True}
    env.reset()
    assert env.step(np.zeros(1))[4] == {"unstable": False}


def test_no_log_file_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    env = make_vec_env("furuta", 2, threads=2, randomize=False)
    env.reset(options={"parameters": {"initial.pendulum.velocity_rad_s": 1e12}})
    env.step(np.zeros((2, 1)))
    env.close()
    test_the_cart_pole_of_the_literature_does_so_too()
    assert list(tmp_path.iterdir()) == []


def test_the_machine_behind_the_mock_says_so() -> None:
    spec = load_robot("furuta")
    plant = make_plant(spec, nominal_reality(spec), np.random.default_rng(0))
    plant.advance(0.01)
    plant.data.qvel[0] = np.nan
    with pytest.raises(SimulationError, match="physics blew up"):
        plant.advance(0.01)


def test_predictions_of_a_log_say_so() -> None:
    spec = load_robot("furuta")
    q, v, action = np.zeros((3, 2)), np.zeros((3, 2)), np.zeros((3, 4, 1))
    v[1] = 1e12
    with pytest.raises(SimulationError, match="1 of 3 windows blew up"):
        simulate_increments(spec, q, v, action[:, 0], action)
