"""Is a sample new, and for how many ticks has there been none."""

import math
from dataclasses import replace

from robot_mbrl.contract import RobotSpec, RobotState

SEQUENCES = 2**32
"""Sample counters that start anew after this many go on; one that goes back is no new sample."""


class Freshness:
    """The last good sample and the ticks since it.

    Attributes:
        last: the last good sample, None before the first.
        missing: ticks in a row without a fresh one.
    """

    def __init__(self, spec: RobotSpec) -> None:
        """Nothing seen yet."""
        self._safety = spec.safety
        self._dt = spec.control.dt
        self._seen_at_s = -math.inf
        self.last: RobotState | None = None
        self.missing = 0

    def keep(self, state: RobotState, now_s: float) -> None:
        """Take a good sample."""
        self.last, self._seen_at_s, self.missing = state, now_s, 0

    def is_fresh(self, state: RobotState, now_s: float) -> bool:
        """Whether the device has sampled since the last good sample."""
        if not state.fresh:
            return False
        if self.last is None or now_s - self._seen_at_s < 0.5 * self._dt:
            return True  # asked again at once: nothing new is to be expected
        ahead = (state.sequence - self.last.sequence) % SEQUENCES
        return state.device_time_s > self.last.device_time_s and 0 < ahead < SEQUENCES // 2

    def miss(self) -> RobotState | None:
        """The last good sample again with fresh=False, or None when it is too old to go on."""
        self.missing += 1
        too_old = self.missing > self._safety.coast_ticks + self._safety.hold_ticks
        return None if self.last is None or too_old else replace(self.last, fresh=False)

    @property
    def hold(self) -> bool:
        """Whether coasting is over."""
        return self.missing > self._safety.coast_ticks
