"""What follows the state of MuJoCo's worlds, in each physics step, by laws that MuJoCo lacks."""

from typing import Protocol

import numpy as np
from mujoco.batch import Batch

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import FloatArray, Parameters
from sim.laws.electronics import Power
from sim.laws.joint_law import JointLaw
from sim.laws.motor_heat import MotorHeat
from sim.laws.per_world import PerWorld, State
from sim.mujoco_engine.motor_fields import MOTOR_FIELDS, MotorFields


class FeedbackPart(Protocol):
    """One law that follows the state of the worlds."""

    @property
    def law(self) -> PerWorld:
        """The law itself, which knows no engine."""

    def set_parameters(self, parameters: Parameters, ids: np.ndarray) -> None:
        """Give worlds `ids` (n,) parameters (n,) each, after MuJoCo's fields were written."""

    def start(self, ids: np.ndarray) -> None:
        """Worlds `ids` (n,) begin an episode."""

    def take(self, other: "FeedbackPart", rows: slice, ids: np.ndarray) -> None:
        """Make worlds `ids` (n,) like another's `rows` (n,), after MuJoCo's fields were."""

    def before(self, commands: FloatArray) -> FloatArray | float:
        """A physics step under commands (B, A) begins; returns torque on the joints, (B, J)."""

    def after(self) -> None:
        """A physics step has ended."""

    def end(self, seconds: float) -> None:
        """A control period has ended."""


class Feedback:
    """Stiction, cogging, motor heat and weak sources, where the robot has them.

    The worlds are then stepped one physics step at a time, all of them at once.

    Args:
        spec: the robot.
        batch: the worlds.
        power: which motors are on.
    """

    def __init__(self, spec: RobotSpec, batch: Batch, power: Power) -> None:
        self._batch, self._dt = batch, 1 / spec.control.physics_rate_hz
        self._parts: dict[str, FeedbackPart] = {}
        if JointLaw.needed(spec.nominal):
            self._parts["joints"] = JointPart(spec, batch)
        if MotorHeat.needed(spec.nominal):
            self._parts["motor_heat"] = MotorHeatPart(spec, batch, power)
        self._dof = dofs(spec, batch)
        self._path, self._ctrl = batch.bind("qpos"), batch.bind("ctrl")
        self._applied = batch.bind("qfrc_applied")

    @staticmethod
    def needed(spec: RobotSpec) -> bool:
        """Whether a robot has any of it."""
        return JointLaw.needed(spec.nominal) or MotorHeat.needed(spec.nominal)

    def set_parameters(self, parameters: Parameters, ids: np.ndarray) -> None:
        """Give worlds `ids` (n,) parameters (n,) each, after MuJoCo's fields were written."""
        for part in self._parts.values():
            part.set_parameters(parameters, ids)

    def start(self, ids: np.ndarray) -> None:
        """Worlds `ids` (n,) begin an episode."""
        for part in self._parts.values():
            part.start(ids)

    def take(self, other: "Feedback", rows: slice, ids: np.ndarray) -> None:
        """Make worlds `ids` (n,) like another's `rows` (n,), after MuJoCo's fields were."""
        for name, part in self._parts.items():
            part.take(other._parts[name], rows, ids)

    def rollout(self, commands: FloatArray, push: FloatArray | float) -> FloatArray:
        """Step all worlds under commands (B, n, A) and torques (B, J) on their joints.

        Returns qpos after each step, (B, n, nq).
        """
        steps = commands.shape[1]
        path = np.empty((len(commands), steps, self._path.shape[1]))
        for n in range(steps):
            torque = push
            for part in self._parts.values():
                torque = torque + part.before(commands[:, n])
            self._applied[:, self._dof] = torque
            self._ctrl[:] = commands[:, n]
            self._batch.step()
            path[:, n] = self._path
            for part in self._parts.values():
                part.after()
        for part in self._parts.values():
            part.end(steps * self._dt)
        return path

    def get_state(self, prefix: str) -> State:
        """Copies of what changes as time passes, named with a prefix."""
        found = [part.law.get_state(f"{prefix}{name}.") for name, part in self._parts.items()]
        return {key: value for state in found for key, value in state.items()}

    def set_state(self, state: State, prefix: str) -> None:
        """Go on from what `get_state` gave."""
        for name, part in self._parts.items():
            part.law.set_state(state, f"{prefix}{name}.")


class JointPart:
    """Implements `FeedbackPart`: friction by the Stribeck curve, and cogging."""

    def __init__(self, spec: RobotSpec, batch: Batch) -> None:
        self.law = JointLaw(spec, batch.nsim)
        self._dof = dofs(spec, batch)
        self._qpos = np.array([batch.model.joint(j.name).qposadr[0] for j in spec.joints])
        self._q, self._v = batch.bind("qpos"), batch.bind("qvel")
        self._friction = batch.expand("dof_frictionloss")

    def set_parameters(self, parameters: Parameters, ids: np.ndarray) -> None:
        """See `FeedbackPart`."""
        self.law.set_parameters(parameters, ids, self._friction[np.ix_(ids, self._dof)])

    def start(self, ids: np.ndarray) -> None:
        """See `FeedbackPart`."""

    def take(self, other: FeedbackPart, rows: slice, ids: np.ndarray) -> None:
        """See `FeedbackPart`."""
        self.law.take(other.law, rows, ids)

    def before(self, commands: FloatArray) -> FloatArray:
        """See `FeedbackPart`."""
        self._friction[:, self._dof] = self.law.friction(self._v[:, self._dof])
        return self.law.torque(self._q[:, self._qpos])

    def after(self) -> None:
        """See `FeedbackPart`."""

    def end(self, seconds: float) -> None:
        """See `FeedbackPart`."""


class MotorHeatPart:
    """Implements `FeedbackPart`: motors that warm up and whose source is weak."""

    def __init__(self, spec: RobotSpec, batch: Batch, power: Power) -> None:
        self.law, self._power = MotorHeat(spec, batch.nsim), power
        fields = {name: batch.expand(name) for name in MOTOR_FIELDS}
        self._motors = MotorFields(spec, batch.model, fields)
        self._v, self._force = batch.bind("qvel"), batch.bind("actuator_force")
        self._square, self._steps = np.zeros((batch.nsim, len(spec.actuators))), 0

    def set_parameters(self, parameters: Parameters, ids: np.ndarray) -> None:
        """See `FeedbackPart`."""
        self.law.set_parameters(parameters, ids)
        self._motors.remember(ids)

    def start(self, ids: np.ndarray) -> None:
        """See `FeedbackPart`."""
        self.law.start(ids)

    def take(self, other: FeedbackPart, rows: slice, ids: np.ndarray) -> None:
        """See `FeedbackPart`."""
        self.law.take(other.law, rows, ids)
        self._motors.remember(ids)

    def before(self, commands: FloatArray) -> float:
        """See `FeedbackPart`."""
        self._motors.write(self._power.circuit(self.law.resistance(commands)))
        return 0.0

    def after(self) -> None:
        """See `FeedbackPart`."""
        self._square += self._motors.torque(self._force, self._v) ** 2
        self._steps += 1

    def end(self, seconds: float) -> None:
        """See `FeedbackPart`."""
        self.law.warm(self._square / self._steps, seconds)
        self._square[:], self._steps = 0.0, 0


def dofs(spec: RobotSpec, batch: Batch) -> np.ndarray:
    """Where the joints' velocities stand, (J,)."""
    return np.array([batch.model.joint(j.name).dofadr[0] for j in spec.joints])
