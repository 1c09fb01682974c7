import time

import pytest

from hardware.clock import RealClock
from robot_mbrl.contract import Clock

pytestmark = pytest.mark.realtime


def test_waits_until_not_less() -> None:
    clock = RealClock()
    assert isinstance(clock, Clock)
    for period in (0.0001, 0.002, 0.01):
        goal = clock.now() + period
        lateness = clock.wait_until(goal)
        assert clock.now() >= goal
        assert 0.0 <= lateness < 0.2


def test_the_past_is_late_and_not_waited_for() -> None:
    clock = RealClock()
    start = time.monotonic()
    assert clock.wait_until(start - 1.0) >= 1.0
    assert time.monotonic() - start < 0.1


def test_an_absolute_grid_does_not_drift() -> None:
    clock = RealClock()
    start = clock.now()
    for tick in range(1, 21):
        clock.wait_until(start + tick * 0.002)
    assert 0.04 <= clock.now() - start < 0.2


def test_spinning_can_be_turned_off() -> None:
    """Without spinning the wait costs no processor time."""
    before = time.thread_time()
    RealClock(spin_s=0.0).wait_until(time.monotonic() + 0.05)
    sleeping = time.thread_time() - before
    before = time.thread_time()
    RealClock(spin_s=0.05).wait_until(time.monotonic() + 0.05)
    assert time.thread_time() - before > sleeping
