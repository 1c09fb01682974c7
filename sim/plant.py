"""A plant for the mock device: MuJoCo physics of one world, with what training leaves out."""

import math

import mujoco
import numpy as np

from robot_mbrl.contract.arrays import BoolArray, FloatArray
from robot_mbrl.contract.description.reality import Reality
from robot_mbrl.contract.description.spec import RobotSpec
from robot_mbrl.contract.errors import SimulationError
from sim.laws.joint_law import JointLaw
from sim.laws.motor_heat import MotorHeat
from sim.mujoco_engine.body_fields import add_payload
from sim.mujoco_engine.model import mujoco_model, stiffen_friction
from sim.mujoco_engine.motor_fields import MOTOR_FIELDS, MotorFields
from sim.mujoco_engine.worlds import UNSTABLE

TIMESTEP_S = 5e-4  # an eighth of what training integrates with


def make_plant(spec: RobotSpec, reality: Reality, rng: np.random.Generator) -> "MujocoPlant":
    """The plant of `reality`, at power-up; registered as entry point "robot_mbrl.plants"."""
    plant = MujocoPlant(spec, reality)
    plant.reset(rng)
    return plant


class MujocoPlant:
    """One machine as its reality file says. Latency, noise and play are the mock device's business.

    A servo without power is a motor whose circuit is open: neither its loop nor its back-EMF act.

    Effects beyond MuJoCo's own: friction that is larger at rest (Stribeck curve, through MuJoCo's
    friction constraint, so a joint truly sticks), cogging, motor heat and a weak source.
    Payloads and changes come at their times, with position, velocity and temperature unchanged.
    """

    def __init__(self, spec: RobotSpec, reality: Reality) -> None:
        self._spec = spec
        self._reality = reality
        self._command = np.zeros(len(spec.actuators))
        self._powered = np.zeros(len(spec.actuators), dtype=bool)
        self._servo = np.array([a.motor.kind == "servo" for a in spec.actuators])
        named = reality.parameters
        self._law = JointLaw(spec, 1) if JointLaw.needed(named) else None
        self._heat = MotorHeat(spec, 1) if MotorHeat.needed(named) else None
        self._events: list[float] = []
        self._build(0.0)

    def reset(self, rng: np.random.Generator) -> None:
        """Back to power-up: time 0, initial state of the reality, no drive. Draws nothing."""
        self._events = [t for t in self._reality.event_times_s if t > 0]
        self._build(0.0)
        for k, joint in enumerate(self._spec.joints):
            q, v = joint.initial("position_rad"), joint.initial("velocity_rad_s")
            self.data.qpos[self._qpos[k]] = self._reality.parameters[q]
            self.data.qvel[self._dof[k]] = self._reality.parameters[v]
        if self._heat:
            self._heat.start(np.array([0]))
        self.drive(np.zeros_like(self._command), np.zeros_like(self._powered))

    def drive(self, command: FloatArray, powered: BoolArray) -> None:
        """Hold `command` (A,) in physical units; the supply scales what the motor gets. Of motors
        that are not `powered` (A,), servos give no torque, others get nothing."""
        self._command = np.array(command, dtype=np.float64)
        self.data.ctrl[:] = np.where(powered, self._command * self._supply, 0.0)
        if (powered != self._powered).any():
            self._powered = np.array(powered)
            self._motors.write(self._circuit(np.ones((1, len(powered)))))

    def _circuit(self, resistance: FloatArray) -> FloatArray:
        """Resistances (1, A) as multiples of the cold ones: infinite where a circuit is open."""
        return np.where(self._servo & ~self._powered, np.inf, resistance)

    def advance(self, seconds: float) -> None:
        """Let time pass, rounded to whole time steps. Raises SimulationError when the physics
        blows up."""
        left = round(seconds / TIMESTEP_S)
        while left > 0:
            steps = min(left, self._steps_to_event())
            self._step(steps)
            if self._warnings.any():
                raise SimulationError(
                    f"robot {self._spec.name!r}, reality {self._reality.name!r}: the simulated "
                    "physics blew up (NaN or huge numbers); look for extreme inertias, gains or "
                    "parameters"
                )
            left -= steps
            if self._events and self.data.time >= self._events[0] - TIMESTEP_S / 2:
                self._rebuild(self._events.pop(0))

    def positions(self) -> FloatArray:
        """True joint angles (J,) in rad."""
        return np.array(self.data.qpos[self._qpos])

    def velocities(self) -> FloatArray:
        """True joint velocities (J,) in rad/s; no sensor of the device shows them."""
        return np.array(self.data.qvel[self._dof])

    def _steps_to_event(self) -> int:
        if not self._events:
            return 1_000_000
        left_s = self._events[0] - float(self.data.time)
        return max(1, math.ceil(left_s / TIMESTEP_S - 0.5))

    def _step(self, steps: int) -> None:
        if not (self._law or self._heat):
            mujoco.mj_step(self.model, self.data, steps)
            return
        for _ in range(steps):
            if self._law:
                q, v = self.data.qpos[None, self._qpos], self.data.qvel[None, self._dof]
                self.model.dof_frictionloss[self._dof] = self._law.friction(v)[0]
                self.data.qfrc_applied[self._dof] = self._law.torque(q)[0]
            if self._heat:
                self._motors.write(self._circuit(self._heat.resistance(self.data.ctrl[None])))
            mujoco.mj_step(self.model, self.data)
            if self._heat:
                force, speed = self.data.actuator_force[None], self.data.qvel[None]
                self._heat.warm(self._motors.torque(force, speed) ** 2, TIMESTEP_S)

    def _build(self, time_s: float) -> None:
        """Compile the machine as it is at `time_s`, at rest in its zero position."""
        values = self._reality.parameters_at(time_s)
        self.model = mujoco_model(self._spec, values, timestep_s=TIMESTEP_S)
        self.model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_CLAMPCTRL  # by electronics
        stiffen_friction(self.model)
        for payload in self._reality.payloads:
            if payload.at_s <= time_s:
                body = self.model.body(payload.link).id
                add_payload(self.model, body, payload.mass_kg, payload.distance_m)
        self.data = mujoco.MjData(self.model)
        self._warnings = self.data.warning.number[UNSTABLE]  # a view
        joints = [self.model.joint(j.name) for j in self._spec.joints]
        self._qpos = np.array([j.qposadr[0] for j in joints])
        self._dof = np.array([j.dofadr[0] for j in joints])
        self._weaken(values)
        self._supply = np.array(
            [values.get(f"actuators.{a.name}.supply", 1.0) for a in self._spec.actuators]
        )

    def _weaken(self, values: dict[str, float]) -> None:
        """Tell the laws beyond MuJoCo's own what holds now."""
        parameters = {path: np.array([value]) for path, value in values.items()}
        world = np.array([0])
        if self._law:
            coulomb = self.model.dof_frictionloss[None, self._dof]
            self._law.set_parameters(parameters, world, coulomb)
        if self._heat:
            self._heat.set_parameters(parameters, world)
        fields = {name: getattr(self.model, name)[None] for name in MOTOR_FIELDS}  # views
        self._motors = MotorFields(self._spec, self.model, fields)
        self._motors.write(self._circuit(np.ones((1, len(self._powered)))))

    def _rebuild(self, time_s: float) -> None:
        """Go on with the machine as it is after the event at `time_s`."""
        before = self.data
        self._build(time_s)
        self.data.time = before.time
        self.data.qpos[:], self.data.qvel[:] = before.qpos, before.qvel
        self.data.act[:] = before.act
        self.drive(self._command, self._powered)
