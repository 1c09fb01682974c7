"""What "off" and "enabled" mean of any Robot, as time passes: inherit, provide `make` and `spec`.

`make` gives a fresh robot and its clock each time: connected, drive off, its joints away from 0,
all of them in the same state.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from robot_mbrl.contract import Clock, Command, Robot, RobotSpec
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.interface import Enabled, Fault
from robot_mbrl.contract.observation.neutral_command import neutral_command
from tests.conformance.robot import assert_neutral

Make = Callable[[], tuple[Robot, Clock]]


class DriveConformance:
    """The suite; a subclass defines fixtures `spec` and `make`.

    Attributes:
        sag_rad: how far a servo that holds gives way to the weight on it.
    """

    sag_rad: float = 0.12

    @pytest.fixture
    def resting(self, make: Make) -> Iterator[tuple[Robot, Clock]]:
        robot, clock = make()
        yield robot, clock
        robot.close()

    def test_off_says_so_and_shows_the_neutral_command(
        self, resting: tuple[Robot, Clock], spec: RobotSpec
    ) -> None:
        state = resting[0].read()
        assert state.faults & Fault.NOT_ENABLED
        assert_neutral(state, spec)

    def test_commands_change_nothing_while_off(self, make: Make, spec: RobotSpec) -> None:
        (quiet, its_clock), (asked, clock) = make(), make()
        for share in (1.0, -1.0, 0.0):
            asked.send(Command(np.array([share * a.limit for a in spec.actuators])))
            wait(clock, 0.1)
        wait(its_clock, 0.1, 0.1, 0.1)
        np.testing.assert_allclose(asked.read().q_rad, quiet.read().q_rad, atol=count(spec))
        for robot in (quiet, asked):
            robot.close()

    def test_stop_is_as_if_it_had_never_been_enabled(self, make: Make, spec: RobotSpec) -> None:
        (never, its_clock), (stopped, clock) = make(), make()
        assert isinstance(stopped, Enabled)
        stopped.arm()
        stopped.send(Command(np.zeros(len(spec.actuators))))
        stopped.stop()
        wait(clock, 0.1, 0.1)
        wait(its_clock, 0.1, 0.1)
        np.testing.assert_allclose(stopped.read().q_rad, never.read().q_rad, atol=count(spec))
        for robot in (never, stopped):
            robot.close()

    def test_enabling_moves_nothing_and_holds(
        self, resting: tuple[Robot, Clock], spec: RobotSpec
    ) -> None:
        robot, clock = resting
        assert isinstance(robot, Enabled)
        before = robot.read().q_rad
        robot.arm()
        first = robot.read()
        assert first.faults == 0
        assert_neutral(first, spec)
        wait(clock, 0.9e-3 * spec.safety.watchdog_ms)
        later = robot.read()
        np.testing.assert_array_equal(later.applied, first.applied)
        assert np.abs(servo_angles(spec, later.q_rad - before)).max(initial=0.0) < self.sag_rad

    def test_what_holds_goes_on_until_a_command_has_come_into_force(
        self, resting: tuple[Robot, Clock], spec: RobotSpec
    ) -> None:
        """Whatever waits in a line of delays: no servo turns to 0 in between."""
        robot, clock = resting
        assert isinstance(robot, Enabled)
        robot.arm()
        start = robot.read().q_rad
        for _ in range(10):
            robot.send(Command(neutral_command(spec, start)))
            wait(clock, spec.control.dt)
            moved = robot.read().q_rad - start
            assert np.abs(servo_angles(spec, moved)).max(initial=0.0) < self.sag_rad


def wait(clock: Clock, *seconds: float) -> None:
    """Let time pass, piece by piece."""
    for piece in seconds:
        clock.wait_until(clock.now() + piece)


def servo_angles(spec: RobotSpec, q: FloatArray) -> FloatArray:
    """Those of the angles (J,) that position servos hold."""
    pairs = zip(spec.actuators, spec.actuated, strict=True)
    return q[[j for a, j in pairs if a.command == "position"]]


def count(spec: RobotSpec) -> float:
    """Two encoder counts and rounding, rad."""
    return 2.01 * max(j.rad_per_count for j in spec.joints)
