"""What a joint does beyond viscous damping and Coulomb friction: static friction and cogging."""

import math

import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import FloatArray, Parameters
from robot_mbrl.contract.description.spec import JointSpec
from robot_mbrl.contract.parameters.effects import effect_values, names_any
from sim.laws.per_world import PerWorld

STATIC_FRICTION = ("static_friction_nm", "stribeck_velocity_rad_s")
COGGING = ("cogging_nm", "cogging_periods_per_rev", "cogging_phase_rad")


class JointLaw(PerWorld):
    """Friction by the Stribeck curve and cogging of the joints of B worlds.

    Friction is given as a bound, for the engine's own dry friction: below it a joint truly sticks.
    Of a slider all torques are forces in N, angles ways in m.

    Args:
        spec: the robot.
        num_worlds: B.
    """

    drawn = ("_coulomb", "_static", "_stribeck", "_amplitude", "_periods", "_phase")

    def __init__(self, spec: RobotSpec, num_worlds: int) -> None:
        self._joints = spec.joints
        shape = (num_worlds, len(spec.joints))
        self._coulomb, self._static = np.zeros(shape), np.zeros(shape)
        self._stribeck = np.ones(shape)
        self._amplitude, self._periods = np.zeros(shape), np.ones(shape)
        self._phase = np.zeros(shape)

    @staticmethod
    def needed(parameters: dict[str, float]) -> bool:
        """Whether any joint has static friction or cogs."""
        return names_any(parameters, "joints", STATIC_FRICTION + COGGING)

    def set_parameters(self, parameters: Parameters, ids: np.ndarray, coulomb: FloatArray) -> None:
        """Give worlds `ids` (n,) parameters (n,) each and Coulomb friction (n, J) in N m."""
        self._coulomb[ids] = coulomb
        for j, joint in enumerate(self._joints):

            def value(key: str, joint: JointSpec = joint) -> FloatArray:
                return effect_values(parameters, joint.path(key), len(ids))

            self._static[ids, j] = value("static_friction_nm")
            self._stribeck[ids, j] = value("stribeck_velocity_rad_s")
            self._amplitude[ids, j] = value("cogging_nm")
            periods = value("cogging_periods_per_rev")
            # a hinge that has turned once is where it was; a slider's periods are those of a metre
            by_way = 2 * math.pi * periods
            self._periods[ids, j] = by_way if joint.kind == "slide" else np.rint(periods)
            self._phase[ids, j] = value("cogging_phase_rad")

    def friction(self, v: FloatArray) -> FloatArray:
        """Bound of the friction torque (B, J) in N m at velocities (B, J)."""
        bound: FloatArray = self._coulomb + self._static * np.exp(-((v / self._stribeck) ** 2))
        return bound

    def torque(self, q: FloatArray) -> FloatArray:
        """Cogging torque (B, J) in N m at angles (B, J)."""
        torque: FloatArray = -self._amplitude * np.sin(self._periods * q + self._phase)
        return torque
