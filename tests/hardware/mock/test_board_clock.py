"""A mock's clock shows the true time unless it is told otherwise."""

import pytest

from hardware.mock.board_clock import BoardClock
from hardware.mock.fault_plan import FaultPlan
from robot_mbrl.contract.description.reality import Failure


def test_a_healthy_clock_shows_the_time() -> None:
    clock = BoardClock(FaultPlan())
    assert [clock.show(t) for t in (0.0, 0.5, 1.25)] == [0, 500_000, 1_250_000]


def test_rate_jump_and_bits() -> None:
    plan = FaultPlan()
    clock = BoardClock(plan)
    clock.show(1.0)
    plan.clock_rate = 2.0
    assert clock.show(1.5) == 2_000_000
    plan.clock_rate, plan.clock_jump_s = 1.0, -0.25
    assert clock.show(1.5) == 1_750_000
    assert clock.show(2.5) == 2_750_000  # it jumps once
    plan.clock_rate = 0.0
    assert clock.show(9.0) == 2_750_000
    plan.clock_rate, plan.clock_bits = 1.0, 8
    assert clock.show(9.0) == 2_750_000 % 256


@pytest.mark.parametrize(("at_s", "shown"), [(0.5, 500_000), (1.0, 5_000_000), (2.0, 6_000_000)])
def test_a_reality_makes_it_jump_in_time(at_s: float, shown: int) -> None:
    plan = FaultPlan(coming=[Failure(1.0, {"clock_jump_s": 4.0})])
    clock = BoardClock(plan)
    clock.show(0.25)
    plan.advance_to(at_s)
    assert clock.show(at_s) == shown
