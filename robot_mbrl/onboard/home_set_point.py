"""Where the joints shall be on their way home: a point that moves slowly and waits for them."""

import math

import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import FloatArray

SETTLE_S = 0.5
"""Near home the set point moves at the error of the joint in this time: it ends beyond home by as
much as weight and friction need."""
LEAD_S = 0.8
"""It is never further ahead of its joint than it moves in this time: what holds a joint feels no
more than this share of its spring."""


class HomeSetPoint:
    """A set point that takes the joints home at `[home] speed_rad_s`; without it, home itself."""

    def __init__(self, spec: RobotSpec) -> None:
        self._speed, self._dt = spec.home.speed_rad_s, spec.control.dt
        self._wraps = np.array([j.wraps for j in spec.joints])
        self._at: FloatArray | None = None

    def errors(self, q: FloatArray) -> FloatArray:
        """How far the joints are from the set point, which this moves by a tick, (J,) in rad.

        q: how far they are from home, (J,).
        """
        if math.isinf(self._speed):
            return q
        at = q if self._at is None else self._at
        step, lead = self._speed * self._dt, self._speed * LEAD_S
        at = at - np.clip(q * self._dt / SETTLE_S, -step, step)
        error = q - at
        error = np.where(self._wraps, (error + math.pi) % (2 * math.pi) - math.pi, error)
        error = np.clip(error, -lead, lead)
        self._at = q - error
        return error
