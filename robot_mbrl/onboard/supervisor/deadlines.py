"""Which periods were missed, and when there were too many.

A period is missed when its tick starts later than `deadline_ms`, or not at all: because the tick
before lasted into it, or because the machine slept through it. One hiccup does no harm that a lost
reply would not do; two late ticks in a row, or a tenth of the last second, stop.
"""

from collections import deque

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.stop_reason import StopReason, Violation
from robot_mbrl.onboard.timing.pacing import Period

WINDOW_S = 1.0
LEAST_WINDOW = 10
"""Periods of the window, where a second has fewer."""
MISSED_SHARE = 0.1
"""Of the window; or `deadline_misses` periods, where that is more."""


class Deadlines:
    """Counts missed periods in a row and over the last second, and the age of commands."""

    def __init__(self, spec: RobotSpec) -> None:
        """Nothing missed yet."""
        self._safety, self._dt = spec.safety, spec.control.dt
        size = max(LEAST_WINDOW, round(WINDOW_S * spec.control.rate_hz))
        self._allowed = max(spec.safety.deadline_misses, int(MISSED_SHARE * size))
        self._window: deque[bool] = deque(maxlen=size)
        self._in_a_row = 0
        self._read_s: float | None = None

    def misses(self, period: Period) -> int:
        """How many periods were missed since the last call; to be called once for each tick."""
        late = 1e3 * period.lateness_s > self._safety.deadline_ms
        self._window.extend([True] * min(period.skipped, self._window.maxlen or 0))
        self._window.append(late)
        self._in_a_row = self._in_a_row + 1 if late or period.skipped else 0
        return period.skipped + late

    def violation(self, period: Period) -> Violation | None:
        """Whether that is too many."""
        how = (
            f"the last started {1e3 * period.lateness_s:.1f} ms late with {period.skipped} periods "
            f"left out, after a tick of {1e3 * period.last_tick_s:.1f} ms; the period is "
            f"{1e3 * self._dt:.1f} ms, a start may be {self._safety.deadline_ms:g} ms late"
        )
        if self._in_a_row >= self._safety.deadline_misses:
            return StopReason.DEADLINE, f"{self._in_a_row} ticks in a row were late, {how}"
        missed = sum(self._window)
        if missed > self._allowed:
            return StopReason.DEADLINE, (
                f"{missed} of the last {self._window.maxlen} periods were missed, {how}"
            )
        return None

    def read_at(self, now_s: float) -> None:
        """The machine has been asked for a sample."""
        self._read_s = now_s

    def too_old(self, now_s: float) -> Violation | None:
        """Whether a command sent now would answer a sample of long ago.

        The limit is the period of the device's watchdog, which has removed drive by then; a device
        without one is treated the same.
        """
        age_ms = 0.0 if self._read_s is None else 1e3 * (now_s - self._read_s)
        if age_ms <= self._safety.watchdog_ms:
            return None
        return StopReason.DEADLINE, (
            f"a command comes {age_ms:.0f} ms after its sample; without one the device removes "
            f"drive in {self._safety.watchdog_ms:g} ms. Call read() once a tick; what takes longer "
            "than a period belongs between episodes"
        )
