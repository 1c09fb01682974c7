"""URDF + robot.toml -> MuJoCo model, by MjSpec."""

import mujoco
import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.description.spec import ActuatorSpec
from robot_mbrl.contract.errors import SpecError
from sim.laws.joint_law import JointLaw
from sim.mujoco_engine.log_file import write_no_log_file
from sim.mujoco_engine.parameter_fields import apply_parameters
from sim.mujoco_engine.urdf_xml import physics_xml

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
    write_no_log_file()
    mjs = mujoco_spec(spec)
    if timestep_s:
        mjs.option.timestep = timestep_s
    try:
        model = mjs.compile()
    except ValueError as error:
        raise SpecError(f"{spec.urdf}: MuJoCo cannot build this robot: {error}") from error
    if parameters or spec.effects:
        apply_parameters(spec, model, parameters or {})
    if JointLaw.needed(spec.nominal | (parameters or {})):
        stiffen_friction(model)
    return model


def stiffen_friction(model: mujoco.MjModel) -> None:
    """Let joints truly stick.

    MuJoCo's friction is a soft constraint: at its defaults a small held motor creeps at 0.03 rad/s.
    About the stiffest that the time step allows creeps 2,000 times slower.
    """
    model.dof_solref[:] = 2 * model.opt.timestep, 1.0
    model.dof_solimp[:, :2] = 0.999, 0.999


def mujoco_spec(spec: RobotSpec) -> mujoco.MjSpec:
    """The nominal robot before compilation, for those who add to it. Raises SpecError."""
    try:
        mjs = mujoco.MjSpec.from_string(physics_xml(spec.urdf))
    except ValueError as error:
        raise SpecError(f"{spec.urdf}: MuJoCo cannot read this URDF: {error}") from error
    mjs.option.timestep = 1 / spec.control.physics_rate_hz
    mjs.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    mjs.option.disableflags |= NEEDLESS
    for joint in mjs.joints:  # the URDF's effort: what motors can do stands in robot.toml
        joint.actfrclimited = mujoco.mjtLimited.mjLIMITED_FALSE
    for actuator in spec.actuators:
        _add_actuator(mjs, spec, actuator)
    return mjs


def _add_actuator(mjs: mujoco.MjSpec, spec: RobotSpec, actuator: ActuatorSpec) -> None:
    motor = actuator.motor
    element = mjs.add_actuator(
        name=actuator.name, target=actuator.joint, trntype=mujoco.mjtTrn.mjTRN_JOINT
    )
    if motor.kind == "dc_motor":
        constant = motor.torque_constant_nm_a
        element.set_to_dcmotor(
            motorconst=[constant, constant],
            resistance=motor.resistance_ohm,
            inductance=[motor.inductance_h, 0.0],
        )
    elif motor.kind == "servo":
        _set_to_servo(element, spec, actuator)
    else:
        element.set_to_motor()
        element.gainprm[0] = motor.torque_constant_nm_a if actuator.command == "current" else 1.0
    # Torques and servo commands are at the joint; voltage and current act on the motor side of the
    # gear.
    geared = actuator.command in ("voltage", "current")
    element.gear = np.array([motor.gear_ratio if geared else 1.0, 0, 0, 0, 0, 0])
    reflected = motor.rotor_inertia_kg_m2 * motor.gear_ratio**2
    mjs.joint(actuator.joint).armature += reflected


def _set_to_servo(element: mujoco.MjsActuator, spec: RobotSpec, actuator: ActuatorSpec) -> None:
    """The law of `MotorSpec` kind "servo": gain and bias inside the torque limit, back-EMF
    outside."""
    motor, joint = actuator.motor, spec.joints[spec.joint_index(actuator.joint)]
    if actuator.command == "position":
        element.set_to_position(kp=motor.stiffness_nm_rad, kv=motor.damping_nm_s_rad)
        # As the supervisor does: a position beyond the soft limits is not asked for.
        margin = spec.safety.margin(joint)
        low, high = joint.position_limit_rad
        element.ctrllimited, element.ctrlrange = True, [low + margin, high - margin]
    else:
        element.set_to_velocity(kv=motor.damping_nm_s_rad)
    element.forcelimited = True
    element.forcerange = [-motor.torque_limit_nm, motor.torque_limit_nm]
    element.damping = [motor.torque_limit_nm / motor.no_load_speed_rad_s, 0, 0]
