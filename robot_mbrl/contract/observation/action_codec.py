"""Actions in [-1, 1] to commands in physical units, and back."""

from dataclasses import dataclass

import numpy as np

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.description.spec import RobotSpec


@dataclass(frozen=True)
class ActionCodec:
    """Actions in [-1, 1] outside, physical units inside."""

    limit: FloatArray

    @classmethod
    def from_spec(cls, spec: RobotSpec) -> "ActionCodec":
        """The codec of a robot."""
        return cls(np.array([a.limit for a in spec.actuators]))

    def to_physical(self, action: FloatArray) -> FloatArray:
        """(..., A) in [-1, 1] -> command units."""
        return action * self.limit

    def to_action(self, command: FloatArray) -> FloatArray:
        """(..., A) command units -> [-1, 1]."""
        return command / self.limit
