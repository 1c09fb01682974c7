"""What the resistance of a motor's circuit means to MuJoCo's actuators."""

import mujoco
import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import FloatArray

MOTOR_FIELDS = (
    "actuator_gainprm",
    "actuator_dynprm",
    "actuator_forcerange",
    "actuator_damping",
)


class MotorFields:
    """Writes resistances into fields of MuJoCo's model; see `sim.laws.motor_law` for what they do.

    Args:
        spec: the robot.
        model: its model.
        fields: live arrays of MOTOR_FIELDS, (B, A, ...) each, that hold cold motors.
    """

    def __init__(
        self, spec: RobotSpec, model: mujoco.MjModel, fields: dict[str, np.ndarray]
    ) -> None:
        self._fields = fields
        self._cold = {name: values.copy() for name, values in fields.items()}
        kinds = [a.motor.kind == "dc_motor" for a in spec.actuators]
        self._by_voltage = np.flatnonzero(kinds)
        self._gear = model.actuator_gear[:, 0].copy()
        joints = [model.joint(a.joint) for a in spec.actuators]
        self._dof = np.array([j.dofadr[0] for j in joints])

    def remember(self, ids: np.ndarray) -> None:
        """Worlds `ids` (n,) hold cold motors."""
        for name, values in self._fields.items():
            self._cold[name][ids] = values[ids]

    def write(self, resistance: FloatArray) -> None:
        """Make the circuits' resistances (B, A) times those of cold motors."""
        cold, fields, wired = self._cold, self._fields, self._by_voltage
        factor = resistance[:, wired]
        # gainprm: resistance, motor constant; dynprm: L / R
        fields["actuator_gainprm"][:, wired, 0] = cold["actuator_gainprm"][:, wired, 0] * factor
        fields["actuator_dynprm"][:, wired, 0] = cold["actuator_dynprm"][:, wired, 0] / factor
        fields["actuator_forcerange"][:] = cold["actuator_forcerange"] / resistance[:, :, None]
        fields["actuator_damping"][:] = cold["actuator_damping"] / resistance

    def torque(self, force: FloatArray, velocity: FloatArray) -> FloatArray:
        """Torque of the motors at their joints (B, A) in N m, by MuJoCo's actuator_force (B, A) and
        qvel (B, nv)."""
        braked = self._fields["actuator_damping"] * velocity[:, self._dof]
        torque: FloatArray = force * self._gear - braked
        return torque
