"""All that turns and brakes joints beside weight and inertia, for engines that know none of it."""

from dataclasses import dataclass

import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import FloatArray, Parameters
from robot_mbrl.contract.parameters.effects import effect_values
from sim.laws.electronics import Power
from sim.laws.joint_law import JointLaw
from sim.laws.motor_heat import MotorHeat
from sim.laws.motor_law import Motors
from sim.laws.per_world import State


@dataclass(frozen=True)
class JointLoad:
    """Load of the joints in one physics step, (B, J) each.

    Attributes:
        torque: at its start, in N m.
        damping: to be taken with the speed at its end, in N m s/rad.
        friction: bound of dry friction, in N m.
    """

    torque: FloatArray
    damping: FloatArray
    friction: FloatArray


class JointForces:
    """Motors, friction and cables of B worlds.

    Args:
        spec: the robot.
        num_worlds: B.
        nominal: damping in N m s/rad and friction in N m of the joints, (2, J).

    Attributes:
        power: which motors are on.
    """

    def __init__(self, spec: RobotSpec, num_worlds: int, nominal: FloatArray) -> None:
        self._spec, self._nominal = spec, nominal
        shape = (num_worlds, len(spec.joints))
        self.damping, self.friction, self._cable, self._rest = np.zeros((4, *shape))
        self._motors, self.power = Motors(spec, num_worlds), Power(spec, num_worlds)
        self._law = JointLaw(spec, num_worlds) if JointLaw.needed(spec.nominal) else None
        self._heat = MotorHeat(spec, num_worlds) if MotorHeat.needed(spec.nominal) else None
        self._square, self._steps = np.zeros((num_worlds, len(spec.actuators))), 0

    def set_parameters(self, parameters: Parameters, ids: np.ndarray) -> None:
        """Give worlds `ids` (n,) parameters (n,) each."""
        for k, joint in enumerate(self._spec.joints):
            self.damping[ids, k] = self._nominal[0, k] * parameters[joint.path("damping")]
            self.friction[ids, k] = self._nominal[1, k] * parameters[joint.path("friction")]
            cable, rest = joint.path("cable_nm_rad"), joint.path("cable_rest_rad")
            self._cable[ids, k] = effect_values(parameters, cable, len(ids))
            self._rest[ids, k] = effect_values(parameters, rest, len(ids))
        self._motors.set_parameters(parameters, ids)
        if self._law:
            self._law.set_parameters(parameters, ids, self.friction[ids])
        if self._heat:
            self._heat.set_parameters(parameters, ids)

    def start(self, ids: np.ndarray) -> None:
        """Worlds `ids` (n,) begin an episode: no current, cold motors, all of them on."""
        self._motors.start(ids)
        self.power.start(ids)
        if self._heat:
            self._heat.start(ids)

    @property
    def brake(self) -> FloatArray:
        """Damping of the joints by cold motors' back-EMF, (B, J) in N m s/rad."""
        return self._motors.brake

    def load(self, commands: FloatArray, q: FloatArray, v: FloatArray) -> JointLoad:
        """The load under commands (B, A) at angles in rad and velocities in rad/s, (B, J) each."""
        commands = self.power.pass_on(commands)
        resistance = self._heat.resistance(commands) if self._heat else None
        if not self.power.full:
            resistance = self.power.circuit(1.0 if resistance is None else resistance)
        torque, damping = self._motors.drive(commands, q, v, resistance)
        torque = torque - self._cable * (q - self._rest)
        if not self._law:
            return JointLoad(torque, self.damping + damping, self.friction)
        torque = torque + self._law.torque(q)
        return JointLoad(torque, self.damping + damping, self._law.friction(v))

    def stepped(self, v: FloatArray) -> None:
        """A physics step ended with velocities (B, J)."""
        if self._heat:
            self._square += self._motors.delivered(v) ** 2
            self._steps += 1

    def pass_time(self, seconds: float) -> None:
        """A control period ended."""
        if self._heat:
            self._heat.warm(self._square / self._steps, seconds)
            self._square[:], self._steps = 0.0, 0

    def get_state(self) -> State:
        """What changes as time passes; plain arrays."""
        state = self._motors.get_state("motors.")
        return state | (self._heat.get_state("motor_heat.") if self._heat else {})

    def set_state(self, state: State) -> None:
        """Go on from what `get_state` gave."""
        self._motors.set_state(state, "motors.")
        if self._heat:
            self._heat.set_state(state, "motor_heat.")
