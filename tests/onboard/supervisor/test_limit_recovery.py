"""Homing may begin beyond a limit: inwards, weakly, slowly; anything else stops."""

import numpy as np
import pytest

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.errors import LimitExceeded, NotFiniteError
from robot_mbrl.onboard import SafeRobot, SafetyState, StopReason
from robot_mbrl.onboard.supervisor.limit_recovery import DRIVE_SHARE
from tests.support.onboard_fakes import FakeRobot, LockstepClock


class Stranded:
    """A furuta whose arm rests at 2.1 rad, beyond its limit of 2.0071 rad."""

    def __init__(self, spec: RobotSpec, clock: LockstepClock) -> None:
        self.robot, self.clock = FakeRobot(spec, clock), clock
        self.robot.q = np.array([2.1, 0.0])
        self.safe = SafeRobot(self.robot, spec, clock)
        self.safe.arm(homing=True)
        self.at(2.1)
        self.at(2.1)

    def at(self, arm: float) -> None:
        self.clock.advance(0.02)
        self.robot.q = np.array([arm, 0.0])
        self.safe.read()


@pytest.fixture
def stranded(spec: RobotSpec, clock: LockstepClock) -> Stranded:
    return Stranded(spec, clock)


def test_without_homing_it_stays_stopped(spec: RobotSpec, clock: LockstepClock) -> None:
    robot = FakeRobot(spec, clock)
    robot.q = np.array([2.1, 0.0])
    safe = SafeRobot(robot, spec, clock)
    with pytest.raises(LimitExceeded):
        safe.arm()
    safe.reset()
    safe.arm(homing=True)
    assert safe.state is SafetyState.ARMED


def test_commands_are_inward_and_weak(stranded: Stranded) -> None:
    assert stranded.safe.guard(np.array([1.0])) == 0.0
    stranded.safe.send(np.array([-1.0]))
    stranded.at(2.1)
    for _ in range(10):
        stranded.at(2.1)
    assert stranded.safe.guard(np.array([-1.0])) == pytest.approx([-DRIVE_SHARE])
    stranded.at(2.05)
    stranded.at(1.99)
    assert stranded.safe.guard(np.array([-1.0])) == pytest.approx([-1.0])


def test_a_joint_that_still_moves_gets_no_drive(spec: RobotSpec, clock: LockstepClock) -> None:
    robot = FakeRobot(spec, clock)
    robot.q = np.array([2.02, 0.0])
    safe = SafeRobot(robot, spec, clock)
    safe.arm(homing=True)
    for arm in (2.06, 2.1, 2.13):
        clock.advance(0.02)
        robot.q = np.array([arm, 0.0])
        safe.read()
        assert safe.guard(np.array([-1.0])) == 0.0


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ([2.15, 2.21], StopReason.LIMIT_POSITION),  # the motor turns the wrong way
        ([2.06, 2.05, 1.99, 2.02], StopReason.LIMIT_POSITION),  # inside, then out again
    ],
)
def test_going_out_stops(stranded: Stranded, path: list[float], reason: StopReason) -> None:
    for arm in path[:-1]:
        stranded.at(arm)
    with pytest.raises(LimitExceeded):
        stranded.at(path[-1])
    assert stranded.safe.reason is reason
    assert stranded.robot.log[-1] == "stop"


def test_fast_beyond_the_limit_stops(spec: RobotSpec, clock: LockstepClock) -> None:
    robot = FakeRobot(spec, clock)
    robot.q = np.array([2.6, 0.0])
    safe = SafeRobot(robot, spec, clock)
    safe.arm(homing=True)
    with pytest.raises(LimitExceeded, match=r"moves at 9\.0 rad/s"):
        for arm in (2.6, 2.6, 2.42):
            clock.advance(0.02)
            robot.q = np.array([arm, 0.0])
            safe.read()
    assert safe.reason is StopReason.LIMIT_VELOCITY


def test_the_other_joints_are_judged_as_ever(stranded: Stranded) -> None:
    stranded.robot.q = np.array([np.nan, 0.0])
    stranded.clock.advance(0.02)
    with pytest.raises(NotFiniteError):
        stranded.safe.read()


def test_a_joint_at_rest_on_its_very_limit_can_go_home(
    spec: RobotSpec, clock: LockstepClock
) -> None:
    """Without drive an arm falls onto its stop, where its encoder has it inside or outside."""
    count = spec.joints[0].rad_per_count
    limit = spec.joints[0].position_limit_rad[1]
    robot = FakeRobot(spec, clock)
    robot.q = np.array([limit - count, 0.0])
    safe = SafeRobot(robot, spec, clock)
    safe.arm(homing=True)
    for counts in (1, -1, 0, 2, -2, 1, 0):
        clock.advance(0.02)
        robot.q = np.array([limit + counts * count, 0.0])
        safe.read()
    assert safe.state is SafetyState.ARMED
