"""Which motors of B worlds have power, and what those without it do."""

import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import BoolArray, FloatArray


class Power:
    """On and off as `robot_mbrl.contract.interface` means it.

    A servo without power is an open circuit: neither its loop nor its back-EMF act. Any other motor
    gets the command 0: no current, no torque, or a short circuit, which brakes.

    Args:
        spec: the robot.
        num_worlds: B.

    Attributes:
        full: whether all motors of all worlds are on, so that nothing need be asked.
    """

    def __init__(self, spec: RobotSpec, num_worlds: int) -> None:
        self._on = np.ones((num_worlds, len(spec.actuators)), dtype=bool)
        self._servo = np.array([a.motor.kind == "servo" for a in spec.actuators])
        self.full = True

    def switch(self, motors: BoolArray) -> None:
        """Switch motors (B, A) on and the others off."""
        self._on[:] = motors
        self.full = bool(self._on.all())

    def start(self, ids: np.ndarray) -> None:
        """Switch all motors of worlds `ids` (n,) on: an episode begins."""
        self._on[ids] = True
        self.full = bool(self._on.all())

    def pass_on(self, commands: FloatArray) -> FloatArray:
        """Commands (B, ..., A), 0 for motors that are off."""
        if self.full:
            return commands
        between = (1,) * (commands.ndim - 2)
        on = self._on.reshape(len(self._on), *between, -1)
        return np.where(on, commands, 0.0)

    def circuit(self, resistance: FloatArray | float = 1.0) -> FloatArray:
        """Resistance (B, A) of each motor's circuit, as a multiple of the cold one: that given, or
        infinite."""
        return np.where(self._servo & ~self._on, np.inf, resistance)
