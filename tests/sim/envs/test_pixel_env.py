"""Pictures as observations of both environments; skipped where no OpenGL is installed."""

import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import VectorEnv

from robot_mbrl.contract.errors import SettingsError
from robot_mbrl.envs.robot_env import RobotEnv
from sim import Picture, make_env, make_vec_env
from tests.support.engines import each_engine

SHAPE = (64, 64, 3)


@each_engine
@pytest.mark.parametrize("pixels", [True, "only"])
def test_the_single_environment_is_gymnasiums(backend: str, pixels: Any, gl: None) -> None:
    env = make_env("furuta", backend=backend, pixels=pixels, episode_s=0.2)
    with warnings.catch_warnings():  # it advises on speed and on rendering
        warnings.simplefilter("ignore")
        check_env(env, skip_render_check=True)
    assert isinstance(env.unwrapped, RobotEnv)
    if pixels == "only":
        assert env.observation_space == gymnasium.spaces.Box(0, 255, SHAPE, np.uint8)
    else:
        assert isinstance(env.observation_space, gymnasium.spaces.Dict)
        assert set(env.observation_space) == {"state", "pixels"}
    env.close()


def test_pictures_show_the_robot_as_it_is(gl: None) -> None:
    """The same as one drawn by hand at the true angles; a moved pendulum moves it."""
    env = make_env("furuta", pixels=True, seed=1)
    plain = make_env("furuta", seed=1)
    obs, _ = env.reset(seed=3)
    np.testing.assert_array_equal(obs["state"], plain.reset(seed=3)[0])
    picture, frames = Picture(env._world.spec, 64, 64, plain=True), [obs["pixels"]]
    for _ in range(15):  # the arm limit ends the episode soon after
        obs, reward, *_ = env.step(np.ones(1))
        state, expected, *_ = plain.step(np.ones(1))
        np.testing.assert_array_equal(obs["state"], state)
        assert reward == expected
        frames.append(obs["pixels"])
    q = env._world.worlds.true_state()[0][0]
    np.testing.assert_array_equal(frames[-1], picture.draw(q))
    changed = (np.abs(frames[-1].astype(int) - frames[0]).max(-1) > 40).mean()
    assert 0.001 < changed < 0.2
    picture.close()
    env.close()


def test_the_vector_environment_shows_each_world_and_the_true_last_picture(gl: None) -> None:
    env = make_vec_env("furuta", 3, pixels=True, seed=0, episode_s=0.2)
    plain = make_vec_env("furuta", 3, seed=0, episode_s=0.2)
    assert isinstance(env, VectorEnv)
    obs, _ = env.reset()
    first = plain.reset()[0]
    np.testing.assert_array_equal(obs["state"], first)
    assert env.observation_space.contains(obs)
    assert obs["pixels"].shape == (3, *SHAPE)
    start, kept = obs["pixels"], obs["pixels"].copy()
    action = np.array([[1.0], [0.0], [-1.0]])
    for _ in range(9):
        obs, *_ = env.step(action)
        plain.step(action)
    np.testing.assert_array_equal(start, kept, err_msg="what was given stays as it was")
    before = obs["pixels"].copy()
    obs, _, _, truncated, info = env.step(action)
    final, expected = info["final_obs"], plain.step(action)[4]["final_obs"]
    assert truncated.all()
    np.testing.assert_array_equal(final["state"], expected)
    moved = np.abs(final["pixels"].astype(int) - before).max()
    reset = (np.abs(obs["pixels"].astype(int) - final["pixels"]).max(-1) > 40).mean((1, 2))
    assert moved > 40, "the last picture is after the last step"
    assert reset[0] > 0.001 and reset[2] > 0.001, "and the next one of the new episode"
    picture = Picture(env.robot_spec, 64, 64, plain=True)
    for world, q in enumerate(env.worlds.true_state()[0]):
        np.testing.assert_array_equal(obs["pixels"][world], picture.draw(q))
    picture.close()
    env.close()


def test_only_pictures(gl: None) -> None:
    env = make_vec_env("arm", 2, pixels="only", randomize=False)
    obs, _ = env.reset(seed=0)
    assert env.single_observation_space == gymnasium.spaces.Box(0, 255, SHAPE, np.uint8)
    assert env.observation_space.contains(obs)
    assert (obs[0] != obs[1]).any(), "equal robots, but different goals are marked"
    env.close()


def test_an_unknown_kind_of_pixels_is_refused() -> None:
    for make in (make_env, lambda name, pixels: make_vec_env(name, 2, pixels=pixels)):
        with pytest.raises(
            SettingsError, match="pixels: expected False, True or 'only', got 'all'"
        ):
            make("furuta", pixels="all")
