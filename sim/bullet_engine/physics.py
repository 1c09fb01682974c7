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
from robot_mbrl.contract.arrays import BoolArray, FloatArray, Parameters
from robot_mbrl.contract.observation.neutral_command import neutral_command
from sim.bullet_engine.client import GRAVITY_M_S2, WORLDS_PER_CLIENT, BulletClient
from sim.bullet_engine.joint_forces import JointForces
from sim.bullet_engine.joint_step import multiply, next_velocity
from sim.bullet_engine.urdf import UrdfWriter
from sim.laws.disturbances import Disturbance
from sim.laws.gravity import gravity_directions, gravity_leans
from sim.laws.latency import Latency
from sim.laws.motor_law import armature_kg_m2
from sim.laws.payload import Payloads
from sim.laws.per_world import State

UNSTABLE_FROM = 1e10  # rad or rad/s, as in MuJoCo (mjMAXVAL)


@dataclass(frozen=True)
class Readings:
    """B worlds now, (B, J) each: true positions and velocities, delayed positions at the encoders,
    in m and m/s of sliders; and which of them blew up since they were reset, (B,)."""

    q_rad: FloatArray
    qd_rad_s: FloatArray
    sensed_rad: FloatArray
    unstable: np.ndarray


class BulletPhysics:
    """The PyBullet worlds of one process.

    Args:
        spec: the robot.
        num_worlds: B.

    Raises SettingsError where PyBullet is missing, SpecError where it cannot build the URDF.
    """

    def __init__(self, spec: RobotSpec, num_worlds: int) -> None:
        self.spec, self._dt = spec, 1 / spec.control.physics_rate_hz
        shape, named = (num_worlds, len(spec.joints)), spec.nominal
        self._writer = UrdfWriter(spec)
        dynamics = self._writer.joint_dynamics([j.name for j in spec.joints])
        self._values: list[dict[str, float]] = [{}] * num_worlds
        self._urdfs = [""] * num_worlds
        self._clients = [
            BulletClient([j.name for j in spec.joints], spec.links, self._dt, spec.urdf)
            for _ in range(math.ceil(num_worlds / WORLDS_PER_CLIENT))
        ]
        self._outdated: set[int] = set()
        self._q, self._v = np.zeros(shape), np.zeros(shape)
        self._unstable = np.zeros(num_worlds, bool)
        self._armature = np.broadcast_to(armature_kg_m2(spec), shape)
        self._forces = JointForces(spec, num_worlds, dynamics)
        self._latency = Latency(spec, num_worlds)
        self._payloads = Payloads(spec, num_worlds) if Payloads.needed(named) else None
        self._gravity = np.zeros((num_worlds, 3)) if gravity_leans(named) else None
        ids = np.arange(num_worlds)
        self.reset({p: np.full(num_worlds, v) for p, v in named.items()}, ids)

    def reset(self, parameters: Parameters, ids: np.ndarray) -> Readings:
        """Build worlds `ids` (n,) anew with parameters (n,) each, in their initial state."""
        self._unstable[ids] = False
        self._forces.start(ids)
        if self._payloads:
            self._payloads.start(ids)
        self.change(parameters, ids, tuple(parameters))
        for k, joint in enumerate(self.spec.joints):
            self._q[ids, k] = parameters[joint.initial("position_rad")]
            self._v[ids, k] = parameters[joint.initial("velocity_rad_s")]
        self._latency.start(self._q[ids], neutral_command(self.spec, self._q[ids]), ids)
        return self.readings()

    def change(self, parameters: Parameters, ids: np.ndarray, paths: Collection[str]) -> Readings:
        """Go on with worlds `ids` (n,) under parameters (n,) each, of which those at `paths` are
        new."""
        self._forces.set_parameters(parameters, ids)
        self._latency.set_parameters(parameters, ids)
        if self._gravity is not None:
            self._gravity[ids] = GRAVITY_M_S2 * gravity_directions(parameters, len(ids))
        if self._payloads:
            self._payloads.set_parameters(parameters, ids)
        if any(path.startswith("links.") for path in paths):
            for n, world in enumerate(ids):
                self._values[world] = {path: float(x[n]) for path, x in parameters.items()}
            self._write(ids)
        return self.readings()

    def _write(self, ids: np.ndarray) -> None:
        """Describe worlds `ids` (n,) anew; they are loaded when they are needed."""
        for world in ids:
            loads = self._payloads.of_world(int(world)) if self._payloads else {}
            self._urdfs[world] = self._writer.write(self._values[world], loads)
        self._outdated |= {int(world) // WORLDS_PER_CLIENT for world in ids}

    def _rebuild(self) -> None:
        """Load what was written, now that it is needed: several resets are one load."""
        for number in sorted(self._outdated):
            self._clients[number].load(self._urdfs[self._worlds_of(number)])
            self._place(number)
        self._outdated.clear()

    def set_true_state(
        self, q: FloatArray, v: FloatArray, ids: np.ndarray, commands: FloatArray | None
    ) -> Readings:
        """Put worlds `ids` (n,) at q and v (n, J); `commands` (n, A) are what was given before."""
        self._q[ids], self._v[ids] = q, v
        self._latency.start(self._q[ids], commands, ids)
        self._rebuild()
        for number in sorted({int(world) // WORLDS_PER_CLIENT for world in ids}):
            self._place(number)
        return self.readings()

    def enable(self, motors: BoolArray) -> Readings:
        """Switch motors (B, A) on, holding, and the others off."""
        self._forces.power.switch(motors)
        held = neutral_command(self.spec, self._q)
        self._latency.replace_commands(np.where(motors, held, 0.0))
        return self.readings()

    def _worlds_of(self, client: int) -> slice:
        return slice(client * WORLDS_PER_CLIENT, (client + 1) * WORLDS_PER_CLIENT)

    def _place(self, number: int) -> None:
        part = self._worlds_of(number)
        self._clients[number].place(self._q[part], self._v[part])

    def step(
        self, commands: FloatArray | None, substeps: int, chance: Disturbance | None = None
    ) -> Readings:
        """Advance all worlds `substeps` physics steps under commands (B, A) in physical units; None
        goes on with the newest."""
        if self._payloads:
            arrived = self._payloads.arrive(substeps * self._dt)
            self._write(np.flatnonzero(arrived.any(1)))
        self._rebuild()
        self._calm()
        late, path = self._latency.late_commands(commands, substeps, chance), []
        for n in range(substeps):
            self._advance(late[:, n], chance)
            path.append(self._q.copy())
        self._forces.pass_time(substeps * self._dt)
        self._latency.move(np.stack(path, 1))
        return self.readings()

    def _advance(self, commands: FloatArray, chance: Disturbance | None) -> None:
        mass, bias = self._mass_and_bias()
        load = self._forces.load(commands, self._q, self._v)
        drive = load.torque - (bias if self._gravity is None else self._leaning_bias())
        if chance is not None:
            drive = drive + chance.torque_nm
            if chance.force_n.any():
                drive = drive + self._pull(chance.force_n)
        velocity = next_velocity(
            self._v,
            mass,
            drive,
            armature=self._armature,
            damping=load.damping,
            friction=load.friction,
            dt=self._dt,
        )
        torque = multiply(mass, (velocity - self._v) / self._dt) + bias
        for number, client in enumerate(self._clients):
            part = self._worlds_of(number)
            client.step(torque[part])
            self._q[part], self._v[part] = client.states()
        self._calm()
        self._forces.stepped(self._v)

    def _calm(self) -> None:
        """Hold worlds that blew up at rest at 0: they must not disturb the others."""
        state = np.abs(np.concatenate([self._q, self._v], 1))
        self._unstable |= ~(state <= UNSTABLE_FROM).all(1)  # so that NaN is found as well
        if self._unstable.any():
            self._q[self._unstable], self._v[self._unstable] = 0.0, 0.0
            for number in {int(w) // WORLDS_PER_CLIENT for w in np.flatnonzero(self._unstable)}:
                self._place(number)

    def _mass_and_bias(self) -> tuple[FloatArray, FloatArray]:
        found = [client.mass_and_bias(self._q[p], self._v[p]) for client, p in self._parts()]
        return np.concatenate([m for m, _ in found]), np.concatenate([b for _, b in found])

    def _leaning_bias(self) -> FloatArray:
        gravity = self._gravity if self._gravity is not None else np.zeros(0)
        found = [c.bias(self._q[p], self._v[p], gravity[p]) for c, p in self._parts()]
        return np.concatenate(found)

    def _pull(self, force: FloatArray) -> FloatArray:
        points = np.array(
            [[self._writer.centre(k, w) for k in self.spec.links] for w in self._values]
        )
        found = [c.pull(self._q[p], force[p], points[p]) for c, p in self._parts()]
        return np.concatenate(found)

    def _parts(self) -> list[tuple[BulletClient, slice]]:
        return [(client, self._worlds_of(k)) for k, client in enumerate(self._clients)]

    def readings(self) -> Readings:
        """The state of all worlds now; fresh arrays."""
        late = self._latency.late_angles()
        return Readings(self._q.copy(), self._v.copy(), late, self._unstable.copy())

    def get_state(self) -> State:
        """All that changes as time passes; plain arrays."""
        state = {"q": self._q.copy(), "v": self._v.copy()}
        state |= self._latency.get_state() | self._forces.get_state()
        return state | (self._payloads.get_state("payloads.") if self._payloads else {})

    def set_state(self, parameters: Parameters, state: State) -> Readings:
        """Go on from what `get_state` gave, with the parameters (B,) each that held then."""
        everyone = np.arange(len(self._q))
        on = self._forces.power.on.copy()
        self.reset(parameters, everyone)
        self._forces.power.switch(on)
        self._q[:], self._v[:] = state["q"], state["v"]
        self._latency.set_state(state)
        self._forces.set_state(state)
        if self._payloads:
            self._payloads.set_state(state, "payloads.")
            self._write(everyone)
        return self.readings()

    def mass_matrix(self, world: int) -> FloatArray:
        """Inertia (J, J) of one world as it stands, rotors included."""
        self._rebuild()
        mass: FloatArray = self._mass_and_bias()[0][world] + np.diag(self._armature[world])
        return mass

    def bias(self, world: int) -> FloatArray:
        """Torques (J,) that hold one world against weight, Coriolis and centrifugal forces."""
        self._rebuild()
        torques: FloatArray = self._mass_and_bias()[1][world]
        return torques

    def describe(self, world: int) -> dict[str, Any]:
        """What is built in of one world, see `BulletClient.describe`, and the joints' damping
        (back-EMF included), friction and armature."""
        self._rebuild()
        client = self._clients[world // WORLDS_PER_CLIENT]
        found, forces = client.describe(world % WORLDS_PER_CLIENT), self._forces
        for j, joint in enumerate(self.spec.joints):
            found["joints"][joint.name] |= {
                "damping": forces.damping[world, j] + forces.brake[world, j],
                "friction": forces.friction[world, j],
                "armature": self._armature[world, j],
            }
        return found

    def close(self) -> None:
        """Release PyBullet's memory; calling it twice does no harm."""
        for client in self._clients:
            client.close()
