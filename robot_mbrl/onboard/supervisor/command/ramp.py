"""A soft start: actions grow linearly over `ramp_s` after the first one."""

import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import FloatArray


class Ramp:
    """Scales actions (A,) by the share of `ramp_s` that has passed since `restart`."""

    def __init__(self, spec: RobotSpec) -> None:
        """A ramp that starts with its first action."""
        self._ramp_s = spec.safety.ramp_s
        # A share of a position command is another position, not a softer one.
        self._scaled = np.array([a.command != "position" for a in spec.actuators])
        self._start_s: float | None = None

    def restart(self) -> None:
        """Begin again with the next action."""
        self._start_s = None

    def share(self, now_s: float) -> float:
        """From 0 at the first call after a restart to 1."""
        if self._start_s is None:
            self._start_s = now_s
        passed = now_s - self._start_s
        return 1.0 if passed >= self._ramp_s * (1 - 1e-9) else passed / self._ramp_s

    def scale(self, action: FloatArray, share: float) -> FloatArray:
        """The action (A,) at this share of the ramp."""
        return np.where(self._scaled, share * action, action)
