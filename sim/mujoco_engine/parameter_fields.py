"""What a physical parameter means to MuJoCo: which numbers of an MjModel it scales or sets."""

import mujoco
import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import FloatArray, Parameters
from robot_mbrl.contract.description.spec import ActuatorSpec
from robot_mbrl.contract.parameters.effects import effect_values, names_any
from sim.laws.gravity import gravity_directions, gravity_leans
from sim.laws.payload import Payloads
from sim.mujoco_engine.body_fields import BODY_FIELDS

FIELDS = (
    "body_mass",
    "body_inertia",
    "body_ipos",
    "body_pos",
    "dof_damping",
    "dof_frictionloss",
    "actuator_gainprm",
)
SERVO_FIELDS = ("actuator_biasprm", "actuator_forcerange", "actuator_damping")
CABLE = ("cable_nm_rad", "cable_rest_rad")
INITIAL = ("position_rad", "velocity_rad_s", "position_m", "velocity_m_s")
NO_FIELDS = ("supply", "latency_ms", "noise_counts", *INITIAL)
"""Last words of the parameters that are no numbers of an MjModel."""


class ParameterFields:
    """Writes parameters into arrays of the nominal model's fields, whose names are `names`.

    Inertia follows mass and length: I ~ m l^2, centre of mass and child joints ~ l. Whoever writes
    calls MuJoCo's setConst afterwards. Supply, noise, latency and initial state are no fields, nor
    are effects that change with the state.

    Args:
        spec: the robot.
        model: the nominal model.
        named: the parameters that may be given; those of the spec by default.
    """

    def __init__(
        self, spec: RobotSpec, model: mujoco.MjModel, named: dict[str, float] | None = None
    ) -> None:
        self.spec = spec
        named = spec.nominal if named is None else named
        self._cables = names_any(named, "joints", CABLE)
        self._leans = gravity_leans(named)
        self._inductive = any(a.motor.inductance_h for a in spec.actuators)
        self._warm = {a.name for a in spec.actuators if can_weaken(a, named)}
        servo = any(a.motor.kind == "servo" for a in spec.actuators)
        names = FIELDS + SERVO_FIELDS * servo + ("actuator_forcerange",) * bool(self._warm)
        names += ("jnt_stiffness", "qpos_spring") * self._cables + ("opt.gravity",) * self._leans
        names += ("actuator_dynprm",) * self._inductive
        self._carries = Payloads.needed(named)
        names += BODY_FIELDS * self._carries
        self.names = tuple(dict.fromkeys(names))
        self._nominal = {name: model_array(model, name).copy() for name in self.names}
        self._joints = [
            (model.joint(j.name).id, model.joint(j.name).qposadr[0]) for j in spec.joints
        ]
        bodies = sorted((model.body(link).id, link) for link in spec.links)  # parents come first
        self._links = [(b, link, int(model.body_parentid[b])) for b, link in bodies]
        self._dofs = [int(model.joint(j.name).dofadr[0]) for j in spec.joints]

    def write(self, fields: dict[str, np.ndarray], parameters: Parameters, ids: np.ndarray) -> None:
        """Set rows `ids` (n,) of `fields`, (B, ...) each, by parameters (n,) each."""
        self._write_links(fields, parameters, ids)
        for joint, dof in zip(self.spec.joints, self._dofs, strict=True):
            for name, key in (("dof_damping", "damping"), ("dof_frictionloss", "friction")):
                scale = parameters[f"joints.{joint.name}.{key}"]
                fields[name][ids, dof] = self._nominal[name][dof] * scale
        self._write_actuators(fields, parameters, ids)
        if self._carries:  # payloads come later, and turn the axes of inertia
            for name in ("body_iquat", "body_sameframe"):
                fields[name][ids] = self._nominal[name]
        if self._cables:
            self._write_cables(fields, parameters, ids)
        if self._leans:
            size = np.linalg.norm(self._nominal["opt.gravity"])
            fields["opt.gravity"][ids] = size * gravity_directions(parameters, len(ids))

    def _write_cables(
        self, fields: dict[str, np.ndarray], parameters: Parameters, ids: np.ndarray
    ) -> None:
        for joint, (number, qpos) in zip(self.spec.joints, self._joints, strict=True):
            size = len(ids)
            stiffness = effect_values(parameters, joint.path("cable_nm_rad"), size)
            fields["jnt_stiffness"][ids, number] = stiffness
            rest = effect_values(parameters, joint.path("cable_rest_rad"), size)
            fields["qpos_spring"][ids, qpos] = rest

    def _write_links(
        self, fields: dict[str, np.ndarray], parameters: Parameters, ids: np.ndarray
    ) -> None:
        nominal = self._nominal
        lengths: dict[int, FloatArray] = {0: np.ones(len(ids))}
        for b, link, parent in self._links:
            mass, length = parameters[f"links.{link}.mass"], parameters[f"links.{link}.length"]
            lengths[b] = length
            fields["body_mass"][ids, b] = nominal["body_mass"][b] * mass
            inertia = nominal["body_inertia"][b] * (mass * length**2)[:, None]
            fields["body_inertia"][ids, b] = inertia
            fields["body_ipos"][ids, b] = nominal["body_ipos"][b] * length[:, None]
            fields["body_pos"][ids, b] = nominal["body_pos"][b] * lengths[parent][:, None]

    def _write_actuators(
        self, fields: dict[str, np.ndarray], parameters: Parameters, ids: np.ndarray
    ) -> None:
        gain = fields["actuator_gainprm"]
        for a, actuator in enumerate(self.spec.actuators):
            path, nominal = f"actuators.{actuator.name}.", self._nominal["actuator_gainprm"][a]
            if actuator.motor.kind == "dc_motor":  # gainprm: resistance, motor constant
                gain[ids, a, 0] = nominal[0] * parameters[path + "resistance"]
                gain[ids, a, 1] = nominal[1] * parameters[path + "torque_constant"]
                if actuator.motor.inductance_h:  # dynprm: L / R
                    scale = parameters[path + "inductance"] / parameters[path + "resistance"]
                    constant = self._nominal["actuator_dynprm"][a, 0]
                    fields["actuator_dynprm"][ids, a, 0] = constant * scale
            elif actuator.motor.kind == "servo":
                self._write_servo(fields, parameters, ids, a)
            else:
                gain[ids, a, 0] = nominal[0] * parameters[path + "torque_constant"]
                if actuator.name in self._warm:
                    most = gain[ids, a, 0] * actuator.limit * parameters[path + "supply"]
                    fields["actuator_forcerange"][ids, a] = np.stack([-most, most], -1)

    def _write_servo(
        self, fields: dict[str, np.ndarray], parameters: Parameters, ids: np.ndarray, a: int
    ) -> None:
        """biasprm: 0, -stiffness, -damping; gainprm: the one that the command is compared by."""
        actuator, nominal = self.spec.actuators[a], self._nominal
        path = f"actuators.{actuator.name}."
        stiffness, damping = parameters[path + "stiffness"], parameters[path + "damping"]
        bias, gain = nominal["actuator_biasprm"][a], nominal["actuator_gainprm"][a]
        compared = stiffness if actuator.command == "position" else damping
        fields["actuator_gainprm"][ids, a, 0] = gain[0] * compared
        fields["actuator_biasprm"][ids, a, 1] = bias[1] * stiffness
        fields["actuator_biasprm"][ids, a, 2] = bias[2] * damping
        # the back-EMF's slope, stall torque / no-load speed, follows the stall torque
        scale = parameters[path + "torque_limit"]
        limits = nominal["actuator_forcerange"][a] * scale[:, None]
        fields["actuator_forcerange"][ids, a] = limits
        fields["actuator_damping"][ids, a] = nominal["actuator_damping"][a] * scale


def is_field(path: str) -> bool:
    """Whether a parameter is a number of an MjModel."""
    return path.rsplit(".", 1)[-1] not in NO_FIELDS


def apply_parameters(spec: RobotSpec, model: mujoco.MjModel, parameters: dict[str, float]) -> None:
    """Turn the nominal model into that of other parameters, in place; those left out are
    nominal."""
    named = spec.nominal | parameters
    limit_weak_motors(spec, model, named)
    physical = ParameterFields(spec, model, named)
    fields = {name: model_array(model, name)[None] for name in physical.names}  # views
    values = {path: np.array([value]) for path, value in named.items()}
    physical.write(fields, values, np.array([0]))
    mujoco.mj_setConst(model, mujoco.MjData(model))


def model_array(model: mujoco.MjModel, name: str) -> np.ndarray:
    """A field of a model by the name that mujoco.batch has for it."""
    holder = model.opt if name.startswith("opt.") else model
    array: np.ndarray = getattr(holder, name.removeprefix("opt."))
    return array


def can_weaken(actuator: ActuatorSpec, named: dict[str, float]) -> bool:
    """Whether this is a drive with its own loop that may give less than asked when it is warm."""
    return actuator.motor.kind == "direct" and f"actuators.{actuator.name}.heating_k" in named


def limit_weak_motors(spec: RobotSpec, model: mujoco.MjModel, named: dict[str, float]) -> None:
    """Let MuJoCo clip what such drives give."""
    for actuator in spec.actuators:
        if can_weaken(actuator, named):
            model.actuator_forcelimited[model.actuator(actuator.name).id] = 1
