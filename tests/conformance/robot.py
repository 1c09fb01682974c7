"""What every Robot keeps, whatever is behind it: inherit, provide `robot`, get the tests.

`robot` is connected, armed and healthy; `spec` is its description. Here is no time: what passes
while nobody commands, `tests.conformance.drive` holds.
"""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from robot_mbrl.contract import Command, Robot, RobotSpec, RobotState
from robot_mbrl.contract.errors import NotFiniteError, RobotMbrlError, ShapeError
from robot_mbrl.contract.observation.neutral_command import neutral_command


def assert_neutral(state: RobotState, spec: RobotSpec, tolerance_rad: float = 0.02) -> None:
    """The command in force asks for nothing: 0, or the pose, up to latency, play and noise."""
    expected = neutral_command(spec, np.asarray(state.q_rad))
    np.testing.assert_allclose(state.applied, expected, atol=tolerance_rad, rtol=0)
    others = [a.command != "position" for a in spec.actuators]
    np.testing.assert_array_equal(np.asarray(state.applied)[others], 0.0)


class RobotConformance:
    """The suite; a subclass defines fixtures `spec` and `robot`."""

    def command(self, spec: RobotSpec, share: float) -> Command:
        return Command(np.array([share * a.limit for a in spec.actuators]))

    def test_is_a_robot(self, robot: Robot) -> None:
        assert isinstance(robot, Robot)

    def test_state_has_the_shapes_of_the_description(self, robot: Robot, spec: RobotSpec) -> None:
        state = robot.read()
        assert isinstance(state, RobotState)
        assert state.q_rad.shape == (len(spec.joints),)
        assert state.applied.shape == state.temperature_c.shape == (len(spec.actuators),)
        assert np.isfinite(state.q_rad).all() and state.faults == 0 and state.fresh

    def test_state_arrays_are_fresh_and_read_only(self, robot: Robot) -> None:
        first, second = robot.read(), robot.read()
        for name in ("q_rad", "applied", "temperature_c"):
            assert getattr(first, name) is not getattr(second, name)
            with pytest.raises(ValueError, match="read-only"):
                getattr(first, name)[0] = 1.0

    def test_time_and_sequence_never_go_back(self, robot: Robot) -> None:
        states = [robot.read() for _ in range(5)]
        for before, after in itertools.pairwise(states):
            assert after.device_time_s >= before.device_time_s
            assert after.host_time_s >= before.host_time_s
            assert after.sequence >= before.sequence

    def test_send_returns_what_is_applied(self, robot: Robot, spec: RobotSpec) -> None:
        sent = self.command(spec, 0.25)
        applied = robot.send(sent)
        np.testing.assert_allclose(applied.value, sent.value, rtol=1e-6)
        np.testing.assert_array_equal(robot.read().applied, applied.value)

    @pytest.mark.parametrize("share", [1.5, -1.5, 1e6])
    def test_send_beyond_the_limit_is_clamped(
        self, robot: Robot, spec: RobotSpec, share: float
    ) -> None:
        applied = robot.send(self.command(spec, share))
        expected = self.command(spec, float(np.sign(share)))
        np.testing.assert_allclose(applied.value, expected.value, rtol=1e-6)

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_send_refuses_what_is_not_finite(
        self, robot: Robot, spec: RobotSpec, bad: float
    ) -> None:
        before = robot.send(self.command(spec, 0.1))
        value = self.command(spec, 0.2).value
        value[-1] = bad
        with pytest.raises(NotFiniteError, match=spec.actuators[-1].name):
            robot.send(Command(value))
        np.testing.assert_array_equal(robot.read().applied, before.value)

    def test_send_refuses_another_shape(self, robot: Robot, spec: RobotSpec) -> None:
        with pytest.raises(ShapeError, match="command"):
            robot.send(Command(np.zeros(len(spec.actuators) + 1)))

    def test_send_does_not_change_its_argument(self, robot: Robot, spec: RobotSpec) -> None:
        sent = self.command(spec, 3.0)
        robot.send(sent)
        np.testing.assert_array_equal(sent.value, self.command(spec, 3.0).value)

    def test_stop_removes_the_command(self, robot: Robot, spec: RobotSpec) -> None:
        robot.send(self.command(spec, 0.5))
        robot.stop()
        assert_neutral(robot.read(), spec)

    def test_after_stop_nothing_is_applied(self, robot: Robot, spec: RobotSpec) -> None:
        robot.stop()
        echo = robot.send(self.command(spec, 0.5))
        assert_neutral(replace(robot.read(), applied=echo.value), spec)

    def test_stop_never_raises_in_any_state(self, robot: Robot) -> None:
        robot.stop()
        robot.stop()
        robot.close()
        robot.stop()

    def test_close_twice(self, robot: Robot) -> None:
        robot.close()
        robot.close()

    def test_a_closed_robot_says_so(self, robot: Robot, spec: RobotSpec) -> None:
        robot.close()
        with pytest.raises(RobotMbrlError, match="closed"):
            robot.read()
        with pytest.raises(RobotMbrlError, match="closed"):
            robot.send(self.command(spec, 0.0))
