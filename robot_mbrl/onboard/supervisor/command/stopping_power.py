"""Stopping power: what the motors of a robot can do about the speed of its joints, by description.

Torque as robot.toml states it, inertia and weight from the URDF: numpy alone, as on a robot.
"""

from dataclasses import dataclass

import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.description.spec import ActuatorSpec
from robot_mbrl.contract.urdf.mass_matrix import mass_matrix, weight_torque
from robot_mbrl.contract.urdf.tree import read_urdf

POSES = 64
SHARE = 0.8
"""Of the stated torque counts on: supplies sag, motors warm up, what they carry is heavier."""
LEAST_SHARE = 0.25
"""Of the torque, where weight takes more than the rest: it does not in every pose."""


@dataclass(frozen=True)
class StoppingPower:
    """What each actuator can do about the speed of its joint, (A,) each; of sliders in m.

    Attributes:
        acceleration: most that full drive makes of it, rad/s2: the lightest pose, other joints
            loose.
        deceleration: least that full drive against its motion takes away, rad/s2: the heaviest
            pose, other joints stiff, all the weight against it.
        no_load_rad_s: speed at which full drive gives no torque; infinite where it always does.
        stiffness_1_s: of a velocity command: how fast speed follows, damping / inertia; else 0.
    """

    acceleration: FloatArray
    deceleration: FloatArray
    no_load_rad_s: FloatArray
    stiffness_1_s: FloatArray

    @classmethod
    def from_spec(cls, spec: RobotSpec) -> "StoppingPower":
        """The stopping power by robot.toml and URDF. Raises SpecError for a broken URDF."""
        at = list(spec.actuated)
        light, heavy, weight = (x[at] for x in _inertia_and_weight(spec))
        torque = np.array([full_torque_nm(a) for a in spec.actuators])
        together = np.zeros(len(spec.joints))
        np.add.at(together, at, torque)
        torque = together[at]
        braking = np.maximum(SHARE * torque - weight, LEAST_SHARE * torque)
        damping = np.array([_damping(a) for a in spec.actuators])
        no_load = np.array([no_load_rad_s(a) for a in spec.actuators])
        return cls(torque / light, braking / heavy, no_load, damping / heavy)


def full_torque_nm(actuator: ActuatorSpec) -> float:
    """Torque at the joint under full drive at standstill."""
    motor = actuator.motor
    if motor.kind == "servo":
        return motor.torque_limit_nm
    constant = motor.torque_constant_nm_a * (1.0 if _at_joint(actuator) else motor.gear_ratio)
    per_unit = constant / motor.resistance_ohm if motor.kind == "dc_motor" else constant
    return 1.0 * actuator.limit if _at_joint(actuator) else per_unit * actuator.limit


def no_load_rad_s(actuator: ActuatorSpec) -> float:
    """Speed of the joint at which back-EMF has used up all drive."""
    motor = actuator.motor
    if motor.kind == "dc_motor":
        return actuator.limit / (motor.torque_constant_nm_a * motor.gear_ratio)
    return motor.no_load_speed_rad_s


def _at_joint(actuator: ActuatorSpec) -> bool:
    return actuator.command == "torque"


def _damping(actuator: ActuatorSpec) -> float:
    return actuator.motor.damping_nm_s_rad if actuator.command == "velocity" else 0.0


def _inertia_and_weight(spec: RobotSpec) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Least inertia (J,) in kg m2 with the other joints loose, most with them stiff, and the most
    weight (J,) in N m, in poses drawn at random within the limits."""
    urdf = read_urdf(spec.urdf)
    columns = [[j.name for j in urdf.moving].index(j.name) for j in spec.joints]
    low, high = np.array([j.position_limit_rad for j in spec.joints]).T
    span = np.maximum(low, -np.pi), np.minimum(high, np.pi)
    q = np.empty((POSES, len(columns)))
    q[:, columns] = np.random.default_rng(0).uniform(*span, (POSES, len(columns)))
    masses = mass_matrix(urdf, q)[:, columns][:, :, columns]
    rotors = np.zeros(len(columns))
    for j, actuator in zip(spec.actuated, spec.actuators, strict=True):
        rotors[j] += actuator.motor.rotor_inertia_kg_m2 * actuator.motor.gear_ratio**2
    masses = masses + np.diag(rotors)
    loose = 1 / np.diagonal(np.linalg.inv(masses), axis1=1, axis2=2)
    stiff = np.diagonal(masses, axis1=1, axis2=2)
    weight = np.abs(weight_torque(urdf, q)[:, columns])
    return loose.min(0), stiff.max(0), weight.max(0)
