"""Commands to joint torques, as numbers: what a motor of robot.toml gives and what it brakes with.

At a joint at angle q and speed w,

    torque = clip(gain * command - stiffness * q - damping * w, +-limit) - brake * w.

A DC motor by voltage has gain g k / R and brake (g k)^2 / R, its back-EMF; a drive with its own
loop brakes with nothing; neither is clipped. A servo closes its loop inside the clip, and its
back-EMF, outside, leaves no torque at the no-load speed.

A resistance that is f times the cold one divides the gain and the brake of a DC motor, the clip and
the brake of a servo, and what a drive with its own loop can give at most, if it can warm up.
A servo without power is an open circuit, of infinite resistance.
Inductance lets the torque follow with the time constant L / R.
"""

from dataclasses import dataclass, fields, replace

import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import FloatArray, Parameters
from robot_mbrl.contract.description.spec import ActuatorSpec
from sim.laws.per_world import PerWorld


@dataclass(frozen=True)
class MotorLaw:
    """How one actuator turns commands into torque in n worlds.

    Attributes:
        gain: N m per unit of the command, (n,).
        brake: N m s/rad, (n,).
        stiffness: N m/rad, (n,).
        damping: N m s/rad, (n,).
        limit: N m, (n,); infinite where nothing clips.
        rate: R / L of a winding with inductance in 1/s, (n,); infinite without.
    """

    gain: FloatArray
    brake: FloatArray
    stiffness: FloatArray
    damping: FloatArray
    limit: FloatArray
    rate: FloatArray


def motor_law(actuator: ActuatorSpec, parameters: Parameters) -> MotorLaw:
    """The law of an actuator under parameters (n,) each."""
    path, motor = f"actuators.{actuator.name}.", actuator.motor
    if motor.kind == "servo":
        return _servo_law(actuator, parameters)
    scale = parameters[path + "torque_constant"]
    constant = motor.torque_constant_nm_a * scale * motor.gear_ratio
    if motor.kind == "dc_motor":
        resistance = motor.resistance_ohm * parameters[path + "resistance"]
        law = _unclipped(constant / resistance, constant**2 / resistance)
        if not motor.inductance_h:
            return law
        return replace(
            law, rate=resistance / (motor.inductance_h * parameters[path + "inductance"])
        )
    if actuator.command == "current":
        law = _unclipped(constant, np.zeros_like(constant))
    else:  # torque at the joint, behind the gear
        law = _unclipped(np.array(scale), np.zeros_like(scale))
    if path + "heating_k" not in parameters:
        return law
    return replace(law, limit=law.gain * actuator.limit * parameters[path + "supply"])


def full_torque(actuator: ActuatorSpec, parameters: Parameters) -> FloatArray:
    """Torque at standstill under full command, (n,) in N m at the joint."""
    law = motor_law(actuator, parameters)
    return law.limit if actuator.motor.kind == "servo" else law.gain * actuator.limit


def _unclipped(gain: FloatArray, brake: FloatArray) -> MotorLaw:
    none, endless = np.zeros_like(gain), np.full_like(gain, np.inf)
    return MotorLaw(gain, brake, none, none, limit=endless, rate=endless)


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
        rate=np.full_like(limit, np.inf),
    )


class Motors(PerWorld):
    """The laws of all motors of B worlds, (B, A) each, and the torque that inductance keeps up.

    Args:
        spec: the robot.
        num_worlds: B.
    """

    moving = ("_electric",)

    def __init__(self, spec: RobotSpec, num_worlds: int) -> None:
        self._spec, self._joint = spec, np.array(spec.actuated)
        self._dt = 1 / spec.control.physics_rate_hz
        self._by_voltage = np.array([a.motor.kind == "dc_motor" for a in spec.actuators])
        self._inductive = any(a.motor.inductance_h for a in spec.actuators)
        shape = (num_worlds, len(spec.actuators))
        self._law = MotorLaw(*(np.zeros(shape) for _ in fields(MotorLaw)))
        self._electric, self._torque, self._damping = (np.zeros(shape) for _ in range(3))

    def set_parameters(self, parameters: Parameters, ids: np.ndarray) -> None:
        """Give worlds `ids` (n,) parameters of shape (n,) each."""
        for a, actuator in enumerate(self._spec.actuators):
            law = motor_law(actuator, parameters)
            for part in fields(MotorLaw):
                getattr(self._law, part.name)[ids, a] = getattr(law, part.name)

    def start(self, ids: np.ndarray) -> None:
        """No current flows in worlds `ids` (n,)."""
        self._electric[ids] = 0.0

    @property
    def brake(self) -> FloatArray:
        """Damping of the joints by back-EMF, (B, J) in N m s/rad."""
        return self._at_joints(self._law.brake)

    def drive(
        self,
        commands: FloatArray,
        q: FloatArray,
        v: FloatArray,
        resistance: FloatArray | None = None,
    ) -> tuple[FloatArray, FloatArray]:
        """Torques and damping of the joints, (B, J) each, under commands (B, A) at q and v (B, J).

        The damping is to be taken with the speed at the end of a time step, as MuJoCo does: that of
        a servo counts only where it is not clipped, which its speed at the start decides.

        `resistance` (B, A) is that of each motor's circuit as a multiple of the cold one.
        """
        law, at = self._law if resistance is None else self._weakened(resistance), self._joint
        still = law.gain * commands - law.stiffness * q[:, at]
        asked = still - law.damping * v[:, at]
        clipped = np.abs(asked) >= law.limit
        torque = np.where(clipped, np.clip(asked, -law.limit, law.limit), still)
        damping = np.where(clipped, 0.0, law.damping) + law.brake
        if self._inductive:
            kept = np.exp(-self._dt * law.rate)
            torque = kept * self._electric + (1 - kept) * torque
            damping = (1 - kept) * damping
            self._electric = torque - damping * v[:, at]
        self._torque, self._damping = torque, damping
        return self._at_joints(torque), self._at_joints(damping)

    def delivered(self, v: FloatArray) -> FloatArray:
        """What each motor gave in the last time step, (B, A) in N m, at velocities (B, J)."""
        given: FloatArray = self._torque - self._damping * v[:, self._joint]
        return given

    def _weakened(self, resistance: FloatArray) -> MotorLaw:
        law = self._law
        return replace(
            law,
            gain=np.where(self._by_voltage, law.gain / resistance, law.gain),
            brake=law.brake / resistance,
            limit=law.limit / resistance,
            rate=law.rate * resistance,
        )

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
