"""Motor heat: warm motors lose strength, and a weak source gives them less voltage."""

import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import FloatArray, Parameters
from robot_mbrl.contract.parameters.effects import effect_values, names_any
from sim.laws.motor_law import full_torque
from sim.laws.per_world import PerWorld

HEAT = ("heating_k", "heating_s", "derating_per_k")
SAG = ("source_resistance_ohm",)


class MotorHeat(PerWorld):
    """Temperature of the motors of B worlds, and what their resistance has become.

    First order, with the heat of the current in the warm resistance: at torque T,

        time_constant d(excess)/dt = heating (T / full torque)^2 (1 + derating excess) - excess.

    A duty d of a source of resistance r: the supply gives d r i less, of which the motor sees d: it
    is as if d^2 r were in series with it. Each motor has a source of its own.

    Args:
        spec: the robot.
        num_worlds: B.
    """

    drawn = ("_heating", "_time_s", "_derating", "_full_nm", "_source")
    moving = ("_excess",)

    def __init__(self, spec: RobotSpec, num_worlds: int) -> None:
        self._spec = spec
        self._limit = np.array([a.limit for a in spec.actuators])
        shape = (num_worlds, len(spec.actuators))
        self._heating, self._derating = np.zeros(shape), np.zeros(shape)
        self._time_s, self._full_nm = np.ones(shape), np.ones(shape)
        self._source, self._excess = np.zeros(shape), np.zeros(shape)

    @staticmethod
    def needed(parameters: dict[str, float]) -> bool:
        """Whether any motor warms up or has a weak source."""
        return names_any(parameters, "actuators", HEAT + SAG)

    def set_parameters(self, parameters: Parameters, ids: np.ndarray) -> None:
        """Give worlds `ids` (n,) parameters (n,) each."""
        for a, actuator in enumerate(self._spec.actuators):

            def value(key: str, path: str = f"actuators.{actuator.name}.") -> FloatArray:
                return effect_values(parameters, path + key, len(ids))

            self._heating[ids, a] = value("heating_k")
            self._time_s[ids, a] = value("heating_s")
            self._derating[ids, a] = value("derating_per_k")
            self._full_nm[ids, a] = full_torque(actuator, parameters)
            if actuator.motor.kind == "dc_motor":
                resistance = actuator.motor.resistance_ohm
                scale = parameters[f"actuators.{actuator.name}.resistance"]
                supply = parameters[f"actuators.{actuator.name}.supply"]  # commands include it
                source = value("source_resistance_ohm") / supply**2
                self._source[ids, a] = source / (resistance * scale)

    def start(self, ids: np.ndarray) -> None:
        """Worlds `ids` (n,) begin an episode with cold motors."""
        self._excess[ids] = 0.0

    @property
    def excess_k(self) -> FloatArray:
        """How much warmer the motors are than at the start, (B, A) in K."""
        return self._excess.copy()

    def resistance(self, commands: FloatArray) -> FloatArray:
        """Resistance (B, A) of each motor's circuit under commands (B, A), as a multiple of that
        of the cold motor alone."""
        factor: FloatArray = 1.0 + self._derating * self._excess
        factor += self._source * (commands / self._limit) ** 2
        return factor

    def warm(self, square: FloatArray, seconds: float) -> None:
        """Let time pass under a mean square (B, A) of the torque at the joint, (N m)^2."""
        warm = 1.0 + self._derating * self._excess
        goal = self._heating * square / self._full_nm**2 * warm
        self._excess += (goal - self._excess) * -np.expm1(-seconds / self._time_s)
