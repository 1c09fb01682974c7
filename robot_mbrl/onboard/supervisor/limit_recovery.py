"""Limit recovery: homing a joint that rests beyond its position limit, as after a stop there."""

import numpy as np

from robot_mbrl.contract import RobotSpec, RobotState
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.stop_reason import StopReason, Violation

SLOW_SHARE, FAST_SHARE = 0.02, 0.1
"""Of a joint's velocity limit: slow enough to be pulled, too fast to be beyond the limit."""
DRIVE_SHARE = 0.4
"""Of the full drive, while a joint is beyond its limit; of the speed of a position command."""
SPEED_SHARE = 0.05
"""Of the joint's velocity limit: most that a velocity or position command asks for meanwhile."""
INSIDE_COUNTS = 4
"""Of its encoder, by which a joint has to be inside of its limit: more than noise and rounding."""


class LimitRecovery:
    """Watches joints that were beyond their limit, or at it, when homing began, until each is
    inside again.

    Where the drive was off, a joint may rest on its very limit, and its encoder has it now inside,
    now outside: so inside means by a few counts.

    Such a joint first has to slow down, without drive. From there it may only go inwards: further
    out than where it was slow (by the soft margin), or fast, is a violation; so a motor that turns
    the wrong way is found. A joint that was inside, or has come inside, is none of its business.
    """

    def __init__(self, spec: RobotSpec, q: FloatArray) -> None:
        """Tolerate the joints that are outside at positions q (J,)."""
        self._spec = spec
        self._last = np.array(q, dtype=np.float64)
        self._time_s: float | None = None
        self._turned = np.full(len(q), np.inf)
        self._weak = np.array([self._share(a) for a in range(len(spec.actuators))])
        self._inside = -INSIDE_COUNTS * np.array([j.rad_per_count for j in spec.joints])
        self.outside = self._excess(self._last) > self._inside

    @property
    def settling(self) -> bool:
        """Whether a joint outside has yet to slow down."""
        return bool((self.outside & np.isinf(self._turned)).any())

    def update(self, state: RobotState) -> Violation | None:
        """Take the next fresh sample; returns what is wrong with it."""
        q = np.asarray(state.q_rad, dtype=np.float64)
        elapsed = 0.0 if self._time_s is None else state.device_time_s - self._time_s
        speed = np.abs(q - self._last) / elapsed if elapsed > 0 else np.full(len(q), np.nan)
        self._last, self._time_s = q, state.device_time_s
        excess = self._excess(q)
        self.outside &= excess > self._inside
        for j in np.flatnonzero(self.outside):
            joint = self._spec.joints[j]
            where = f"homing: joint {joint.name!r} is at {q[j]:.3f} {joint.unit}, beyond its limit"
            if np.isinf(self._turned[j]):
                if speed[j] <= SLOW_SHARE * joint.velocity_limit_rad_s:
                    self._turned[j] = excess[j] + self._spec.safety.margin(joint)
            elif excess[j] > self._turned[j]:
                return StopReason.LIMIT_POSITION, f"{where}, and goes further out"
            elif speed[j] > FAST_SHARE * joint.velocity_limit_rad_s:
                now = f"{speed[j]:.1f} {joint.unit}/s"
                return StopReason.LIMIT_VELOCITY, f"{where}, and moves at {now}"
        return None

    def restrict(self, action: FloatArray) -> FloatArray:
        """The action (A,), weak while a joint is outside and zero while one has yet to slow down.

        A position command is a pose: for it see `speed_share`.
        """
        by_place = np.array([a.command == "position" for a in self._spec.actuators])
        if not self.outside.any():
            return action
        if self.settling:
            return np.where(by_place, action, 0.0)
        return np.where(by_place, action, np.clip(action, -self._weak, self._weak))

    @property
    def speed_share(self) -> FloatArray:
        """Share of its speed that a position command may move with, (A,): nothing while a joint
        outside has yet to slow down, little until it is inside."""
        if self.settling:
            return np.zeros_like(self._weak)
        return self._weak if self.outside.any() else np.ones_like(self._weak)

    def _share(self, a: int) -> float:
        actuator = self._spec.actuators[a]
        slow = SPEED_SHARE * self._spec.joints[self._spec.actuated[a]].velocity_limit_rad_s
        if actuator.command == "velocity":
            return min(DRIVE_SHARE, slow / actuator.limit)
        if actuator.command == "position":
            return min(DRIVE_SHARE, slow / self._spec.command_speeds_rad_s[a])
        return DRIVE_SHARE

    def _excess(self, q: FloatArray) -> FloatArray:
        """How far beyond its limits each joint is, (J,) rad or m; negative inside."""
        low, high = np.array([j.position_limit_rad for j in self._spec.joints]).T
        excess: FloatArray = np.maximum(q - high, low - q)
        return excess
