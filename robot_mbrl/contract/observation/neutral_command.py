"""The neutral command: what asks a motor for nothing."""

import numpy as np

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.description.spec import RobotSpec


def neutral_command(spec: RobotSpec, q: FloatArray) -> FloatArray:
    """Commands (..., A) that ask for nothing with the joints at q (..., J), in physical units.

    A position servo's own position, wherever that is; speed 0 of a velocity servo; no voltage,
    current or torque of other motors.
    """
    position = np.array([a.command == "position" for a in spec.actuators])
    if not position.any():
        return np.zeros((*q.shape[:-1], len(position)))
    held: FloatArray = np.where(position, q[..., list(spec.actuated)], 0.0)
    return held
