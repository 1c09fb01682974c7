"""Periods stay in phase, whatever a tick or the machine does; nothing is made up for in bursts."""

import itertools

import pytest

from robot_mbrl.onboard.timing.pacing import Pacer, Period
from tests.support.onboard_fakes import LockstepClock

DT = 0.02


def pace(busy_ms: dict[int, float], asleep_ms: dict[int, float], ticks: int) -> list[Period]:
    """Ticks that last `busy_ms`, by their count, and wake up `asleep_ms` late."""
    clock = LockstepClock()
    pacer = Pacer(clock, DT)
    seen = [pacer.start()]
    for count in range(ticks):
        clock.advance(1e-3 * busy_ms.get(count, 0.0))
        clock.oversleep_s = 1e-3 * asleep_ms.get(count, 0.0)
        seen.append(pacer.wait())
        started_s = seen[-1].index * DT + seen[-1].lateness_s
        assert clock.now() - 100.0 == pytest.approx(started_s)
    return seen


def test_ticks_in_time_follow_each_other() -> None:
    seen = pace({0: 19.9, 1: 20.0}, {}, 4)
    assert [p.index for p in seen] == [0, 1, 2, 3, 4]
    assert {p.skipped for p in seen} == {0}
    assert max(p.lateness_s for p in seen) == pytest.approx(0.0, abs=1e-9)
    assert [p.last_tick_s for p in seen[1:]] == pytest.approx([0.0199, 0.02, 0, 0])


@pytest.mark.parametrize(("took_ms", "skipped"), [(20.1, 1), (39.9, 1), (40.1, 2), (55.0, 2)])
def test_a_tick_that_lasts_into_other_periods_leaves_them_out(took_ms, skipped) -> None:
    late = pace({1: took_ms}, {}, 3)[2]
    assert (late.index, late.skipped) == (2 + skipped, skipped)
    assert late.lateness_s == pytest.approx(0.0, abs=1e-9)
    assert late.last_tick_s == pytest.approx(1e-3 * took_ms)


@pytest.mark.parametrize(
    ("late_ms", "skipped", "left_ms"),
    [(6.0, 0, 6.0), (9.9, 0, 9.9), (11.0, 1, 0.0), (26.0, 1, 6.0), (41.0, 2, 1.0), (59, 3, 0)],
)
def test_a_late_wake_is_used_in_the_first_half_of_a_period(late_ms, skipped, left_ms) -> None:
    late = pace({}, {1: late_ms}, 3)[2]
    assert (late.index, late.skipped) == (2 + skipped, skipped)
    assert late.lateness_s == pytest.approx(1e-3 * left_ms, abs=1e-9)


def test_after_a_stall_there_is_no_burst() -> None:
    for stall_ms in range(1, 200):
        for seen in (pace({1: stall_ms}, {}, 4), pace({}, {1: stall_ms}, 4)):
            starts = [p.index * DT + p.lateness_s for p in seen]
            gaps = [b - a for a, b in itertools.pairwise(starts)]
            assert min(gaps) >= 0.5 * DT - 1e-9, stall_ms


def test_a_new_start_lays_a_new_grid() -> None:
    clock = LockstepClock()
    pacer = Pacer(clock, DT)
    clock.advance(31.7)
    assert pacer.start() == Period()
    assert pacer.wait() == Period(1)
    assert clock.now() == pytest.approx(131.72)
