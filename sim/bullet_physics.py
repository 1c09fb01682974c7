"""B worlds of one robot in PyBullet: physics and delays, without supply and encoder noise.

PyBullet's own joints know no rotor inertia and its joint damping is explicit, so what moves a joint
is solved here from PyBullet's mass matrix and bias torques (`joint_step`), and given to PyBullet as
the torque with which its own dynamics arrive at the solution. It agrees to rounding, for any chain
of joints; what remains PyBullet's are the mechanism, the joint limits and the integration.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.checks import FloatArray
from robot_mbrl.contract.parameters import Parameters
from sim.bullet_client import WORLDS_PER_CLIENT, BulletClient
from sim.bullet_urdf import UrdfWriter
from sim.electronics import holding
from sim.joint_step import multiply, next_velocity
from sim.latency import Latency
from sim.motor_law import Motors, armature_kg_m2


@dataclass(frozen=True)
class Readings:
    """Of B worlds: true angles and velocities, and the delayed angles at the encoders, (B, J)."""

    q_rad: FloatArray
    qd_rad_s: FloatArray
    sensed_rad: FloatArray


class BulletPhysics:
    """Worlds of one process.

    Args:
        spec: the robot.
        num_worlds: B.

    Raises SpecError where PyBullet is missing or the URDF is no mechanism.
    """

    def __init__(self, spec: RobotSpec, num_worlds: int) -> None:
        self.spec, self._dt = spec, 1 / spec.control.physics_rate_hz
        shape = (num_worlds, len(spec.joints))
        self._writer = UrdfWriter(spec)
        dynamics = self._writer.joint_dynamics([j.name for j in spec.joints])
        self._nominal_damping, self._nominal_friction = dynamics
        self._urdfs = [""] * num_worlds
        self._clients = [
            BulletClient([j.name for j in spec.joints], self._dt, spec.urdf)
            for _ in range(math.ceil(num_worlds / WORLDS_PER_CLIENT))
        ]
        self._outdated: set[int] = set()
        self._q, self._v = np.zeros(shape), np.zeros(shape)
        self._armature = np.broadcast_to(armature_kg_m2(spec), shape)
        self._damping, self._friction = np.zeros(shape), np.zeros(shape)
        self._motors = Motors(spec, num_worlds)
        self._latency = Latency(spec, num_worlds)
        ids = np.arange(num_worlds)
        self.reset({p: np.full(num_worlds, v) for p, v in spec.nominal.items()}, ids)

    def reset(self, parameters: Parameters, ids: np.ndarray) -> Readings:
        """Build worlds `ids` (n,) anew with parameters (n,) each, in their initial state."""
        self.change(parameters, ids, tuple(parameters))
        for k, joint in enumerate(self.spec.joints):
            self._q[ids, k] = parameters[f"initial.{joint.name}.position_rad"]
            self._v[ids, k] = parameters[f"initial.{joint.name}.velocity_rad_s"]
        self._latency.start(self._q[ids], holding(self.spec, self._q[ids]), ids)
        return self.readings()

    def change(self, parameters: Parameters, ids: np.ndarray, paths: Collection[str]) -> Readings:
        """Go on with worlds `ids` (n,) under parameters (n,) each, of which those at `paths` are
        new."""
        self._set_joints(parameters, ids)
        self._latency.set_parameters(parameters, ids)
        if any(path.startswith("links.") for path in paths):
            for n, world in enumerate(ids):
                values = {path: float(column[n]) for path, column in parameters.items()}
                self._urdfs[world] = self._writer.write(values)
            self._outdated |= {int(world) // WORLDS_PER_CLIENT for world in ids}
        return self.readings()

    def _rebuild(self) -> None:
        """Load what was reset, now that it is needed: several resets are one load."""
        for number in sorted(self._outdated):
            self._clients[number].load(self._urdfs[self._worlds_of(number)])
            self._place(number)
        self._outdated.clear()

    def _set_joints(self, parameters: Parameters, ids: np.ndarray) -> None:
        for k, joint in enumerate(self.spec.joints):
            path = f"joints.{joint.name}."
            self._damping[ids, k] = self._nominal_damping[k] * parameters[path + "damping"]
            self._friction[ids, k] = self._nominal_friction[k] * parameters[path + "friction"]
        self._motors.set_parameters(parameters, ids)

    def set_state(
        self, q: FloatArray, v: FloatArray, ids: np.ndarray, commands: FloatArray | None
    ) -> Readings:
        """Put worlds `ids` (n,) at q and v (n, J); `commands` (n, A) are what was given before."""
        self._q[ids], self._v[ids] = q, v
        self._latency.start(self._q[ids], commands, ids)
        self._rebuild()
        for number in sorted({int(world) // WORLDS_PER_CLIENT for world in ids}):
            self._place(number)
        return self.readings()

    def _worlds_of(self, client: int) -> slice:
        return slice(client * WORLDS_PER_CLIENT, (client + 1) * WORLDS_PER_CLIENT)

    def _place(self, number: int) -> None:
        part = self._worlds_of(number)
        self._clients[number].place(self._q[part], self._v[part])

    def step(self, commands: FloatArray, substeps: int) -> Readings:
        """Advance all worlds under commands (B, A) in physical units."""
        self._rebuild()
        late, path = self._latency.late_commands(commands, substeps), []
        for n in range(substeps):
            self._advance(*self._motors.drive(late[:, n], self._q, self._v))
            path.append(self._q.copy())
        self._latency.move(np.stack(path, 1))
        return self.readings()

    def _advance(self, drive: FloatArray, damping: FloatArray) -> None:
        mass, bias = self._mass_and_bias()
        velocity = next_velocity(
            self._v,
            mass,
            drive - bias,
            armature=self._armature,
            damping=self._damping + damping,
            friction=self._friction,
            dt=self._dt,
        )
        torque = multiply(mass, (velocity - self._v) / self._dt) + bias
        for number, client in enumerate(self._clients):
            part = self._worlds_of(number)
            client.step(torque[part])
            self._q[part], self._v[part] = client.states()

    def _mass_and_bias(self) -> tuple[FloatArray, FloatArray]:
        parts = [(client, self._worlds_of(k)) for k, client in enumerate(self._clients)]
        found = [client.mass_and_bias(self._q[part], self._v[part]) for client, part in parts]
        return np.concatenate([m for m, _ in found]), np.concatenate([b for _, b in found])

    def readings(self) -> Readings:
        """What is to be known of all worlds now; fresh arrays."""
        return Readings(self._q.copy(), self._v.copy(), self._latency.late_angles())

    def mass_matrix(self, world: int) -> FloatArray:
        """Inertia (J, J) of one world as it stands, rotors included."""
        self._rebuild()
        mass: FloatArray = self._mass_and_bias()[0][world] + np.diag(self._armature[world])
        return mass

    def describe(self, world: int) -> dict[str, Any]:
        """What is built in of one world, see `BulletClient.describe`, and the joints' damping
        (back-EMF included), friction and armature."""
        self._rebuild()
        client = self._clients[world // WORLDS_PER_CLIENT]
        found = client.describe(world % WORLDS_PER_CLIENT)
        for j, joint in enumerate(self.spec.joints):
            found["joints"][joint.name] |= {
                "damping": self._damping[world, j] + self._motors.brake[world, j],
                "friction": self._friction[world, j],
                "armature": self._armature[world, j],
            }
        return found

    def close(self) -> None:
        """Release PyBullet's memory; calling it twice does no harm."""
        for client in self._clients:
            client.close()
