"""Samples of a machine become observations in measured time."""

from dataclasses import replace

import numpy as np
import pytest

from robot_mbrl.contract import ObservationLayout, Observer, RobotSpec
from robot_mbrl.onboard import SafeRobot
from robot_mbrl.onboard.timing.measured_observer import MeasuredObserver
from tests.support.onboard_fakes import FakeRobot, LockstepClock

NOTHING = np.zeros(1)


def test_skipped_late_and_lost_samples_do_not_change_a_steady_speed(
    spec: RobotSpec, robot: FakeRobot, clock: LockstepClock
) -> None:
    layout = ObservationLayout.from_spec(spec)
    measured = MeasuredObserver(Observer(layout))
    measured.reset(robot.read())
    speeds = []
    for wait_s, lost in [(0.02, 0), (0.06, 0), (0.013, 0), (0.027, 0), (0.02, 1), (0.02, 0)]:
        clock.advance(wait_s)
        robot.q = np.array([5.0 * (clock.now() - 100.0), 0.0])
        state = replace(robot.read(), fresh=not lost)
        speeds.append(layout.velocities(measured.update(state, NOTHING, wait_s))[0])
    assert speeds == pytest.approx([5.0] * 6, rel=0.01)


def test_without_any_sample_the_time_waited_counts(
    spec: RobotSpec, robot: FakeRobot, clock: LockstepClock
) -> None:
    layout = ObservationLayout.from_spec(spec)
    measured = MeasuredObserver(Observer(layout))
    measured.reset(robot.read())
    clock.advance(0.02)
    robot.q = np.array([0.1, 0.0])
    measured.update(robot.read(), NOTHING, 0.02)
    measured.update(None, NOTHING, 0.06)
    assert measured.observer.q[0] == pytest.approx(0.1 + 5.0 * 0.06, rel=0.01)


def test_the_loop_sees_the_true_speed_after_a_stall(
    safe: SafeRobot, robot: FakeRobot, clock: LockstepClock, controller, spec: RobotSpec
) -> None:
    """5 rad/s were told the controller as 15 where two periods had been left out."""
    from robot_mbrl.onboard import run_episode

    def turn(n: int) -> None:
        clock.oversleep_s = 0.04 if n in (10, 30) else 0.0

    read = robot.read

    def moving():
        robot.q = np.array([0.0, 5.0 * (clock.now() - 100.0)])
        return read()

    robot.read, controller.before = moving, turn
    layout = ObservationLayout.from_spec(spec)
    report = run_episode(safe, clock, controller, Observer(layout), None, 60)
    assert report.skipped_periods == 4
    seen = [layout.velocities(o)[1] for o in controller.observations]
    assert seen[5:] == pytest.approx([5.0] * (len(seen) - 5), rel=1e-3)
