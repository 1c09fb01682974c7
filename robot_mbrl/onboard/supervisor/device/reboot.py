"""Has the device restarted, and with it the zero of its encoders?"""

import numpy as np

from robot_mbrl.contract import RobotSpec, RobotState
from robot_mbrl.contract.stop_reason import StopReason, Violation

SLACK_S = 0.5
SLOWEST, FASTEST = 0.98, 1.02
"""Of the rate that a clock or counter had before, while nobody looked: oscillators drift."""


class RebootCheck:
    """Compares each sample with the last one, however long ago that was.

    A restarted device has a clock and a sample counter that are both younger than the time since
    the last sample, and behind what they would show by now. A clock that jumps or wraps leaves the
    counter alone, a counter that wraps the clock: neither is a restart.

    An incremental encoder counts from where its joint was at the restart, so the robot stays
    refused until `forget`. Absolute ones keep their zero.

    Attributes:
        zero_lost: the angles mean nothing until `forget`.
    """

    def __init__(self, spec: RobotSpec) -> None:
        """Nothing seen yet."""
        self._incremental = [j.name for j in spec.joints if not j.absolute_encoder]
        self.forget()

    def forget(self) -> None:
        """Begin with the next sample: the operator says that the encoders' zero is right."""
        self.zero_lost = False
        self._first: RobotState | None = None
        self._last: RobotState | None = None

    def update(self, state: RobotState) -> Violation | None:
        """Take a sample; returns what is wrong with the device."""
        if self.zero_lost:
            return StopReason.REBOOT, f"the device had restarted. {self._remedy()}"
        first, last = self._first, self._last
        self._last = state
        if first is None or last is None:
            self._first = state
            return None
        if not _restarted(first, last, state):
            return None
        self._first, self.zero_lost = state, bool(self._incremental)
        return StopReason.REBOOT, (
            f"the device's clock shows {state.device_time_s:.1f} s after "
            f"{last.device_time_s:.1f} s, its sample counter {state.sequence} after "
            f"{last.sequence}. {self._remedy()}"
        )

    def _remedy(self) -> str:
        if not self._incremental:
            return "Its encoders are absolute, the angles stay right; find out why it restarted"
        joints = ", ".join(map(repr, self._incremental))
        return (
            f"The angles of {joints} count from where each joint was then. Bring them to where "
            "their encoders shall show 0, switch the robot off and on there, and start again; a "
            "program that goes on says so by reset(zeroed=True)"
        )


def _restarted(first: RobotState, last: RobotState, now: RobotState) -> bool:
    """Whether both clock and sample counter of `now` began after `last` was taken."""
    gap_s, known_s = now.host_time_s - last.host_time_s, last.host_time_s - first.host_time_s

    def began_anew(before: float, after: float, rate: float) -> bool:
        young = after <= rate * (FASTEST * max(gap_s, 0.0) + SLACK_S)
        behind = after - before < rate * (SLOWEST * gap_s - SLACK_S)
        return young and behind

    def rate(start: float, end: float, default: float) -> float:
        return (end - start) / known_s if known_s > SLACK_S and end > start else default

    clock = rate(first.device_time_s, last.device_time_s, 1.0)
    counter = rate(first.sequence, last.sequence, last.sequence / max(last.device_time_s, SLACK_S))
    return began_anew(last.device_time_s, now.device_time_s, clock) and bool(
        np.isfinite(counter) and began_anew(last.sequence, now.sequence, counter)
    )
