"""A lost reply is asked for once more, only where the rest of the tick still fits."""

from collections.abc import Callable

import pytest

from hardware.resend import Resend
from robot_mbrl.contract.errors import LinkTimeout

PERIOD_S, TIMEOUT_S = 0.020, 0.004


class Line:
    """Loses the next `lose` replies; each loss takes the whole timeout."""

    def __init__(self) -> None:
        self.time_s, self.asked, self.lose = 0.0, 0, 0

    def now(self) -> float:
        return self.time_s

    def ask(self) -> str:
        self.asked += 1
        if self.lose:
            self.lose -= 1
            self.time_s += TIMEOUT_S
            raise LinkTimeout("no reply")
        return "reply"


@pytest.fixture
def line() -> Line:
    return Line()


def tick(resend: Resend, line: Line, thinking_s: float = 0.001) -> None:
    resend.read(line.ask)
    line.time_s += thinking_s
    resend.send(line.ask)


def tries(call: Callable[[Callable[[], str]], str], line: Line, lose: int) -> int:
    line.asked, line.lose = 0, lose
    try:
        call(line.ask)
    except LinkTimeout:
        line.lose = 0
        return -line.asked
    return line.asked


def settled(line: Line, thinking_s: float = 0.001) -> Resend:
    """After a second of ticks without loss."""
    resend = Resend(PERIOD_S, TIMEOUT_S, line.now)
    for _ in range(100):
        tick(resend, line, thinking_s)
    return resend


@pytest.mark.parametrize(("lose", "expected"), [(0, 1), (1, 2), (2, -2), (5, -2)])
def test_once_more_and_no_oftener(line: Line, lose: int, expected: int) -> None:
    resend = settled(line)
    assert tries(resend.read, line, lose) == expected
    resend = settled(line)
    resend.read(line.ask)
    assert tries(resend.send, line, lose) == expected


def test_both_of_a_tick(line: Line) -> None:
    resend = settled(line)
    began = line.time_s
    assert tries(resend.read, line, 1) == 2
    assert tries(resend.send, line, 1) == 2
    assert line.time_s - began <= PERIOD_S


@pytest.mark.parametrize("thinking_s", [0.007, 0.015])
def test_a_controller_that_needs_the_time_gets_it(line: Line, thinking_s: float) -> None:
    """Two replies, the thinking and a period of 20 ms: 6 ms may be thought."""
    resend = settled(line, thinking_s)
    assert tries(resend.read, line, 1) == -1


def test_a_command_late_in_its_tick_is_not_repeated(line: Line) -> None:
    resend = settled(line)
    resend.read(line.ask)
    line.time_s += 0.012
    assert tries(resend.send, line, 1) == -1


def test_nothing_fits_before_the_controller_has_been_timed(line: Line) -> None:
    assert tries(Resend(PERIOD_S, TIMEOUT_S, line.now).read, line, 1) == -1


def test_one_long_thought_is_forgotten(line: Line) -> None:
    resend = settled(line)
    tick(resend, line, 3.0)
    assert tries(resend.read, line, 1) == -1
    for _ in range(50):
        tick(resend, line)
    assert tries(resend.read, line, 1) == 2


def test_a_period_too_short_for_two_replies(line: Line) -> None:
    resend = Resend(0.009, TIMEOUT_S, line.now)
    for _ in range(200):
        tick(resend, line)
    assert tries(resend.read, line, 1) == -1
