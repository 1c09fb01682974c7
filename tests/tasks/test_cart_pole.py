"""Where the cart may be, and what is paid for there."""

import numpy as np
import pytest

from robot_mbrl.contract import load_robot
from robot_mbrl.tasks import make_task
from robot_mbrl.tasks.cart_pole import PoleOnCartSwingUp
from robot_mbrl.tasks.furuta import swing_up_reward
from tests.support.upright import state


@pytest.fixture(scope="module")
def task() -> PoleOnCartSwingUp:
    found = make_task(load_robot("cart_pole"))
    assert isinstance(found, PoleOnCartSwingUp)
    return found


def test_it_ends_beyond_the_limit_which_lies_within_the_robots(task: PoleOnCartSwingUp) -> None:
    spec = load_robot("cart_pole")
    _, hard = spec.joints[0].position_limit_rad
    assert hard - spec.safety.soft_limit_margin_m < task.cart_limit_m < hard
    for place, ended in ((0.0, False), (0.36, False), (0.38, True), (-0.38, True)):
        obs = state(task, pendulum_from_up=0.3, cart__position=place)
        assert bool(task.terminated(obs)) == ended


def test_the_reward_is_the_furutas_with_the_cart_for_the_arm(task: PoleOnCartSwingUp) -> None:
    """A cart 0.2 m aside is as bad as an arm at 1 rad, and at 0.2 m/s as one at 1 rad/s."""
    obs = state(
        task, pendulum_from_up=0.4, cart__position=0.1, cart__velocity=0.3, pole__velocity=2.0
    )
    expected = swing_up_reward(0.5, np.cos(0.4), 1.5, 2.0, np.array([0.6]))
    assert task.reward(obs, np.array([0.6])) == pytest.approx(expected, rel=1e-12)


def test_upright_at_rest_in_the_middle_is_best(task: PoleOnCartSwingUp) -> None:
    still = np.zeros(1)
    best = task.reward(state(task, pendulum_from_up=0.0), still)
    assert best == pytest.approx(1.0)
    for worse in (
        {"pendulum_from_up": 0.2},
        {"pendulum_from_up": 0.0, "cart__position": 0.1},
        {"pendulum_from_up": 0.0, "cart__velocity": 0.5},
        {"pendulum_from_up": 0.0, "pole__velocity": 3.0},
    ):
        assert task.reward(state(task, **worse), still) < best - 0.005
