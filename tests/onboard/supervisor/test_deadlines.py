"""Missed periods stop in a row and in a window; one hiccup does not."""

from dataclasses import replace

import numpy as np
import pytest

from robot_mbrl.contract import ObservationLayout, Observer, RobotSpec
from robot_mbrl.contract.errors import DeadlineMissed, SafetyError
from robot_mbrl.data import TickFlag
from robot_mbrl.onboard import LoopReport, SafeRobot, SafetyState, StopReason, run_episode
from robot_mbrl.onboard.timing.pacing import Period
from tests.support.onboard_fakes import FakeController, FakeRobot, LockstepClock

ON_TIME, LATE, LEFT_OUT = Period(), Period(lateness_s=0.0051), Period(skipped=1)


def with_safety(spec: RobotSpec, **changes: float) -> RobotSpec:
    return replace(spec, safety=replace(spec.safety, **changes))


def ticks_until_the_stop(safe: SafeRobot, periods: list[Period]) -> int | None:
    """How many of the periods the robot saw when it stopped; None where it did not."""
    safe.arm()
    for count, period in enumerate(periods, 1):
        try:
            safe.check_timing(period)
        except DeadlineMissed:
            assert safe.state is SafetyState.STOPPED and safe.reason is StopReason.DEADLINE
            return count
    return None


@pytest.mark.parametrize("first", [LATE, LEFT_OUT])
@pytest.mark.parametrize("second", [LATE, LEFT_OUT])
def test_two_late_ticks_in_a_row_stop(safe, first, second):
    assert ticks_until_the_stop(safe, [ON_TIME, first, ON_TIME, first, second]) == 5
    assert safe.counts["missed"] == 3
    assert "2 ticks in a row" in safe.message


@pytest.mark.parametrize("missed", [LATE, LEFT_OUT])
def test_more_than_a_tenth_of_a_second_stops(safe, missed):
    often, seldom = [missed, *[ON_TIME] * 6], [missed, *[ON_TIME] * 10]
    assert ticks_until_the_stop(safe, seldom * 30) is None
    safe.reset()
    assert ticks_until_the_stop(safe, often * 30) == 5 * 7 + 1
    assert "6 of the last 50 periods were missed" in safe.message


def test_one_stall_of_a_tenth_of_a_second_is_a_hiccup_and_a_longer_one_is_not(safe):
    assert ticks_until_the_stop(safe, [Period(skipped=5), *[ON_TIME] * 60, Period(skipped=6)]) == 62


def test_a_stall_of_half_an_hour_takes_no_time_to_count(safe):
    assert ticks_until_the_stop(safe, [Period(skipped=90_000)]) == 1
    assert safe.counts["missed"] == 90_000


@pytest.mark.parametrize(("rate_hz", "allowed"), [(2.0, 2), (10.0, 2), (30.0, 3), (500.0, 50)])
def test_the_window_is_a_second_but_no_less_than_ten_periods(robot, clock, spec, rate_hz, allowed):
    slow = replace(spec, control=replace(spec.control, rate_hz=rate_hz))
    one_by_one = [LATE, ON_TIME]
    safe = SafeRobot(robot, slow, clock)
    assert ticks_until_the_stop(safe, one_by_one * 100) == 2 * allowed + 1


def test_deadline_settings_matter(robot, spec, clock):
    strict = with_safety(spec, deadline_ms=8.0, deadline_misses=1)
    safe = SafeRobot(robot, strict, clock)
    assert ticks_until_the_stop(safe, [Period(lateness_s=0.007), Period(lateness_s=0.009)]) == 2
    patient = SafeRobot(robot, with_safety(spec, deadline_misses=20), clock)
    assert ticks_until_the_stop(patient, [LATE, ON_TIME] * 60) == 41  # 21 of 50
    patient.reset()
    assert ticks_until_the_stop(patient, [LATE] * 60) == 20


def test_arming_forgets_what_was_missed(safe):
    assert ticks_until_the_stop(safe, [LATE]) is None
    safe.disarm()
    assert ticks_until_the_stop(safe, [LATE]) is None


def test_a_missed_tick_is_flagged(safe):
    safe.arm()
    for period, flag in [(ON_TIME, 0), (LATE, 8), (ON_TIME, 0), (LEFT_OUT, 8)]:
        safe.read()
        safe.check_timing(period)
        assert safe.flags == TickFlag(flag)


# --- in a loop ---------------------------------------------------------------------------------


def run(safe: SafeRobot, clock: LockstepClock, controller: FakeController) -> LoopReport:
    layout = ObservationLayout.from_spec(safe.spec)
    return run_episode(safe, clock, controller, Observer(layout), None, 100)


def test_a_loop_that_stalls_for_40_of_every_100_ms_stops(safe, clock, controller):
    def stall(n: int) -> None:
        if clock.now() >= due[0]:
            clock.oversleep_s, due[0] = 0.04, due[0] + 0.1

    due = [100.0]
    controller.before = stall
    report = run(safe, clock, controller)
    assert report.stop_reason is StopReason.DEADLINE
    assert clock.now() - 100.0 < 0.35
    assert report.missed_deadlines == report.skipped_periods == 6


def test_a_loop_at_16_hz_is_not_on_time(robot, spec, clock):
    """50 Hz are asked; once nobody minds, all that is missed is counted."""
    for misses, stops in [(2, StopReason.DEADLINE), (100, StopReason.FINISHED)]:
        safe = SafeRobot(robot, with_safety(spec, deadline_misses=misses), clock)
        controller = FakeController(spec)
        controller.before = lambda n: clock.advance(1 / 16)
        report = run(safe, clock, controller)
        assert report.stop_reason is stops
        assert report.missed_deadlines == report.skipped_periods == (75 if misses == 100 else 6)
        assert report.ticks == (25 if misses == 100 else 2)


@pytest.mark.parametrize("place", ["tick", "sleep"])
def test_one_stall_of_23_ms_is_no_stop(safe, clock, controller, place):
    def stall(n: int) -> None:
        if n == 20:
            clock.advance(0.0236) if place == "tick" else setattr(clock, "oversleep_s", 0.0236)

    controller.before = stall
    report = run(safe, clock, controller)
    assert report.stop_reason is StopReason.FINISHED
    assert (report.missed_deadlines, report.skipped_periods) == (1, 1)


def test_what_was_predicted_for_a_tick_that_never_ran_is_no_innovation(safe, clock, controller):
    """The controller foresees the next period; a machine in even motion was not surprising."""
    seen: list[np.ndarray] = []
    robot: FakeRobot = safe._robot

    def turn(n: int) -> None:
        robot.q = np.array([0.0, 5.0 * (clock.now() - 100.0)])
        clock.oversleep_s = 0.04 if n == 20 else 0.0

    class Noting:
        def reset(self) -> None:
            pass

        def update(self, z: np.ndarray, disagreement: float) -> None:
            seen.append(z)

        def report(self) -> dict[str, float]:
            return {}

    controller.before = turn
    layout = ObservationLayout.from_spec(safe.spec)
    run_episode(safe, clock, controller, Observer(layout), None, 40, monitor=Noting())
    assert np.isnan(seen[20]).all()
    assert np.isfinite(seen[19]).all() and np.isfinite(seen[21]).all()


# --- the age of a command ----------------------------------------------------------------------


def test_a_command_that_comes_long_after_its_sample_is_not_sent(safe, robot, clock):
    safe.arm()
    clock.advance(0.079)
    safe.send(np.array([0.5]))
    sends = robot.sends
    clock.advance(0.002)
    with pytest.raises(SafetyError, match=r"81 ms after its sample"):
        safe.send(np.array([0.5]))
    assert robot.sends == sends and robot.log[-1] == "stop"
    assert safe.reason is StopReason.DEADLINE
