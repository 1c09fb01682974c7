import gc
from dataclasses import replace

import numpy as np
import pytest

from robot_mbrl.contract import load_robot
from robot_mbrl.contract.errors import LinkError, LinkTimeout, SafetyError
from robot_mbrl.onboard import SafeRobot, SafetyState, StopReason, go_home
from robot_mbrl.onboard.home import from_home, home_action
from tests.support.onboard_fakes import FakeRobot, LockstepClock


class DampedRobot(FakeRobot):
    """Moves in the clock's time: the arm by 1 rad/s a volt, the pendulum decays."""

    def __init__(self, spec, clock: LockstepClock, q) -> None:
        super().__init__(spec, clock)
        self.q = np.array(q, dtype=float)
        self.decay = 2.0
        wait = clock.wait_until

        def step(time_s: float) -> float:
            dt = time_s - clock.now()
            turn = 2 * np.pi * np.round(self.q[1] / (2 * np.pi))
            self.q = np.array(
                [
                    self.q[0] + dt * self.applied[0],
                    turn + (self.q[1] - turn) * np.exp(-self.decay * dt),
                ]
            )
            return wait(time_s)

        clock.wait_until = step


def test_a_swinging_robot_comes_home(spec, clock):
    robot = DampedRobot(spec, clock, [1.2, 0.8])
    safe = SafeRobot(robot, spec, clock)
    seconds = go_home(safe, clock, spec)
    assert 0.5 < seconds < 10
    assert np.abs(robot.q).max() <= spec.home.position_tolerance_rad
    assert safe.state is SafetyState.DISARMED


def test_a_pendulum_that_went_around_is_home_as_well(spec, clock):
    robot = DampedRobot(spec, clock, [0.0, 4 * np.pi + 0.5])
    go_home(SafeRobot(robot, spec, clock), clock, spec)
    assert robot.q[1] == pytest.approx(4 * np.pi, abs=0.1)


def test_an_arm_that_does_not_move_is_named(spec, clock):
    robot = FakeRobot(spec, clock)
    robot.q = np.array([1.0, 0.0])
    short = replace(spec, home=replace(spec.home, timeout_s=2.0))
    safe = SafeRobot(robot, short, clock)
    with pytest.raises(SafetyError, match=r"within 2 s: joint 'arm' at 1.000 rad, 0.00 rad/s"):
        go_home(safe, clock, short)
    assert safe.state is SafetyState.DISARMED
    assert robot.log[-1] == "stop"


def test_a_pendulum_that_does_not_rest_is_named(spec, clock):
    robot = DampedRobot(spec, clock, [0.0, 1.0])
    robot.decay = 0.0
    short = replace(spec, home=replace(spec.home, timeout_s=2.0))
    with pytest.raises(SafetyError, match=r"'pendulum' at 1.000"):
        go_home(SafeRobot(robot, short, clock), clock, short)


def test_a_lost_link_stops_the_way_home(spec, clock):
    robot = DampedRobot(spec, clock, [1.2, 0.8])
    robot.break_read = lambda n: LinkTimeout("no reply") if n > 10 else None
    safe = SafeRobot(robot, spec, clock)
    with pytest.raises(LinkError):
        go_home(safe, clock, spec)
    assert safe.reason is StopReason.LINK_LOST


def test_gains_are_in_volts_and_clamped(spec):
    # 2 V/rad and 0.3 V s/rad of 5 V
    q, v = np.array([0.5, 9.0]), np.array([1.0, 9.0])
    assert home_action(q, v, spec) == pytest.approx([-(2 * 0.5 + 0.3 * 1.0) / 5])
    assert home_action(10 * q, v, spec) == pytest.approx([-1.0])
    stiff = replace(spec, home=replace(spec.home, position_gain=4.0, velocity_gain=0.0))
    assert home_action(q, v, stiff) == pytest.approx([-2 / 5])


def test_tolerances_matter(spec, clock):
    robot = FakeRobot(spec, clock)
    robot.q = np.array([0.15, 0.0])
    robot.gain = 0.0
    wide = replace(spec, home=replace(spec.home, position_tolerance_rad=0.2))
    go_home(SafeRobot(robot, wide, clock), clock, wide)


def test_only_joints_that_wrap_are_wrapped(spec):
    assert from_home(np.array([7.0, 7.0]), spec) == pytest.approx([7.0, 7.0 - 2 * np.pi])
    pendulum = load_robot("simple_pendulum")
    assert from_home(np.array([-15.7]), pendulum) == pytest.approx([-15.7 + 4 * np.pi])


@pytest.mark.parametrize("stall_s", [0.0, 0.03, 0.055, 0.075])
def test_a_stall_on_the_way_home_is_no_burst_and_no_wrong_speed(spec, clock, stall_s, monkeypatch):
    """Commands 1 ms apart were each taken for 20 ms: -21 rad/s were seen where -6.7 was true."""
    robot = DampedRobot(spec, clock, [1.2, 0.8])
    seen, at_s = [], []

    def note(q, velocity, spec):
        asked = home_action(q, velocity, spec)
        seen.append(velocity[0])
        at_s.append(clock.now())
        if len(at_s) == 10:
            clock.wait_until(clock.now() + stall_s)  # the machine moves on meanwhile
        return asked

    monkeypatch.setattr("robot_mbrl.onboard.home.home_action", note)
    safe = SafeRobot(robot, spec, clock)
    go_home(safe, clock, spec)
    assert np.diff(at_s).min() > 0.019
    assert min(seen) > -2.0  # the arm is pulled by 2 V/rad at 1 rad/s a volt
    assert safe.counts["missed"] == int(stall_s / 0.02)


def test_a_way_home_that_is_always_late_stops(spec, clock, monkeypatch):
    robot = DampedRobot(spec, clock, [1.2, 0.8])

    def slow(q, velocity, spec):
        clock.wait_until(clock.now() + 0.03)
        return home_action(q, velocity, spec)

    monkeypatch.setattr("robot_mbrl.onboard.home.home_action", slow)
    safe = SafeRobot(robot, spec, clock)
    with pytest.raises(SafetyError, match="2 ticks in a row were late"):
        go_home(safe, clock, spec)
    assert safe.reason is StopReason.DEADLINE


def test_no_garbage_is_collected_on_the_way_home(spec, clock, monkeypatch):
    seen = []

    def note(q, velocity, spec):
        seen.append(gc.isenabled())
        return home_action(q, velocity, spec)

    monkeypatch.setattr("robot_mbrl.onboard.home.home_action", note)
    robot = DampedRobot(spec, clock, [0.5, 0.0])
    go_home(SafeRobot(robot, spec, clock), clock, spec)
    assert seen and not any(seen)
    assert gc.isenabled()
