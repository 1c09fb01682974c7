"""The device's clock against the host's: a time line of samples that can be divided by.

A sample was taken between question and answer. So the host knows, without trusting anybody, between
which bounds the time since the last sample lies. The device's own clock tells more precisely where;
it is believed within these bounds.
"""

from collections import deque
from dataclasses import dataclass, replace
from statistics import median

from robot_mbrl.contract import RobotState

WRAP_S = 2**32 * 1e-6
"""Microseconds in 32 bits start anew after 71.6 minutes."""
SLACK_SHARE = 0.25
"""Of a period: how much older or younger than the last one a sample may be when it is asked for."""
REMEMBERED, ENOUGH = 25, 5
"""Intervals of which the rate is the median, and how many it takes."""
GOOD_RATE = 0.02
"""A clock that differs by less than this from the host's is taken as it is."""


@dataclass(frozen=True)
class _Reading:
    device_s: float
    asked_s: float
    arrived_s: float


class DeviceClock:
    """Follows a device's clock and corrects it where it jumps, wraps, runs fast or slow.

    A clock that stands still is left standing: what it shows is no new sample.

    Attributes:
        corrections: intervals that were not what the device said.
        believed: whether the last interval was, by the rate that the clock is known to have.
    """

    def __init__(self, dt_s: float) -> None:
        """A clock of which nothing is known; `dt_s` is the control period."""
        self.corrections = 0
        self.believed = True
        self._dt_s = dt_s
        self._ratios: deque[float] = deque(maxlen=REMEMBERED)
        self._last: _Reading | None = None
        self._offset_s = 0.0

    @property
    def rate(self) -> float:
        """Seconds of the device in a second of the host; 1 for a good clock."""
        found = median(self._ratios) if len(self._ratios) >= ENOUGH else 1.0
        return found if abs(found - 1.0) > GOOD_RATE else 1.0

    def follow(self, state: RobotState, asked_s: float, arrived_s: float) -> RobotState:
        """The sample with `device_time_s` on a time line without jumps, in the host's seconds.

        Args:
            state: as the device says; its time is finite.
            asked_s, arrived_s: host times around the question and its answer.
        """
        before, now = self._last, _Reading(state.device_time_s, asked_s, arrived_s)
        if before is None:
            self._last = now
        elif now.device_s != before.device_s:
            self._offset_s += self._elapsed(before, now) - (now.device_s - before.device_s)
            self._last = now
        if not self._offset_s:
            return state
        return replace(state, device_time_s=state.device_time_s + self._offset_s)

    def _elapsed(self, before: _Reading, now: _Reading) -> float:
        """Seconds between two samples."""
        least = now.asked_s - before.arrived_s
        most = now.arrived_s - before.asked_s
        told = now.device_s - before.device_s
        slack = SLACK_SHARE * self._dt_s
        if told < 0 and least - slack <= told + WRAP_S <= most + slack:
            told += WRAP_S
        rate = self.rate
        if told > 0 and most + least > self._dt_s:
            self._ratios.append(2 * told / (most + least))
        elapsed = told / rate
        self.believed = elapsed > 0 and least - slack <= elapsed <= most + slack
        self.corrections += not self.believed or rate != 1.0
        return elapsed if self.believed else 0.5 * (least + most)
