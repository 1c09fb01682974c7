"""Does the device confirm what it was asked?"""

import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.stop_reason import StopReason, Violation

LASTS_S = 0.5
ABSOLUTE, RELATIVE = 0.01, 0.02
"""Difference, of full scale and of what was asked, that rounding on the device explains."""


class EchoCheck:
    """Counts commands that were confirmed as something else, against those that were not.

    A command or two may be in force later than they are confirmed; a device that goes on like that
    has another limit, another scale, or no drive at all.
    """

    def __init__(self, spec: RobotSpec) -> None:
        """Nothing sent yet."""
        self._spec = spec
        self._most = max(2, round(LASTS_S * spec.control.rate_hz))
        self.restart()

    def restart(self) -> None:
        """Forget what was confirmed; at the start of an episode."""
        self._count = 0

    def update(self, asked: FloatArray, confirmed: FloatArray) -> Violation | None:
        """Take a command and its confirmation, both actions (A,); returns what is wrong."""
        allowed = np.maximum(ABSOLUTE, RELATIVE * np.abs(asked))
        if (np.maximum(np.abs(asked), np.abs(confirmed)) <= ABSOLUTE).all():
            return None  # nothing asked, nothing confirmed: says nothing
        off = np.abs(asked - confirmed) - allowed
        self._count = max(0, self._count + (1 if (off > 0).any() else -1))
        if self._count < self._most:
            return None
        worst = int(np.argmax(off))
        motor = self._spec.actuators[worst]
        return StopReason.ECHO, (
            f"motor {motor.name!r} was asked for {asked[worst] * motor.limit:.4g} {motor.unit} and "
            f"the device confirms {confirmed[worst] * motor.limit:.4g}, {self._count} commands "
            "more often than not"
        )
