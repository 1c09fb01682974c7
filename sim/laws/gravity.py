"""Gravity in worlds whose base stands askew."""

import numpy as np

from robot_mbrl.contract.arrays import FloatArray, Parameters
from robot_mbrl.contract.parameters.effects import effect_values, names_any

TILT = ("tilt_rad", "direction_rad")


def gravity_leans(parameters: dict[str, float]) -> bool:
    """Whether any parameter makes gravity lean."""
    return names_any(parameters, "gravity", TILT)


def gravity_directions(parameters: Parameters, size: int) -> FloatArray:
    """Unit vectors of gravity in the frame of the base (size, 3), by parameters (size,) each.

    It leans by `gravity.tilt_rad` from straight down towards `gravity.direction_rad` in the ground
    plane (0: x, pi/2: y).
    """
    tilt = effect_values(parameters, "gravity.tilt_rad", size)
    direction = effect_values(parameters, "gravity.direction_rad", size)
    aside = np.sin(tilt)
    parts = (aside * np.cos(direction), aside * np.sin(direction), -np.cos(tilt))
    return np.stack(parts, -1)
