"""Real-time scheduling is taken where it is granted and always given back."""

import os

import pytest

from robot_mbrl.onboard.realtime import realtime_priority

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_getscheduler"), reason="this system has no schedulers to choose"
)


def test_the_scheduler_is_what_was_granted_inside_and_the_old_one_after() -> None:
    before = os.sched_getscheduler(0)
    with pytest.raises(KeyError), realtime_priority(10) as granted:
        inside = os.sched_getscheduler(0)
        assert inside == (os.SCHED_FIFO if granted else before)
        raise KeyError
    assert os.sched_getscheduler(0) == before


def test_without_the_right_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    before = os.sched_getscheduler(0)
    with realtime_priority() as granted:
        assert not granted
        assert os.sched_getscheduler(0) == before
