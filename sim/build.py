"""URDF + robot.toml -> MuJoCo model, by MjSpec."""

import mujoco
import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.errors import SpecError
from robot_mbrl.contract.spec import ActuatorSpec
from sim.physical_fields import apply_parameters

# Nothing collides, and the constraints of one chain of joints never fall apart into islands that
# could be solved apart; looking for them takes an eighth of a small robot's step.
NEEDLESS = mujoco.mjtDisableBit.mjDSBL_CONTACT | mujoco.mjtDisableBit.mjDSBL_ISLAND


def mujoco_model(
    spec: RobotSpec,
    parameters: dict[str, float] | None = None,
    *,
    timestep_s: float | None = None,
) -> mujoco.MjModel:
    """Compile the robot: joints and inertias of the URDF, motors of robot.toml. Encoders and
    latencies are no part of it.

    Args:
        spec: the robot.
        parameters: physical parameters by path (scales or absolute, see contract.parameters);
            those left out are nominal.
        timestep_s: integration step; 1 / physics_rate_hz by default.

    Raises:
        SpecError: MuJoCo refuses the URDF.
    """
    mjs = mujoco_spec(spec)
    if timestep_s:
        mjs.option.timestep = timestep_s
    try:
        model = mjs.compile()
    except ValueError as error:
        raise SpecError(f"{spec.urdf}: MuJoCo cannot build this robot: {error}") from error
    if parameters:
        apply_parameters(spec, model, parameters)
    return model


def mujoco_spec(spec: RobotSpec) -> mujoco.MjSpec:
    """The nominal robot before compilation, for those who add to it. Raises SpecError."""
    try:
        mjs = mujoco.MjSpec.from_file(str(spec.urdf))
    except ValueError as error:
        raise SpecError(f"{spec.urdf}: MuJoCo cannot read this URDF: {error}") from error
    mjs.option.timestep = 1 / spec.control.physics_rate_hz
    mjs.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    mjs.option.disableflags |= NEEDLESS
    for actuator in spec.actuators:
        _add_actuator(mjs, actuator)
    return mjs


def _add_actuator(mjs: mujoco.MjSpec, actuator: ActuatorSpec) -> None:
    motor = actuator.motor
    element = mjs.add_actuator(
        name=actuator.name, target=actuator.joint, trntype=mujoco.mjtTrn.mjTRN_JOINT
    )
    if motor.kind == "dc_motor":
        constant = motor.torque_constant_nm_a
        element.set_to_dcmotor(motorconst=[constant, constant], resistance=motor.resistance_ohm)
    elif actuator.command in ("torque", "current"):
        element.set_to_motor()
        element.gainprm[0] = motor.torque_constant_nm_a if actuator.command == "current" else 1.0
    else:
        raise SpecError(
            f"actuator {actuator.name!r}: {actuator.command} commands are not simulated yet"
        )
    # A torque command is at the joint; voltage and current act on the motor side of the gear.
    element.gear = np.array(
        [1.0 if actuator.command == "torque" else motor.gear_ratio, 0, 0, 0, 0, 0]
    )
    reflected = motor.rotor_inertia_kg_m2 * motor.gear_ratio**2
    mjs.joint(actuator.joint).armature += reflected
