from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.errors import (
    DeviceFault,
    LimitExceeded,
    LinkError,
    LinkTimeout,
    NotFiniteError,
    RobotMbrlError,
    SafetyError,
    StaleState,
)
from robot_mbrl.data import TickFlag
from robot_mbrl.onboard import SafeRobot, SafetyState, StopReason
from robot_mbrl.onboard.timing.pacing import Period
from tests.support.onboard_fakes import FakeRobot, LockstepClock, timeouts, with_faults

DT = 0.02
FULL = np.array([1.0])


def settle(safe: SafeRobot, clock: LockstepClock) -> None:
    """Arm and run past the ramp."""
    safe.arm()
    for _ in range(8):
        clock.advance(DT)
        safe.read()
        safe.send(0 * FULL)
    assert safe.state is SafetyState.RUNNING


def tick(safe: SafeRobot, clock: LockstepClock, action: float = 0.0) -> np.ndarray:
    clock.advance(DT)
    safe.read()
    return safe.send(np.array([action]))


def with_safety(spec: RobotSpec, **changes: float) -> RobotSpec:
    return replace(spec, safety=replace(spec.safety, **changes))


def expect_stop(safe: SafeRobot, robot: FakeRobot, reason: StopReason) -> None:
    assert safe.state is SafetyState.STOPPED
    assert safe.reason is reason
    assert robot.log[-1] == "stop"


def test_nothing_is_sent_before_arming(safe, robot):
    with pytest.raises(SafetyError, match=r"disarmed.*arm"):
        safe.send(FULL)
    assert robot.sends == 0


def test_ramp_is_linear_in_time_and_ends(safe, robot, clock):
    # ramp_s 0.1 at 50 Hz: 0, 0.2, 0.4, 0.6, 0.8, 1 of 5 V
    safe.arm()
    for _ in range(7):
        tick(safe, clock, 1.0)
    volts = [float(v[0]) for v in robot.sent]
    assert volts == pytest.approx([0, 1, 2, 3, 4, 5, 5])
    assert safe.state is SafetyState.RUNNING


def test_ramp_time_matters(robot, spec, clock):
    safe = SafeRobot(robot, with_safety(spec, ramp_s=0.0), clock)
    safe.arm()
    tick(safe, clock, 1.0)
    assert robot.sent[0] == pytest.approx([5.0])


def test_actions_are_clamped_and_counted(safe, robot, clock):
    settle(safe, clock)
    applied = tick(safe, clock, 7.0)
    assert applied == pytest.approx([1.0])
    assert robot.sent[-1] == pytest.approx([5.0])
    assert safe.flags & TickFlag.CLAMPED
    assert safe.counts["clamped"] == 1


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_action_that_is_not_finite_stops_and_is_never_clamped(safe, robot, clock, bad):
    settle(safe, clock)
    sends = robot.sends
    with pytest.raises(NotFiniteError):
        tick(safe, clock, bad)
    expect_stop(safe, robot, StopReason.NON_FINITE)
    assert robot.sends == sends


def test_a_sample_that_is_not_finite_stops(safe, robot, clock):
    settle(safe, clock)
    robot.q = np.array([0.0, np.nan])
    with pytest.raises(NotFiniteError):
        tick(safe, clock)
    expect_stop(safe, robot, StopReason.NON_FINITE)


def test_returns_what_the_machine_confirms(safe, robot, clock):
    settle(safe, clock)
    robot.gain = 0.5
    assert tick(safe, clock, 1.0) == pytest.approx([0.5])


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_lost_samples_are_bridged(safe, robot, clock, lost):
    settle(safe, clock)
    good = robot.reads
    robot.q = np.array([0.01, 0.0])
    robot.break_read = timeouts(*range(good + 1, good + 1 + lost))
    for _ in range(lost):
        clock.advance(DT)
        state = safe.read()
        assert not state.fresh
        assert safe.flags & TickFlag.STALE
        safe.send(np.array([0.3]))
        assert robot.sent[-1] == pytest.approx([1.5])  # coasting keeps the controller's command
    clock.advance(DT)
    assert safe.read().fresh
    assert safe.counts["coasted"] == lost


def test_one_lost_sample_too_many_stops(safe, robot, spec, clock):
    settle(safe, clock)
    robot.break_read = lambda n: LinkTimeout("no reply")
    for _ in range(spec.safety.coast_ticks):
        tick(safe, clock)
    with pytest.raises(LinkError, match="4 ticks without a fresh sample"):
        tick(safe, clock)
    expect_stop(safe, robot, StopReason.LINK_LOST)


def test_hold_ticks_send_zero_before_the_stop(robot, spec, clock):
    safe = SafeRobot(robot, with_safety(spec, hold_ticks=2), clock)
    settle(safe, clock)
    robot.break_read = lambda n: LinkTimeout("no reply")
    volts = []
    for _ in range(5):
        tick(safe, clock, 0.4)
        volts.append(float(robot.sent[-1][0]))
    assert volts == pytest.approx([2.0, 2.0, 2.0, 0.0, 0.0])
    assert safe.state is SafetyState.HOLDING
    assert safe.counts["held"] == 2
    with pytest.raises(LinkError):
        tick(safe, clock, 0.4)


def test_after_holding_the_action_ramps_again(robot, spec, clock):
    safe = SafeRobot(robot, with_safety(spec, hold_ticks=2), clock)
    settle(safe, clock)
    robot.break_read = timeouts(*range(robot.reads + 1, robot.reads + 5))
    for _ in range(5):
        tick(safe, clock, 1.0)
    assert safe.state is SafetyState.RAMPING
    assert robot.sent[-1] == pytest.approx([0.0])


def test_coast_ticks_matter(robot, spec, clock):
    safe = SafeRobot(robot, with_safety(spec, coast_ticks=0), clock)
    settle(safe, clock)
    robot.break_read = lambda n: LinkTimeout("no reply")
    with pytest.raises(LinkError):
        tick(safe, clock)


def test_frozen_samples_stop(safe, robot, spec, clock):
    settle(safe, clock)
    clock.advance(DT)
    robot.frozen = safe.read()
    for _ in range(spec.safety.coast_ticks):
        tick(safe, clock)
    with pytest.raises(StaleState, match="stands still"):
        tick(safe, clock)
    expect_stop(safe, robot, StopReason.STALE)


def test_asking_twice_at_once_is_not_a_frozen_sensor(safe, robot, clock):
    settle(safe, clock)
    clock.advance(DT)
    assert safe.read().fresh
    assert safe.read().fresh


def test_lost_confirmations_are_bridged_then_stop(safe, robot, spec, clock):
    settle(safe, clock)
    tick(safe, clock, 0.4)
    robot.break_send = lambda n: LinkTimeout("no reply")
    for _ in range(spec.safety.coast_ticks):
        assert tick(safe, clock, -1.0) == pytest.approx([0.4])
        assert safe.flags & TickFlag.SEND_FAILED
    with pytest.raises(LinkError, match="not confirmed"):
        tick(safe, clock, -1.0)
    expect_stop(safe, robot, StopReason.LINK_LOST)


def test_position_limit_stops(safe, robot, clock):
    settle(safe, clock)
    robot.q = np.array([2.0072, 0.0])  # 115 deg are 2.0071 rad
    robot.q[0] -= 0.0
    clock.advance(1.0)
    with pytest.raises(LimitExceeded, match=r"'arm' is at 2.007"):
        safe.read()
    expect_stop(safe, robot, StopReason.LIMIT_POSITION)


@pytest.mark.parametrize(("q", "action", "sent"), [
    (1.95, 0.5, 0.0),  # outward inside the margin of 0.1 rad
    (1.95, -0.5, -2.5),
    (-1.95, -0.5, 0.0),
    (-1.95, 0.5, 2.5),
    (1.90, 0.5, 2.5),  # not yet inside
])  # fmt: skip
def test_soft_limit_refuses_outward_commands(safe, robot, clock, q, action, sent):
    settle(safe, clock)
    robot.q = np.array([q, 0.0])
    clock.advance(1.0)
    safe.read()
    safe.send(np.array([action]))
    assert robot.sent[-1] == pytest.approx([sent])
    assert safe.counts["soft_limit"] == int(sent == 0)


def test_soft_limit_margin_matters(robot, spec, clock):
    safe = SafeRobot(robot, with_safety(spec, soft_limit_margin_rad=0.2), clock)
    settle(safe, clock)
    robot.q = np.array([1.90, 0.0])
    clock.advance(1.0)
    safe.read()
    safe.send(np.array([0.5]))
    assert robot.sent[-1] == pytest.approx([0.0])


def test_velocity_limit_stops(safe, robot, clock):
    settle(safe, clock)
    robot.q = np.array([0.0, 1.21])  # 60.5 rad/s over 20 ms
    with pytest.raises(LimitExceeded, match=r"'pendulum' moved 1.210 rad in 20.0 ms"):
        tick(safe, clock)
    expect_stop(safe, robot, StopReason.LIMIT_VELOCITY)


def test_velocity_is_judged_over_the_time_that_passed(safe, robot, clock):
    settle(safe, clock)
    robot.break_read = timeouts(robot.reads + 1)
    tick(safe, clock)
    robot.q = np.array([0.0, 1.21])  # over 40 ms
    tick(safe, clock)
    assert safe.state is SafetyState.RUNNING


@pytest.mark.parametrize(("bits", "reason"), [
    (0x0001, StopReason.WATCHDOG),
    (0x0010, StopReason.DEVICE_FAULT),
    (0x0200, StopReason.DEVICE_FAULT),
])  # fmt: skip
def test_device_faults_stop(safe, robot, clock, bits, reason):
    settle(safe, clock)
    robot.change = with_faults(bits)
    with pytest.raises(DeviceFault):
        tick(safe, clock)
    expect_stop(safe, robot, reason)


def test_a_device_that_says_it_clamped_is_healthy(safe, robot, clock):
    settle(safe, clock)
    robot.change = with_faults(0x0100)
    tick(safe, clock)
    assert safe.state is SafetyState.RUNNING


def test_a_fault_raised_by_the_driver_stops_at_once(safe, robot, clock):
    settle(safe, clock)
    robot.break_read = lambda n: DeviceFault("undervoltage")
    with pytest.raises(DeviceFault, match="undervoltage"):
        tick(safe, clock)
    expect_stop(safe, robot, StopReason.DEVICE_FAULT)


@pytest.mark.parametrize(("celsius", "stops"), [(79.0, False), (81.0, True), (np.nan, False)])
def test_temperature(safe, robot, clock, celsius, stops):
    settle(safe, clock)
    robot.change = lambda s: replace(s, temperature_c=np.array([celsius]))
    if stops:
        with pytest.raises(LimitExceeded, match="81 degrees C, limit 80"):
            tick(safe, clock)
        expect_stop(safe, robot, StopReason.TEMPERATURE)
    else:
        tick(safe, clock)


def test_a_stop_is_latched_until_reset(safe, robot, clock):
    settle(safe, clock)
    safe.stop(StopReason.OPERATOR, "red button")
    for attempt in (safe.arm, safe.read, lambda: safe.send(FULL)):
        with pytest.raises(SafetyError, match="red button"):
            attempt()
    safe.stop(StopReason.EXCEPTION, "later")
    assert safe.reason is StopReason.OPERATOR
    safe.disarm()
    assert safe.state is SafetyState.STOPPED
    safe.reset()
    assert safe.state is SafetyState.DISARMED
    settle(safe, clock)


def test_a_robot_beyond_its_limit_cannot_be_armed(safe, robot):
    robot.q = np.array([2.1, 0.0])
    with pytest.raises(LimitExceeded):
        safe.arm()
    assert safe.state is SafetyState.STOPPED


def test_leaving_the_context_stops_and_closes(robot, spec, clock):
    with SafeRobot(robot, spec, clock) as safe:
        settle(safe, clock)
    assert robot.log[-2:] == ["stop", "close"]
    assert safe.state is SafetyState.DISARMED


@pytest.mark.parametrize(
    ("error", "reason"),
    [(ValueError("bug"), StopReason.EXCEPTION), (KeyboardInterrupt(), StopReason.OPERATOR)],
)
def test_leaving_by_an_error_stops_and_closes(robot, spec, clock, error, reason):
    safe = SafeRobot(robot, spec, clock)
    with pytest.raises(type(error)), safe:
        settle(safe, clock)
        raise error
    assert (safe.state, safe.reason) == (SafetyState.STOPPED, reason)
    assert robot.log[-1] == "close"


def test_when_stopping_fails_zero_is_sent_and_the_error_comes_out(safe, robot, clock):
    settle(safe, clock)
    tick(safe, clock, 1.0)

    def broken() -> None:
        raise RuntimeError("driver bug")

    robot.stop = broken
    with pytest.raises(RuntimeError, match="driver bug"):
        safe.stop(StopReason.OPERATOR)
    assert robot.sent[-1] == pytest.approx([0.0])
    assert safe.state is SafetyState.STOPPED


def test_a_driver_with_an_enable_is_enabled_and_cleared(robot, spec, clock):
    calls = []
    robot.arm = lambda: calls.append("arm")
    robot.clear_faults = lambda: calls.append("clear")
    safe = SafeRobot(robot, spec, clock)
    safe.arm()
    safe.stop(StopReason.OPERATOR)
    safe.reset()
    assert calls == ["arm", "clear"]


EVENTS = st.sampled_from(
    ["arm", "read", "send", "nan", "stop", "reset", "disarm", "lost", "limit", "fast", "late",
     "fault", "heal", "wait"]
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(EVENTS, max_size=40))
def test_once_stopped_only_stops_reach_the_driver_until_reset(events):
    spec, clock = load_robot("furuta"), LockstepClock()
    robot = FakeRobot(spec, clock)
    safe = SafeRobot(robot, spec, clock)
    for event in events:
        stopped = safe.state is SafetyState.STOPPED
        reason, seen = safe.reason, len(robot.log)
        with suppress(RobotMbrlError):
            _do(event, safe, robot, clock)
        if stopped and event != "reset":
            assert safe.state is SafetyState.STOPPED
            assert safe.reason is reason
            assert all(entry == "stop" for entry in robot.log[seen:])
        for value in robot.sent:
            assert np.isfinite(value).all()
            assert abs(value[0]) <= 5.0


def _do(event: str, safe: SafeRobot, robot: FakeRobot, clock: LockstepClock) -> None:
    if event == "heal":
        robot.q, robot.change, robot.break_read = np.zeros(2), lambda s: s, lambda n: None
    elif event == "lost":
        robot.break_read = lambda n: LinkTimeout("no reply")
    elif event == "limit":
        robot.q = np.array([3.0, 0.0])
    elif event == "fast":
        robot.q = robot.q + np.array([0.0, 2.0])
    elif event == "fault":
        robot.change = with_faults(8)
    elif event == "wait":
        clock.advance(DT)
    else:
        {
            "arm": safe.arm,
            "read": safe.read,
            "send": lambda: safe.send(np.array([2.0])),
            "nan": lambda: safe.send(np.array([np.nan])),
            "stop": lambda: safe.stop(StopReason.OPERATOR),
            "reset": safe.reset,
            "disarm": safe.disarm,
            "late": lambda: safe.check_timing(Period(lateness_s=0.1, skipped=9)),
        }[event]()
