"""Braking: nothing far from a limit, no drive or full drive inwards where it is too late."""

from dataclasses import replace

import numpy as np
import pytest

from robot_mbrl.contract import RobotSpec, RobotState
from robot_mbrl.onboard.supervisor.command.braking import PATIENCE_S, Braking
from robot_mbrl.onboard.supervisor.command.stopping_power import StoppingPower

DT, NOTHING = 0.02, np.zeros(1)


def state(time_s: float, q: float) -> RobotState:
    return RobotState(
        np.array([q, 0.0]), NOTHING, time_s, time_s, round(time_s / DT), 0, np.array([np.nan])
    )


def asked(spec: RobotSpec, q: float, speed: float, action: float, *, apart_s: float = DT) -> float:
    """What becomes of an action at a place and speed."""
    braking = Braking(spec, StoppingPower.from_spec(spec))
    braking.see(state(1.0 - apart_s, q - speed * apart_s))
    braking.see(state(1.0, q))
    return float(braking.restrict(np.array([action]), 1.0)[0])


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(
    ("q", "speed", "action", "sent"),
    [
        (0.0, 5.0, 1.0, 1.0),  # 25 / (2 * 37) = 0.34 rad, of 1.9
        (0.0, -20.0, 1.0, 1.0),  # going the other way: this brakes
        (1.2, 8.0, 1.0, -1.0),  # 0.86 rad of 0.7
        (1.2, 8.0, -0.2, -1.0),  # brakes too little
        (1.4, 4.5, 0.4, 0.0),  # without drive it still stops
        (1.95, 0.0, -0.3, -0.3),
        (1.95, 0.1, 0.0, pytest.approx(-0.4, abs=0.1)),  # noise is no reason for full drive
    ],
)
def test_what_becomes_of_an_action(
    spec: RobotSpec, side: int, q: float, speed: float, action: float, sent: float
) -> None:
    assert side * asked(spec, side * q, side * speed, side * action) == sent


def test_samples_far_apart_say_nothing(spec: RobotSpec) -> None:
    assert asked(spec, 1.9, 5.0, 0.5, apart_s=1.0) == 0.5


def test_a_joint_without_a_limit_is_never_braked(spec: RobotSpec) -> None:
    endless = replace(spec.joints[0], position_limit_rad=(-1e9, 1e9))
    assert asked(replace(spec, joints=(endless, spec.joints[1])), 500.0, 50.0, 1.0) == 1.0


def test_who_keeps_asking_is_not_let_go_until_it_asks_for_something_else(spec: RobotSpec) -> None:
    braking, time_s = Braking(spec, StoppingPower.from_spec(spec)), 1.0

    def tick(q: float, action: float) -> float:
        nonlocal time_s
        time_s += DT
        braking.see(state(time_s, q))
        return float(braking.restrict(np.array([action]), time_s)[0])

    tick(1.0, 1.0)
    for k in range(1, 1 + round(PATIENCE_S / DT) + 1):
        tick(1.0 + 0.16 * k if k < 4 else 1.5 + 0.05 * k, 1.0)
    tick(1.5, 1.0)
    assert tick(1.5, 1.0) == 0.0  # at rest: it could be stopped again, but from nearer
    assert tick(1.5, -0.1) == -0.1
    assert tick(1.5, 0.3) == 0.3
