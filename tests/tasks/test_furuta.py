"""The furuta's reward against hand-made numbers."""

import math
from pathlib import Path

import numpy as np
import pytest

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.tasks import FurutaSwingUp, make_task
from tests.support.robots import furuta_toml, write_robot
from tests.support.upright import state


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
