"""Environments are copied and pickled, and go back to any moment, bit for bit."""

import copy
import pickle
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from robot_mbrl.contract import load_robot
from robot_mbrl.contract.errors import DataError, RobotMbrlError, SettingsError
from robot_mbrl.contract.stop_reason import StopReason
from sim import make_env, make_vec_env
from tests.sim.envs.test_vec_state import changing
from tests.support.engines import each_engine

COPIES = {
    "copy": copy.deepcopy,
    "pickle": lambda env: pickle.loads(pickle.dumps(env)),  # noqa: S301 - our own
}
each_way = pytest.mark.parametrize("way", list(COPIES))


def drive(env: Any, ticks: int, seed: int) -> list[Any]:
    """Everything that steps return, info too; a reset where an episode ends."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(ticks):
        *shown, info = env.step(rng.uniform(-0.5, 0.5, env.action_space.shape))
        found += [*shown, *(info.values())]
        if not isinstance(env, gymnasium.vector.VectorEnv) and (shown[2] or shown[3]):
            found.append(env.reset()[0])
    return found


def same(a: list[Any], b: list[Any]) -> None:
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        np.testing.assert_equal(x, y)


@each_engine
@each_way
@pytest.mark.parametrize("kind", ["single", "vector"])
def test_a_copy_goes_on_with_the_same_bits(
    kind: str, way: str, backend: str, tmp_path: Path
) -> None:
    """Amid an episode, with every effect, beyond the next reset; the original is left alone."""
    spec = changing(tmp_path)
    settings: dict[str, Any] = {"backend": backend, "seed": 3, "episode_s": 0.5}
    if kind == "vector":
        env: Any = make_vec_env(spec, 3, threads=1, **settings)
    else:
        env = make_env(spec, **settings)
    env.reset()
    drive(env, 12, 0)
    other = COPIES[way](env)
    ahead = drive(env, 30, 1)
    same(drive(other, 30, 1), ahead)
    assert other.action_space.sample().tolist() == env.action_space.sample().tolist()
    env.close()
    other.close()


@pytest.mark.parametrize("kind", ["single", "vector"])
def test_before_the_first_reset_too(kind: str) -> None:
    env: Any = make_env("arm", seed=4) if kind == "single" else make_vec_env("arm", 2, seed=4)
    other = copy.deepcopy(env)
    np.testing.assert_array_equal(env.reset()[0], other.reset()[0])
    env.close()
    other.close()


@each_engine
def test_a_single_environment_goes_back(backend: str, tmp_path: Path) -> None:
    """Any number of times, also after the episode has ended, and in another environment."""
    spec = changing(tmp_path)
    env = make_env(spec, backend=backend, seed=1, episode_s=0.4)
    env.reset()
    drive(env, 8, 0)
    state = env.get_state()
    ahead = drive(env, 25, 1)
    for target in (env, make_env(spec, backend=backend, seed=99, episode_s=0.4)):
        for _ in range(2):
            target.set_state(state)
            same(drive(target, 25, 1), ahead)
        target.close()


def test_the_supervisor_goes_back_too() -> None:
    """A robot that was stopped after the moment is running again; its ramp is where it was."""
    env = make_env("furuta", seed=1)
    env.reset()
    env.step(np.ones(1))
    state = env.get_state()
    _, _, _, _, second = env.step(np.ones(1))
    env.unwrapped.safe.stop(StopReason.OPERATOR, "enough")
    assert env.step(np.ones(1))[3]
    env.set_state(state)
    assert env.step(np.ones(1))[4]["applied"] == second["applied"] < 1
    env.close()


def test_a_wrapped_environment_with_pictures_is_copied(gl: None) -> None:
    env = gymnasium.wrappers.TimeLimit(make_env("furuta", pixels=True, seed=2), 30)
    env.reset()
    other = copy.deepcopy(env)
    ours, theirs = env.step(np.ones(1)), other.step(np.ones(1))
    np.testing.assert_array_equal(ours[0]["pixels"], theirs[0]["pixels"])
    env.close()
    other.close()


def test_what_cannot_be_copied_says_so() -> None:
    import hardware

    machine = hardware.make_env("furuta", "mock")
    for attempt in (copy.deepcopy, pickle.dumps):
        with pytest.raises(SettingsError, match="only a simulated one is copied"):
            attempt(machine)
    with pytest.raises(SettingsError, match="only a simulated one has get_state"):
        machine.get_state()
    machine.close()
    env = make_env("furuta")
    with pytest.raises(DataError, match="expected episode, generator"):
        env.set_state({})
    state = make_env("arm").get_state()
    with pytest.raises(DataError, match="another robot"):
        env.set_state(state)
    env.close()
    for closed in (env, make_vec_env(load_robot("furuta"), 2)):
        closed.close()
        with pytest.raises(RobotMbrlError, match="closed"):
            closed.reset()
