"""Play between joints and their encoders."""

import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import FloatArray, Parameters
from robot_mbrl.contract.parameters.effects import effect_values, names_any
from sim.laws.per_world import PerWorld


class Play(PerWorld):
    """The encoders' sides of the joints of B worlds: they follow once the play is taken up.

    Args:
        spec: the robot.
        num_worlds: B.
    """

    drawn = ("_half",)
    moving = ("_held",)

    def __init__(self, spec: RobotSpec, num_worlds: int) -> None:
        self._paths = [j.path("backlash_rad") for j in spec.joints]
        self._half, self._held = np.zeros((2, num_worlds, len(self._paths)))

    @staticmethod
    def needed(parameters: dict[str, float]) -> bool:
        """Whether any joint has play."""
        return names_any(parameters, "joints", ("backlash_rad",))

    def set_parameters(self, parameters: Parameters, ids: np.ndarray) -> None:
        """Give worlds `ids` (n,) parameters (n,) each."""
        for j, path in enumerate(self._paths):
            self._half[ids, j] = effect_values(parameters, path, len(ids)) / 2

    def start(self, angles: FloatArray, ids: np.ndarray) -> None:
        """Worlds `ids` (n,) rest at `angles` (n, J), in the middle of the play."""
        self._held[ids] = angles

    def follow(self, path: FloatArray) -> FloatArray:
        """Angles (B, n, J) of the joints after each of n steps -> those of the encoders' sides."""
        shown = np.empty_like(path)
        for n in range(path.shape[1]):
            low, high = path[:, n] - self._half, path[:, n] + self._half
            self._held = shown[:, n] = np.minimum(np.maximum(self._held, low), high)
        return shown
