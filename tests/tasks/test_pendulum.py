"""The pendulum's reward against hand-made numbers."""

import math

import numpy as np
import pytest

from robot_mbrl.contract import load_robot
from robot_mbrl.tasks import PendulumSwingUp, make_task
from tests.support.upright import state


def test_pendulum_reward_by_hand() -> None:
    task = make_task(load_robot("simple_pendulum"))
    assert isinstance(task, PendulumSwingUp)
    obs = state(task, pendulum_from_up=math.pi / 2, pendulum__velocity=3.0)
    swing = 0.25 * math.exp(-0.02 * 9 * 0.5)
    still = math.exp(-8 - 0.05 * 9)
    expected = 0.5 * swing + 0.5 * still - 0.02 * 0.49
    assert task.reward(obs, np.array([-0.7])) == pytest.approx(expected, rel=1e-12)
    assert not task.terminated(np.stack([obs, obs])).any()
