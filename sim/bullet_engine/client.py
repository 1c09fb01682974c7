"""Several robots in one PyBullet server, set so that PyBullet adds no physics of its own.

Left alone, PyBullet brakes every joint with a motor, damps links and joints, clamps joint speed at
100 rad/s, keeps files it has once read, and prints.
"""

import contextlib
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.errors import SettingsError, SpecError
from sim.bullet_engine.import_pybullet import import_pybullet

GRAVITY_M_S2 = 9.81
FASTEST = 1e9  # rad/s
WORLDS_PER_CLIENT = 8  # a client takes 28 MB and a tenth of a second; a reset loads all its worlds


class BulletClient:
    """Robots of the same joints, each in its own world as nothing has a shape to touch with.

    Args:
        joints: names in the order of all arrays here, J of them.
        links: names of those that are pushed, L of them.
        timestep_s: of the integration.
        source: named in errors.
    """

    def __init__(
        self, joints: Sequence[str], links: Sequence[str], timestep_s: float, source: Path
    ) -> None:
        self._engine = import_pybullet()
        self._links = list(links)
        self._joints, self._timestep_s, self._source = list(joints), timestep_s, source
        self._client = self._engine.connect(self._engine.DIRECT)
        if self._client < 0:
            raise SettingsError("PyBullet has no room for another world in this process; use fewer")
        self.close = weakref.finalize(self, _disconnect, self._engine, self._client)
        self._bodies: list[int] = []
        self._index: list[int] = []
        self._by_index: list[int] = []
        self._link_index: list[int] = []

    def load(self, urdfs: Sequence[str]) -> None:
        """Replace all robots by those of the given texts, in their zero position.

        All at once: the inertia that PyBullet computes with outlives changeDynamics and removeBody
        (bullet3 issue 4809), but not resetSimulation.
        """
        engine, client = self._engine, self._client
        engine.resetSimulation(physicsClientId=client)
        engine.setPhysicsEngineParameter(
            fixedTimeStep=self._timestep_s,
            numSubSteps=0,
            enableFileCaching=0,
            solverResidualThreshold=0.0,  # one world must not decide when another is solved
            physicsClientId=client,
        )
        engine.setGravity(0, 0, -GRAVITY_M_S2, physicsClientId=client)
        with tempfile.TemporaryDirectory() as folder:
            self._bodies = [self._load(Path(folder, f"{k}.urdf"), t) for k, t in enumerate(urdfs)]

    def _load(self, path: Path, text: str) -> int:
        path.write_text(text, encoding="utf-8")
        engine, client = self._engine, self._client
        flags = engine.URDF_USE_INERTIA_FROM_FILE
        try:
            body = engine.loadURDF(
                str(path), useFixedBase=True, flags=flags, physicsClientId=client
            )
        except engine.error as error:
            raise SpecError(f"{self._source}: PyBullet cannot build this robot: {error}") from error
        info = [
            engine.getJointInfo(body, j, physicsClientId=client)
            for j in range(engine.getNumJoints(body, physicsClientId=client))
        ]
        index = {row[1].decode(): row[0] for row in info}
        self._index = [index[name] for name in self._joints]
        self._by_index = np.argsort(self._index).tolist()
        parts = {row[12].decode(): row[0] for row in info}
        self._link_index = [parts[name] for name in self._links]
        for link in range(-1, len(info)):
            engine.changeDynamics(
                body,
                link,
                linearDamping=0,
                angularDamping=0,
                jointDamping=0,
                maxJointVelocity=FASTEST,
                activationState=engine.ACTIVATION_STATE_DISABLE_SLEEPING,
                physicsClientId=client,
            )
        engine.setJointMotorControlArray(
            body,
            self._index,
            engine.VELOCITY_CONTROL,
            forces=[0.0] * len(self._index),
            physicsClientId=client,
        )
        return int(body)

    def place(self, q: FloatArray, v: FloatArray) -> None:
        """Put all robots at angles q and velocities v, (B, J) each."""
        for body, angles, speeds in zip(self._bodies, q.tolist(), v.tolist(), strict=True):
            for joint, angle, speed in zip(self._index, angles, speeds, strict=True):
                self._engine.resetJointState(
                    body, joint, angle, speed, physicsClientId=self._client
                )

    def states(self) -> FloatArray:
        """Angles and velocities of all robots, (2, B, J)."""
        get, index, client = self._engine.getJointStates, self._index, self._client
        rows = [get(body, index, physicsClientId=client) for body in self._bodies]
        return np.array([[[joint[k] for joint in row] for row in rows] for k in (0, 1)])

    def mass_and_bias(self, q: FloatArray, v: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Inertia (B, J, J) of the links, and torques (B, J) of gravity, Coriolis and centrifugal
        forces, at q and v (B, J)."""
        angles, speeds = q[:, self._by_index].tolist(), v[:, self._by_index].tolist()
        still, engine, client = [0.0] * len(self._joints), self._engine, self._client
        mass = [
            engine.calculateMassMatrix(body, x, physicsClientId=client)
            for body, x in zip(self._bodies, angles, strict=True)
        ]
        bias = [
            engine.calculateInverseDynamics(body, x, y, still, physicsClientId=client)
            for body, x, y in zip(self._bodies, angles, speeds, strict=True)
        ]
        rank = np.argsort(self._by_index)
        return np.array(mass)[:, rank][:, :, rank], np.array(bias)[:, rank]

    def bias(self, q: FloatArray, v: FloatArray, gravity: FloatArray) -> FloatArray:
        """The same torques (B, J) under a gravity (B, 3) of each robot's own, in m/s^2."""
        engine, client, found = self._engine, self._client, []
        angles, speeds = q[:, self._by_index].tolist(), v[:, self._by_index].tolist()
        for body, x, y, g in zip(self._bodies, angles, speeds, gravity.tolist(), strict=True):
            engine.setGravity(*g, physicsClientId=client)
            still = [0.0] * len(x)
            found.append(engine.calculateInverseDynamics(body, x, y, still, physicsClientId=client))
        engine.setGravity(0, 0, -GRAVITY_M_S2, physicsClientId=client)
        return np.array(found)[:, np.argsort(self._by_index)]

    def pull(self, q: FloatArray, force: FloatArray, points: FloatArray) -> FloatArray:
        """Torques (B, J) of forces (B, L, 3) in N on points of the links, (B, L, 3) in m in their
        frames, at q (B, J)."""
        engine, client = self._engine, self._client
        torque, rank = np.zeros(q.shape), np.argsort(self._by_index)
        for k, link in zip(*np.nonzero(force.any(-1)), strict=True):
            body, index = self._bodies[k], self._link_index[link]
            # from the link's origin, but along its axes of inertia, whatever the manual says
            turn = engine.getDynamicsInfo(body, index, physicsClientId=client)[4]
            frame = engine.invertTransform([0.0, 0.0, 0.0], turn)
            point = points[k, link].tolist()
            local, _ = engine.multiplyTransforms(*frame, point, [0.0, 0.0, 0.0, 1.0])
            x, still = q[k, self._by_index].tolist(), [0.0] * q.shape[1]
            linear, _ = engine.calculateJacobian(
                body, index, local, x, still, still, physicsClientId=client
            )
            torque[k] += (force[k, link] @ np.array(linear))[rank]
        return torque

    def step(self, torques: FloatArray) -> None:
        """Advance all robots by one time step under torques (B, J)."""
        for body, row in zip(self._bodies, torques.tolist(), strict=True):
            self._engine.setJointMotorControlArray(
                body,
                self._index,
                self._engine.TORQUE_CONTROL,
                forces=row,
                physicsClientId=self._client,
            )
        self._engine.stepSimulation(physicsClientId=self._client)

    def describe(self, world: int) -> dict[str, Any]:
        """What PyBullet holds of a robot: by link name mass_kg, moments_kg_m2, centre_m and
        place_m, by joint name limit_rad."""
        engine, client, body = self._engine, self._client, self._bodies[world]
        links, joints = {}, {}
        for j in range(engine.getNumJoints(body, physicsClientId=client)):
            info = engine.getJointInfo(body, j, physicsClientId=client)
            dynamics = engine.getDynamicsInfo(body, j, physicsClientId=client)
            state = engine.getLinkState(body, j, computeForwardKinematics=1, physicsClientId=client)
            links[info[12].decode()] = {
                "mass_kg": dynamics[0],
                "moments_kg_m2": dynamics[2],
                "centre_m": dynamics[3],
                "place_m": state[4],
            }
            joints[info[1].decode()] = {"limit_rad": (info[8], info[9])}
        return {"links": links, "joints": joints}


def _disconnect(engine: Any, client: int) -> None:
    with contextlib.suppress(engine.error):  # at exit PyBullet may have gone first
        engine.disconnect(physicsClientId=client)
