"""Does a motor that had a temperature still have one?"""

import math

import numpy as np

from robot_mbrl.contract import RobotSpec, RobotState
from robot_mbrl.contract.stop_reason import StopReason, Violation

LASTS_S = 0.5
"""A reading that fails once is bridged: no motor gets hot in that time."""


class TemperatureCheck:
    """NaN means "no sensor" only where there has never been a number."""

    def __init__(self, spec: RobotSpec) -> None:
        """Nothing seen yet."""
        self._names = [a.name for a in spec.actuators]
        self._known_at_s = np.full(len(self._names), math.inf)

    def update(self, state: RobotState) -> Violation | None:
        """Take a sample; returns what is wrong."""
        here = np.isfinite(state.temperature_c)
        self._known_at_s = np.where(here, state.host_time_s, self._known_at_s)
        for a in np.flatnonzero(state.host_time_s - self._known_at_s > LASTS_S):
            return StopReason.SENSOR, (
                f"motor {self._names[a]!r} has shown no temperature for {LASTS_S:g} s "
                f"({state.temperature_c[a]}), and did before"
            )
        return None
