"""Commands to joint torques, as numbers: what a motor of robot.toml gives and what it brakes with.

At a joint at angle q and speed w,

    torque = clip(gain * command - stiffness * q - damping * w, +-limit) - brake * w.

A DC motor by voltage has gain g k / R and brake (g k)^2 / R, its back-EMF; a drive with its own
loop brakes with nothing; neither is clipped. A servo closes its loop inside the clip, and its
back-EMF, outside, leaves no torque at the no-load speed.
"""

from dataclasses import dataclass, fields

import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.checks import FloatArray
from robot_mbrl.contract.parameters import Parameters
from robot_mbrl.contract.spec import ActuatorSpec


@dataclass(frozen=True)
class MotorLaw:
    """Of one actuator in n worlds.

    Attributes:
        gain: N m per unit of the command, (n,).
        brake: N m s/rad, (n,).
        stiffness: N m/rad, (n,).
        damping: N m s/rad, (n,).
        limit: N m, (n,); infinite where nothing clips.
    """

    gain: FloatArray
    brake: FloatArray
    stiffness: FloatArray
    damping: FloatArray
    limit: FloatArray


def motor_law(actuator: ActuatorSpec, parameters: Parameters) -> MotorLaw:
    """The law under parameters (n,) each."""
    path, motor = f"actuators.{actuator.name}.", actuator.motor
    if motor.kind == "servo":
        return _servo_law(actuator, parameters)
    scale = parameters[path + "torque_constant"]
    constant = motor.torque_constant_nm_a * scale * motor.gear_ratio
    if motor.kind == "dc_motor":
        resistance = motor.resistance_ohm * parameters[path + "resistance"]
        return _unclipped(constant / resistance, constant**2 / resistance)
    if actuator.command == "current":
        return _unclipped(constant, np.zeros_like(constant))
    return _unclipped(np.array(scale), np.zeros_like(scale))  # torque at the joint, behind the gear


def _unclipped(gain: FloatArray, brake: FloatArray) -> MotorLaw:
    none = np.zeros_like(gain)
    return MotorLaw(gain, brake, none, none, np.full_like(gain, np.inf))


def _servo_law(actuator: ActuatorSpec, parameters: Parameters) -> MotorLaw:
    path, motor = f"actuators.{actuator.name}.", actuator.motor
    stiffness = motor.stiffness_nm_rad * parameters[path + "stiffness"]
    damping = motor.damping_nm_s_rad * parameters[path + "damping"]
    limit = motor.torque_limit_nm * parameters[path + "torque_limit"]
    return MotorLaw(
        gain=stiffness if actuator.command == "position" else damping,
        brake=limit / motor.no_load_speed_rad_s,
        stiffness=stiffness,
        damping=damping,
        limit=limit,
    )


class Motors:
    """The laws of all motors of B worlds, (B, A) each.

    Args:
        spec: the robot.
        num_worlds: B.
    """

    def __init__(self, spec: RobotSpec, num_worlds: int) -> None:
        self._spec, self._joint = spec, np.array(spec.actuated)
        self._law = MotorLaw(
            *(np.zeros((num_worlds, len(spec.actuators))) for _ in fields(MotorLaw))
        )

    def set_parameters(self, parameters: Parameters, ids: np.ndarray) -> None:
        """Give worlds `ids` (n,) parameters of shape (n,) each."""
        for a, actuator in enumerate(self._spec.actuators):
            law = motor_law(actuator, parameters)
            for part in fields(MotorLaw):
                getattr(self._law, part.name)[ids, a] = getattr(law, part.name)

    @property
    def brake(self) -> FloatArray:
        """Damping of the joints by back-EMF, (B, J) in N m s/rad."""
        return self._at_joints(self._law.brake)

    def drive(
        self, commands: FloatArray, q: FloatArray, v: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Torques and damping of the joints, (B, J) each, under commands (B, A) at q and v (B, J).

        The damping is to be taken with the speed at the end of a time step, as MuJoCo does: that of
        a servo counts only where it is not clipped, which its speed at the start decides.
        """
        law, at = self._law, self._joint
        still = law.gain * commands - law.stiffness * q[:, at]
        asked = still - law.damping * v[:, at]
        clipped = np.abs(asked) >= law.limit
        torque = np.where(clipped, np.clip(asked, -law.limit, law.limit), still)
        damping = np.where(clipped, 0.0, law.damping) + law.brake
        return self._at_joints(torque), self._at_joints(damping)

    def _at_joints(self, values: FloatArray) -> FloatArray:
        """Sums over the actuators of each joint: (B, A) -> (B, J)."""
        total = np.zeros((len(values), len(self._spec.joints)))
        for a, joint in enumerate(self._joint):
            total[:, joint] += values[:, a]
        return total


def armature_kg_m2(spec: RobotSpec) -> FloatArray:
    """Rotor inertia seen at each joint, (J,): that of the rotor times the gear ratio squared."""
    total = np.zeros(len(spec.joints))
    for joint, actuator in zip(spec.actuated, spec.actuators, strict=True):
        total[joint] += actuator.motor.rotor_inertia_kg_m2 * actuator.motor.gear_ratio**2
    return total
