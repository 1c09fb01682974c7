"""Rewards against their published values, the same in numpy and torch."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from robot_mbrl.contract import ObservationLayout, RobotSpec, load_robot
from robot_mbrl.contract.errors import SpecError
from robot_mbrl.contract.task import Task
from robot_mbrl.tasks import FurutaSwingUp, PendulumSwingUp, make_task
from tests.support.robots import furuta_toml, write_robot


def state(task: Any, **columns: float) -> np.ndarray:
    """One observation; `pendulum_from_up` sets sine and cosine."""
    obs = np.zeros(task.layout.size)
    angle = math.pi + columns.pop("pendulum_from_up")
    columns |= {"pendulum.sin": math.sin(angle), "pendulum.cos": math.cos(angle)}
    for name, value in columns.items():
        obs[task.layout.column(name.replace("__", "."))] = value
    return obs


@pytest.fixture
def swing_up(furuta: RobotSpec) -> FurutaSwingUp:
    task = make_task(furuta)
    assert isinstance(task, FurutaSwingUp)
    return task


def test_furuta_reward_is_one_upright_and_centred_at_rest(swing_up: FurutaSwingUp) -> None:
    assert swing_up.reward(state(swing_up, pendulum_from_up=0), np.zeros(1)) == pytest.approx(1.0)
    hanging = swing_up.reward(state(swing_up, pendulum_from_up=math.pi), np.zeros(1))
    assert hanging == pytest.approx(0.5 * math.exp(-30))


def test_furuta_reward_by_hand(swing_up: FurutaSwingUp) -> None:
    """phi = 60 deg: c = .5, up = .75; theta = .7, thetad = 2, w = 5, u = .5."""
    obs = state(
        swing_up,
        pendulum_from_up=math.pi / 3,
        arm__position=0.7,
        arm__velocity=2.0,
        pendulum__velocity=5.0,
    )
    swing = 0.75**2 * math.exp(-0.004 * 25 * 0.75) * (0.4 + 0.6 * math.exp(-1))
    still = math.exp(-15 * 0.5 - 0.01 * 25 - 0.01 * 4 - (0.7 / 0.8) ** 2)
    expected = 0.5 * swing + 0.5 * still - 0.02 * 0.25 - 0.1 * 0.35**2
    assert swing_up.reward(obs, np.array([0.5])) == pytest.approx(expected, rel=1e-12)


def test_furuta_spinning_and_effort_and_a_far_arm_cost(swing_up: FurutaSwingUp) -> None:
    best = swing_up.reward(state(swing_up, pendulum_from_up=0), np.zeros(1))
    for columns in ({"pendulum__velocity": 9.0}, {"arm__position": -1.0}, {"arm__velocity": 4.0}):
        assert (
            swing_up.reward(state(swing_up, pendulum_from_up=0, **columns), np.zeros(1))
            < best - 0.03
        )
    assert swing_up.reward(state(swing_up, pendulum_from_up=0), np.ones(1)) == pytest.approx(
        best - 0.02
    )


def test_furuta_terminates_past_the_arm_limit_of_robot_toml(tmp_path: Path) -> None:
    toml = furuta_toml()
    toml["task"]["parameters"]["arm_limit_rad"] = 1.25
    task = make_task(load_robot(write_robot(tmp_path, toml)))
    angles = [-1.26, -1.24, 0.0, 1.24, 1.26]
    obs = np.stack([state(task, pendulum_from_up=0, arm__position=a) for a in angles])
    assert task.terminated(obs).tolist() == [True, False, False, False, True]


@pytest.mark.parametrize("name", ["furuta", "simple_pendulum"])
def test_goal_is_within_15_degrees_of_upright(name: str) -> None:
    task = make_task(load_robot(name))
    for degrees, reached in [(0, True), (14.9, True), (-14.9, True), (15.1, False), (180, False)]:
        obs = state(task, pendulum_from_up=math.radians(degrees))
        assert bool(task.at_goal(obs)) == reached


def test_pendulum_reward_by_hand() -> None:
    task = make_task(load_robot("simple_pendulum"))
    assert isinstance(task, PendulumSwingUp)
    obs = state(task, pendulum_from_up=math.pi / 2, pendulum__velocity=3.0)
    swing = 0.25 * math.exp(-0.02 * 9 * 0.5)
    still = math.exp(-8 - 0.05 * 9)
    expected = 0.5 * swing + 0.5 * still - 0.02 * 0.49
    assert task.reward(obs, np.array([-0.7])) == pytest.approx(expected, rel=1e-12)
    assert not task.terminated(np.stack([obs, obs])).any()


@pytest.mark.parametrize("name", ["furuta", "simple_pendulum"])
def test_numpy_and_torch_agree_on_any_leading_shape(name: str) -> None:
    spec = load_robot(name)
    task: Task = make_task(spec)
    rng = np.random.default_rng(0)
    size = ObservationLayout.from_spec(spec).size
    obs, action = rng.standard_normal((3, 5, size)), rng.uniform(-1, 1, (3, 5, 1))
    reward = task.reward(obs, action)
    assert reward.shape == task.terminated(obs).shape == (3, 5)
    tensors = torch.as_tensor(obs), torch.as_tensor(action)
    np.testing.assert_allclose(task.reward(*tensors, xp=torch).numpy(), reward, rtol=1e-12)
    np.testing.assert_array_equal(
        task.terminated(tensors[0], xp=torch).numpy(), task.terminated(obs)
    )


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (
            {"name": "moonwalk"},
            "'moonwalk' is unknown; built in: furuta_swing_up, .*, reach_point, reach_pose",
        ),
        ({"name": "no.such.module:Task"}, "unknown"),
        ({"name": "robot_mbrl.tasks:NoSuch"}, "unknown"),
        ({"name": "furuta_swing_up", "parameters": {"leg_limit": 1.0}}, "leg_limit"),
    ],
)
def test_unknown_tasks_are_named(task: dict[str, Any], message: str, tmp_path: Path) -> None:
    spec = load_robot(write_robot(tmp_path, furuta_toml() | {"task": task}))
    with pytest.raises(SpecError, match=message):
        make_task(spec)


def test_own_task_by_module_and_class(tmp_path: Path) -> None:
    task = {"name": "robot_mbrl.tasks.pendulum:PendulumSwingUp", "parameters": {"hold_s": 2.0}}
    made = make_task(load_robot(write_robot(tmp_path, furuta_toml() | {"task": task})))
    assert isinstance(made, PendulumSwingUp)
    assert made.hold_s == 2.0
