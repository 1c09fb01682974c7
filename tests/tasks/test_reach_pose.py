"""The reward by hand, for joints that wrap and joints that do not."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from robot_mbrl.contract.errors import SpecError
from robot_mbrl.tasks import ReachPose
from tests.support.robots import toy_layout

TARGET = {"arm": 0.5, "wrist": 3.0}
LAYOUT = toy_layout()  # arm slides, pendulum and wrist wrap; motor and fan


def state(**columns: float) -> np.ndarray:
    obs = np.zeros(LAYOUT.size)
    for name, value in columns.items():
        joint, _, kind = name.partition("__")
        if kind == "angle":
            obs[LAYOUT.column(f"{joint}.sin")] = math.sin(value)
            obs[LAYOUT.column(f"{joint}.cos")] = math.cos(value)
        else:
            obs[LAYOUT.column(f"{joint}.{kind}")] = value
    return obs


def test_one_at_rest_in_place_less_the_action() -> None:
    task = ReachPose(LAYOUT, TARGET)
    there = state(arm__position=0.5, wrist__angle=3.0 - 2 * math.pi, pendulum__angle=2.0)
    assert task.reward(there, np.zeros(2)) == pytest.approx(1.0)
    assert task.reward(there, np.array([1.0, 0.5])) == pytest.approx(1 - 0.01 * 0.625)
    assert task.at_goal(there)


def test_reward_by_hand() -> None:
    task = ReachPose(LAYOUT, TARGET, tolerance_rad=0.2)
    obs = state(arm__position=0.8, arm__velocity=2.0, wrist__angle=3.5, wrist__velocity=-1.0)
    chord2 = (2 * math.sin(0.25)) ** 2
    arm = 0.5 / (1 + 0.09) + 0.5 * math.exp(-0.5 * (0.3 / 0.2) ** 2 - 0.5 * 4)
    wrist = 0.5 / (1 + chord2) + 0.5 * math.exp(-0.5 * chord2 / 0.04 - 0.5)
    assert task.reward(obs, np.zeros(2)) == pytest.approx((arm + wrist) / 2, rel=1e-12)
    assert not task.terminated(np.stack([obs, obs])).any()


@pytest.mark.parametrize(
    ("arm", "wrist", "reached"),
    [
        (0.59, 3.0, True),
        (0.61, 3.0, False),
        (0.5, 3.09, True),
        (0.5, 3.11, False),
        (0.5, -3.2, True),
    ],
)
def test_goal_is_every_joint_within_the_tolerance(arm: float, wrist: float, reached: bool) -> None:
    task = ReachPose(LAYOUT, TARGET)
    assert bool(task.at_goal(state(arm__position=arm, wrist__angle=wrist))) == reached


def test_tolerance_decides_the_goal_and_how_sharp_the_reward_is() -> None:
    near = state(arm__position=0.65, wrist__angle=3.0)
    tight, wide = ReachPose(LAYOUT, TARGET), ReachPose(LAYOUT, TARGET, tolerance_rad=0.3)
    assert wide.at_goal(near) and not tight.at_goal(near)
    assert wide.reward(near, np.zeros(2)) > tight.reward(near, np.zeros(2)) + 0.1


def test_numpy_and_torch_agree_on_any_leading_shape() -> None:
    task, rng = ReachPose(LAYOUT, TARGET), np.random.default_rng(0)
    obs, action = rng.standard_normal((3, 5, LAYOUT.size)), rng.uniform(-1, 1, (3, 5, 2))
    tensors = torch.as_tensor(obs), torch.as_tensor(action)
    reward = task.reward(obs, action)
    assert reward.shape == task.terminated(obs).shape == task.at_goal(obs).shape == (3, 5)
    np.testing.assert_allclose(task.reward(*tensors, xp=torch).numpy(), reward, rtol=1e-12)
    np.testing.assert_array_equal(task.at_goal(tensors[0]).numpy(), task.at_goal(obs))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"target_rad": {"elbow": 1.0}}, "no joint 'elbow'; joints: arm, pendulum, wrist"),
        ({"target_rad": {}}, "expected a table"),
        ({"target_rad": 1.0}, "expected a table"),
        ({"target_rad": TARGET, "tolerance_rad": 0.0}, "tolerance_rad: expected more than 0"),
    ],
)
def test_impossible_targets_are_named(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        ReachPose(LAYOUT, **parameters)
