"""Position commands: 0 is a pose, not rest. They move on from where the joint or its command is.

What is sent lies within `speed * dt` of the commands that may be in force and the measured pose,
and within the joint's limits; that is clamped last. What the device confirms counts only as far as
it lies between what was sent and where the joint is, so a wrong confirmation moves nothing far.
"""

import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import FloatArray

APPROACH_S = 0.1
"""The command nears a soft limit by what is left in this time, and goes back as fast where weight
has pulled the joint beyond: a servo sags, so its command must stay further inside."""


class PositionCommands:
    """The commands (A,) of position servos, in rad; what other actuators get passes through."""

    def __init__(self, spec: RobotSpec) -> None:
        """Nothing sent, no pose known."""
        self.any = any(a.command == "position" for a in spec.actuators)
        self._mine = np.array([a.command == "position" for a in spec.actuators])
        self._joint = list(spec.actuated)
        self._limit = np.array([a.limit for a in spec.actuators])
        ends = np.array([j.position_limit_rad for j in spec.joints])[self._joint]
        self._low, self._high = ends.T
        self._soft_low, self._soft_high = np.array(spec.soft_limits)[self._joint].T
        dt = spec.control.dt
        self._step = np.where(self._mine, spec.command_speeds_rad_s, 0.0) * dt
        self._nearing = min(1.0, dt / APPROACH_S)
        self._least: FloatArray | None = None
        self._most: FloatArray | None = None
        self._sent: FloatArray | None = None

    def unreachable(self, q: FloatArray) -> int | None:
        """An actuator whose joint, at q (J,) rad, no command can leave where it is; None if all
        can."""
        beyond = self._mine & (np.abs(q[self._joint]) > self._limit + self._step)
        return int(np.argmax(beyond)) if beyond.any() else None

    def next(self, action: FloatArray, q: FloatArray, share: FloatArray | float) -> FloatArray:
        """The action (A,) to send towards one that is asked for.

        q: measured positions (J,) in rad. share: of the speed, (A,); at 0 the command stays.
        """
        if not self.any:
            return action
        pose = q[self._joint]
        if self._least is None or self._most is None:
            self._least = self._most = pose
        step = self._step * share
        wanted = np.clip(action * self._limit, self._soft_low, self._soft_high)
        wanted = np.minimum(wanted, self._most + self._nearing * (self._soft_high - pose))
        wanted = np.maximum(wanted, self._least + self._nearing * (self._soft_low - pose))
        moved = np.minimum(np.maximum(wanted, self._most - step), self._least + step)
        # A joint beyond a limit is pulled inwards from where it is; nothing else is beyond one.
        low, high = np.minimum(self._low, pose), np.maximum(self._high, pose)
        bounded = np.clip(np.minimum(np.maximum(moved, low), high), -self._limit, self._limit)
        self._sent = np.where(self._mine, bounded, action * self._limit)
        changed = self._mine & (bounded != action * self._limit)
        return np.where(changed, bounded / self._limit, action)

    def confirm(self, command: FloatArray, q: FloatArray) -> None:
        """The device says that it applies a command (A,)."""
        if self._sent is not None:
            pose = q[self._joint]
            least, most = np.minimum(self._sent, pose), np.maximum(self._sent, pose)
            self._least = self._most = np.clip(command, least, most)

    def lose(self) -> None:
        """No confirmation came: what was sent may be in force, or what was before."""
        if self._sent is not None and self._least is not None and self._most is not None:
            self._least = np.minimum(self._least, self._sent)
            self._most = np.maximum(self._most, self._sent)

    def neutral(self) -> FloatArray | None:
        """The action (A,) that asks for nothing new: zero drive, position commands as they are;
        None where a pose would be needed and none is known."""
        if not self.any:
            return np.zeros_like(self._limit)
        if self._least is None or self._most is None:
            return None
        held: FloatArray = (self._least + self._most) / 2 / self._limit
        return np.where(self._mine, held, 0.0)
