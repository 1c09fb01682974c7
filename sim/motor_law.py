"""Commands to joint torques, as numbers: what a motor of robot.toml gives and what it brakes with.

torque = gain * command - brake * speed of the joint. A DC motor by voltage has gain g k / R and
brake (g k)^2 / R, its back-EMF; a drive with its own loop brakes with nothing.
"""

from dataclasses import dataclass

import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.checks import FloatArray
from robot_mbrl.contract.errors import SpecError
from robot_mbrl.contract.parameters import Parameters
from robot_mbrl.contract.spec import ActuatorSpec


@dataclass(frozen=True)
class MotorLaw:
    """Of one actuator in n worlds.

    Attributes:
        gain: N m per unit of the command, (n,).
        brake: N m s/rad, (n,).
    """

    gain: FloatArray
    brake: FloatArray


def motor_law(actuator: ActuatorSpec, parameters: Parameters) -> MotorLaw:
    """The law under parameters (n,) each; raises SpecError for a command that has no model."""
    path, motor = f"actuators.{actuator.name}.", actuator.motor
    scale = parameters[path + "torque_constant"]
    constant = motor.torque_constant_nm_a * scale * motor.gear_ratio
    if motor.kind == "dc_motor":
        resistance = motor.resistance_ohm * parameters[path + "resistance"]
        return MotorLaw(constant / resistance, constant**2 / resistance)
    if actuator.command == "current":
        return MotorLaw(constant, np.zeros_like(constant))
    if actuator.command == "torque":  # at the joint, behind the gear
        return MotorLaw(np.array(scale), np.zeros_like(scale))
    raise SpecError(
        f"actuator {actuator.name!r}: {actuator.command} commands are not simulated yet"
    )


def armature_kg_m2(spec: RobotSpec) -> FloatArray:
    """Rotor inertia seen at each joint, (J,): that of the rotor times the gear ratio squared."""
    total = np.zeros(len(spec.joints))
    for joint, actuator in zip(spec.actuated, spec.actuators, strict=True):
        total[joint] += actuator.motor.rotor_inertia_kg_m2 * actuator.motor.gear_ratio**2
    return total
