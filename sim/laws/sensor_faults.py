"""Encoders that freeze, samples that come twice or never: faults of the link and the sensors."""

import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import FloatArray, Parameters
from robot_mbrl.contract.parameters.effects import effect_values, names_any
from sim.laws.per_world import PerWorld


class SensorFaults(PerWorld):
    """Sensor faults of B worlds, met once in a control period, between encoders and observer.

    Args:
        spec: the robot.
        num_worlds: B.
    """

    drawn = ("_lost", "_repeated", "_rate", "_duration")
    moving = ("_shown", "_stuck")

    def __init__(self, spec: RobotSpec, num_worlds: int) -> None:
        self._joints = [f"joints.{j.name}." for j in spec.joints]
        self._dt = spec.control.dt
        shape = (num_worlds, len(self._joints))
        self._lost, self._repeated = np.zeros((2, num_worlds))
        self._rate, self._shown = np.zeros((2, *shape))
        self._duration, self._stuck = np.zeros((2, *shape), dtype=np.int64)

    @staticmethod
    def needed(parameters: dict[str, float]) -> bool:
        """Whether any sample can be wrong."""
        return names_any(parameters, "sensors", ("lost_share", "repeated_share")) or names_any(
            parameters, "joints", ("freezes_per_s", "freeze_s")
        )

    def set_parameters(self, parameters: Parameters, ids: np.ndarray) -> None:
        """Give worlds `ids` (n,) parameters (n,) each."""
        size = len(ids)
        self._lost[ids] = effect_values(parameters, "sensors.lost_share", size)
        self._repeated[ids] = effect_values(parameters, "sensors.repeated_share", size)
        for j, path in enumerate(self._joints):
            self._rate[ids, j] = effect_values(parameters, path + "freezes_per_s", size)
            seconds = effect_values(parameters, path + "freeze_s", size)
            self._duration[ids, j] = np.rint(seconds / self._dt)

    def start(self, q: FloatArray, ids: np.ndarray) -> None:
        """Worlds `ids` (n,) begin an episode with a good first sample q (n, J)."""
        self._shown[ids], self._stuck[ids] = q, 0

    def pass_on(self, q: FloatArray, rng: np.random.Generator) -> tuple[FloatArray, np.ndarray]:
        """What arrives of samples q (B, J) in rad: angles (B, J), and whether any did, (B,)."""
        freezes = rng.random(q.shape) < -np.expm1(-self._rate * self._dt)
        self._stuck = np.where(freezes & (self._stuck == 0), self._duration, self._stuck)
        repeated = rng.random(len(q)) < self._repeated
        old = (self._stuck > 0) | repeated[:, None]
        self._stuck = np.maximum(self._stuck - 1, 0)
        shown = np.where(old, self._shown, q)
        fresh = rng.random(len(q)) >= self._lost
        self._shown = np.where(fresh[:, None], shown, self._shown)
        return shown, fresh
