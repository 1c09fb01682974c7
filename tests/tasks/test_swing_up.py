"""Tasks of swinging up: one goal, and the same numbers in numpy and torch."""

import math

import numpy as np
import pytest
import torch

from robot_mbrl.contract import ObservationLayout, load_robot
from robot_mbrl.contract.task import Task
from robot_mbrl.tasks import make_task
from tests.support.upright import state


@pytest.mark.parametrize("name", ["furuta", "simple_pendulum", "cart_pole"])
def test_goal_is_within_15_degrees_of_upright(name: str) -> None:
    task = make_task(load_robot(name))
    for degrees, reached in [(0, True), (14.9, True), (-14.9, True), (15.1, False), (180, False)]:
        obs = state(task, pendulum_from_up=math.radians(degrees))
        assert bool(task.at_goal(obs)) == reached


@pytest.mark.parametrize("name", ["furuta", "simple_pendulum", "cart_pole"])
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
