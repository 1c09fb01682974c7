"""A plant for the mock device: MuJoCo physics of one world, with what training leaves out."""

import math

import mujoco
import numpy as np

from robot_mbrl.contract.checks import FloatArray
from robot_mbrl.contract.reality import Payload, Reality
from robot_mbrl.contract.spec import RobotSpec
from sim.build import mujoco_model

TIMESTEP_S = 5e-4  # an eighth of what training integrates with
# MuJoCo's friction is a soft constraint: at its defaults a small held motor creeps at 0.03 rad/s.
# About the stiffest that the time step allows creeps 2,000 times slower.
STIFF_SOLREF = (2 * TIMESTEP_S, 1.0)
STIFF_SOLIMP = (0.999, 0.999)


def make_plant(spec: RobotSpec, reality: Reality, rng: np.random.Generator) -> "MujocoPlant":
    """The plant of `reality`, at power-up; registered as entry point "robot_mbrl.plants"."""
    plant = MujocoPlant(spec, reality)
    plant.reset(rng)
    return plant


class MujocoPlant:
    """One machine as its reality file says. Latency, noise and play are the mock device's business.

    Effects per joint: friction that is larger at rest (Stribeck curve, through MuJoCo's friction
    constraint, so a joint truly sticks) and a cogging torque. Payloads and changes come at their
    times, with position and velocity unchanged.
    """

    def __init__(self, spec: RobotSpec, reality: Reality) -> None:
        self._spec = spec
        self._reality = reality
        self._command = np.zeros(len(spec.actuators))
        effects = [reality.effects(j.name) for j in spec.joints]
        self._static = np.array([e.static_friction_nm for e in effects])
        self._stribeck = np.array([e.stribeck_velocity_rad_s for e in effects])
        self._cogging = np.array([e.cogging_nm for e in effects])
        self._periods = np.array([e.cogging_periods_per_rev for e in effects])
        self._phase = np.array([e.cogging_phase_rad for e in effects])
        self._smooth = not (self._static.any() or self._cogging.any())
        self._events: list[float] = []
        self._build(0.0)

    def reset(self, rng: np.random.Generator) -> None:
        """Back to power-up: time 0, initial state of the reality, no drive. Draws nothing."""
        self._events = [t for t in self._reality.event_times_s if t > 0]
        self._build(0.0)
        for k, joint in enumerate(self._spec.joints):
            initial = f"initial.{joint.name}."
            self.data.qpos[self._qpos[k]] = self._reality.parameters[initial + "position_rad"]
            self.data.qvel[self._dof[k]] = self._reality.parameters[initial + "velocity_rad_s"]
        self.drive(np.zeros(len(self._spec.actuators)))

    def drive(self, command: FloatArray) -> None:
        """Hold `command` (A,) in physical units; the supply scales what the motor gets."""
        self._command = np.array(command, dtype=np.float64)
        self.data.ctrl[:] = self._command * self._supply

    def advance(self, seconds: float) -> None:
        """Let time pass, rounded to whole time steps."""
        left = round(seconds / TIMESTEP_S)
        while left > 0:
            steps = min(left, self._steps_to_event())
            self._step(steps)
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
        if self._smooth:
            mujoco.mj_step(self.model, self.data, steps)
            return
        for _ in range(steps):
            q, v = self.data.qpos[self._qpos], self.data.qvel[self._dof]
            sticking = self._static * np.exp(-((v / self._stribeck) ** 2))
            self.model.dof_frictionloss[self._dof] = self._coulomb + sticking
            torque = -self._cogging * np.sin(self._periods * q + self._phase)
            self.data.qfrc_applied[self._dof] = torque
            mujoco.mj_step(self.model, self.data)

    def _build(self, time_s: float) -> None:
        """Compile the machine as it is at `time_s`, at rest in its zero position."""
        values = self._reality.parameters_at(time_s)
        self.model = mujoco_model(self._spec, values, timestep_s=TIMESTEP_S)
        self.model.dof_solref[:] = STIFF_SOLREF
        self.model.dof_solimp[:, :2] = STIFF_SOLIMP
        for payload in self._reality.payloads:
            if payload.at_s <= time_s:
                add_payload(self.model, payload)
        self.data = mujoco.MjData(self.model)
        joints = [self.model.joint(j.name) for j in self._spec.joints]
        self._qpos = np.array([j.qposadr[0] for j in joints])
        self._dof = np.array([j.dofadr[0] for j in joints])
        self._coulomb = self.model.dof_frictionloss[self._dof].copy()
        self._supply = np.array(
            [values.get(f"actuators.{a.name}.supply", 1.0) for a in self._spec.actuators]
        )

    def _rebuild(self, time_s: float) -> None:
        """Go on with the machine as it is after the event at `time_s`."""
        before = self.data
        self._build(time_s)
        self.data.time = before.time
        self.data.qpos[:], self.data.qvel[:] = before.qpos, before.qvel
        self.drive(self._command)


def add_payload(model: mujoco.MjModel, payload: Payload) -> None:
    """Fix a point mass to a link, on the line from its joint through its centre of mass."""
    body = model.body(payload.link).id
    centre, mass = model.body_ipos[body].copy(), float(model.body_mass[body])
    reach = float(np.linalg.norm(centre))
    distance = 2 * reach if math.isnan(payload.distance_m) else payload.distance_m
    point = centre / reach * distance if reach > 0 else np.zeros(3)
    total = mass + payload.mass_kg
    moved = (mass * centre + payload.mass_kg * point) / total
    inertia = _inertia(model, body)
    inertia += mass * _spread(centre - moved) + payload.mass_kg * _spread(point - moved)
    moments, axes = np.linalg.eigh(inertia)
    if np.linalg.det(axes) < 0:
        axes[:, 0] *= -1
    model.body_mass[body], model.body_ipos[body] = total, moved
    model.body_inertia[body] = moments
    mujoco.mju_mat2Quat(model.body_iquat[body], axes.ravel())
    model.body_sameframe[body] = 0  # the compiler's short cut for aligned frames no longer holds
    mujoco.mj_setConst(model, mujoco.MjData(model))


def _inertia(model: mujoco.MjModel, body: int) -> FloatArray:
    """Inertia (3, 3) about the centre of mass, in the axes of the body."""
    flat = np.zeros(9)
    mujoco.mju_quat2Mat(flat, model.body_iquat[body])
    axes = flat.reshape(3, 3)
    return axes @ np.diag(model.body_inertia[body]) @ axes.T


def _spread(offset: FloatArray) -> FloatArray:
    """Inertia (3, 3) of a unit point mass at `offset` (Steiner)."""
    return float(offset @ offset) * np.eye(3) - np.outer(offset, offset)
