"""A device's clock is followed where it can be true, and corrected where it cannot."""

from dataclasses import replace

import numpy as np
import pytest

from robot_mbrl.contract import RobotState
from robot_mbrl.contract.errors import LimitExceeded, StaleState
from robot_mbrl.onboard.supervisor.device_clock import WRAP_S, DeviceClock

DT, ROUND_TRIP_S = 0.02, 0.001


def sample(device_s: float) -> RobotState:
    nothing = np.zeros(1)
    return RobotState(nothing, nothing, device_s, 0.0, 1, 0, nothing)


def steps(device_s: list[float], host_s: list[float] | None = None) -> tuple[np.ndarray, int]:
    """Elapsed times between samples with these device times, one a period, and corrections."""
    clock = DeviceClock(DT)
    asked = host_s or [100.0 + DT * k for k in range(len(device_s))]
    told = zip(device_s, asked, strict=True)
    times = [clock.follow(sample(d), h, h + ROUND_TRIP_S).device_time_s for d, h in told]
    return np.diff(times), clock.corrections


def test_a_good_clock_is_left_alone_to_the_bit() -> None:
    rng = np.random.default_rng(0)
    device_s = [5.0 + DT * k + 0.001 * rng.uniform() for k in range(200)]
    clock = DeviceClock(DT)
    for k, d in enumerate(device_s):
        host_s = DT * k
        assert clock.follow(sample(d), host_s, host_s + ROUND_TRIP_S).device_time_s == d
    assert clock.corrections == 0


@pytest.mark.parametrize("jump_s", [-1000.0, -1.0, -0.015, 0.015, 0.03, 1.0, 1000.0])
def test_a_jump_is_no_time(jump_s: float) -> None:
    elapsed, corrections = steps([DT * k + (jump_s if k >= 20 else 0.0) for k in range(40)])
    assert elapsed == pytest.approx(np.full(39, DT), abs=ROUND_TRIP_S)
    assert corrections == 1


@pytest.mark.parametrize("rate", [0.01, 0.5, 0.8, 0.97, 1.03, 1.2, 2.0, 50.0])
def test_a_wrong_rate_is_learned(rate: float) -> None:
    elapsed, _ = steps([rate * DT * k for k in range(60)])
    assert elapsed[:5] == pytest.approx(np.full(5, DT), rel=0.26)
    assert elapsed[5:] == pytest.approx(np.full(54, DT), rel=0.01)


def test_a_rate_that_changes_is_learned_anew() -> None:
    device_s = np.cumsum([DT] * 40 + [2 * DT] * 60 + [DT] * 60)
    elapsed, _ = steps(device_s.tolist())
    assert elapsed == pytest.approx(np.full(159, DT), rel=0.01)


@pytest.mark.parametrize("start_s", [WRAP_S - 0.05, WRAP_S - 0.06])
def test_32_bits_of_microseconds_go_on(start_s: float) -> None:
    elapsed, corrections = steps([(start_s + DT * k) % WRAP_S for k in range(20)])
    assert elapsed == pytest.approx(np.full(19, DT), abs=1e-6)
    assert corrections == 0


def test_a_clock_that_stands_still_is_left_standing_and_then_goes_on() -> None:
    device_s = [0.0, DT, 2 * DT, 2 * DT, 2 * DT, 5 * DT, 6 * DT]
    elapsed, corrections = steps(device_s)
    assert elapsed == pytest.approx([DT, DT, 0, 0, 3 * DT, DT])
    assert corrections == 0
    elapsed, _ = steps([0.0, DT, DT, DT, 2 * DT, 3 * DT])  # it did not run meanwhile
    assert elapsed == pytest.approx([DT, 0, 0, 3 * DT, DT], rel=0.05)


def test_a_host_that_stalls_does_not_make_a_good_clock_wrong() -> None:
    rng = np.random.default_rng(1)
    host_s = np.cumsum(rng.choice([DT, 3.7 * DT], 200, p=[0.9, 0.1])).tolist()
    elapsed, corrections = steps([h + 0.0005 for h in host_s], host_s)
    assert elapsed == pytest.approx(np.diff(host_s))
    assert corrections == 0


def test_an_answer_that_takes_long_widens_what_is_believed() -> None:
    clock = DeviceClock(DT)
    clock.follow(sample(0.0), 0.0, 0.001)
    late = clock.follow(sample(0.045), 0.02, 0.05)  # taken somewhere between 20 and 50 ms
    assert late.device_time_s == 0.045
    assert clock.corrections == 0


def test_time_never_goes_back_whatever_the_device_says() -> None:
    rng = np.random.default_rng(2)
    elapsed, _ = steps(rng.uniform(-1e4, 1e4, 300).tolist())
    assert (elapsed > 0).all()
    assert elapsed == pytest.approx(np.full(299, DT), abs=0.3 * DT)


# --- in the supervisor -------------------------------------------------------------------------


def test_a_device_that_repeats_old_samples_has_no_new_one(safe, robot, clock) -> None:
    """Their times are earlier, which alone might be a clock that starts anew."""
    safe.arm()
    old = []
    for _ in range(10):
        clock.advance(DT)
        old.append(safe.read())
    again = iter(old)
    robot.change = lambda state: next(again)
    with pytest.raises(StaleState, match="stands still"):
        for _ in range(5):
            clock.advance(DT)
            safe.read()


def test_a_sample_counter_of_32_bits_goes_on(safe, robot, clock) -> None:
    counter = iter(range(2**32 - 5, 2**32 + 20))
    robot.change = lambda state: replace(state, sequence=next(counter) % 2**32)
    safe.arm()
    for _ in range(15):
        clock.advance(DT)
        assert safe.read().fresh


def test_corrections_are_counted_and_the_time_line_goes_on(safe, robot, clock) -> None:
    safe.arm()
    clock.advance(DT)
    before = safe.read().device_time_s
    robot.change = lambda state: replace(state, device_time_s=state.device_time_s - 3.0)
    clock.advance(DT)
    assert safe.read().device_time_s == pytest.approx(before + DT)
    assert safe.counts["clock"] == 1


def turn(robot, clock, faster_from_s: float = 9.0) -> None:
    """At 55 rad/s, later at 70; 60 are allowed."""
    passed = clock.now() - 100.0
    robot.q = np.array([0.0, 55.0 * passed + 15.0 * max(0.0, passed - faster_from_s)])


@pytest.mark.parametrize("age_s", [0.006, 0.009])
@pytest.mark.parametrize("doubtful", ["an old sample", "a jump"])
def test_one_doubtful_time_is_no_false_stop(safe, robot, clock, doubtful: str, age_s: float):
    """55 of 60 rad/s: neither a sample that is older than its question nor a jump makes it 70."""

    def change(state: RobotState) -> RobotState:
        tick = round((clock.now() - 100.0) / DT)
        if doubtful == "a jump":
            shift_s = age_s if tick >= 20 else 0.0
            return replace(state, device_time_s=state.device_time_s - shift_s)
        shift_s = age_s if tick == 20 else 0.0
        q = state.q_rad - np.array([0.0, 55.0 * shift_s])
        return replace(state, q_rad=q, device_time_s=state.device_time_s - shift_s)

    robot.change = change
    safe.arm()
    for _ in range(40):
        clock.advance(DT)
        turn(robot, clock)
        assert safe.read().fresh
    assert safe.counts["clock"] == (1 if doubtful == "a jump" else 2)


def test_a_clock_that_jumps_at_every_tick_hides_nothing(safe, robot, clock) -> None:
    rng = np.random.default_rng(0)
    robot.change = lambda s: replace(s, device_time_s=s.device_time_s + rng.uniform(-99, 99))
    safe.arm()
    with pytest.raises(LimitExceeded, match="rad/s, limit 60"):
        for _ in range(40):
            clock.advance(DT)
            turn(robot, clock, faster_from_s=20 * DT)
            safe.read()
    assert 20.5 < (clock.now() - 100.0) / DT < 23.5
