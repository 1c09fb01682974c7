"""B differently built worlds of one robot in MuJoCo, stepped together on a thread pool."""

from collections.abc import Collection

import mujoco
import numpy as np
from mujoco.batch import MODEL_FIELDS, Batch

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.checks import FloatArray
from robot_mbrl.contract.errors import RobotMbrlError
from robot_mbrl.contract.parameters import Parameters
from sim.build import mujoco_model
from sim.delay_line import EVERY
from sim.electronics import Electronics, holding
from sim.engine_clock import stop_engine_clock
from sim.latency import Latency
from sim.physical_fields import PhysicalFields, is_field


class MujocoWorlds:
    """Implements `sim.worlds.Worlds` on `mujoco.batch`.

    Args:
        spec: the robot.
        num_worlds: B.
        threads: threads of the pool; 0 takes one per core.
        model: the nominal model; built from `spec` by default.
    """

    def __init__(
        self,
        spec: RobotSpec,
        num_worlds: int,
        *,
        threads: int = 0,
        model: mujoco.MjModel | None = None,
    ) -> None:
        stop_engine_clock()
        self.spec = spec
        self.model = model or mujoco_model(spec)
        self._batch = Batch(self.model, num_worlds, nthread=threads)
        joints = [self.model.joint(j.name) for j in spec.joints]
        self._qpos = np.array([j.qposadr[0] for j in joints])
        self._dof = np.array([j.dofadr[0] for j in joints])
        self._electronics = Electronics(spec, num_worlds)
        self._latency = Latency(spec, num_worlds)
        self._state_q = self._batch.bind("qpos")
        self._state_v = self._batch.bind("qvel")
        self._rest = self._batch.state[0].copy()  # a fresh world's; cheaper than Batch.reset
        self._spares: MujocoWorlds | None = None
        self._rows: list[tuple[np.ndarray, np.ndarray]] = []
        self._physical = PhysicalFields(spec, self.model)
        self._fields = {name: self._batch.expand(name) for name in self._physical.names}

    def set_parameters(self, parameters: Parameters, ids: np.ndarray) -> None:
        """Rebuild worlds `ids` (n,) with parameters of shape (n,) each, relative to the nominal
        model.

        Raises SpecError for a latency longer than any that robot.toml names.
        """
        self.change(parameters, ids, tuple(parameters))

    def change(self, parameters: Parameters, ids: np.ndarray, paths: Collection[str]) -> None:
        """Go on with worlds `ids` (n,) under parameters (n,) each, of which those at `paths` are
        new."""
        self._electronics.set_parameters(parameters, ids)
        self._latency.set_parameters(parameters, ids)
        if any(is_field(path) for path in paths):
            self._physical.write(self._fields, parameters, ids)
            self._batch.set_const(np.sort(ids))

    def reset(self, parameters: Parameters, ids: np.ndarray) -> None:
        """Give worlds `ids` (n,), sorted, new parameters and their initial state."""
        self._batch.state[ids] = self._rest
        self.set_parameters(parameters, ids)
        for k, joint in enumerate(self.spec.joints):
            initial = f"initial.{joint.name}."
            self._state_q[ids, self._qpos[k]] = parameters[initial + "position_rad"]
            self._state_v[ids, self._dof[k]] = parameters[initial + "velocity_rad_s"]
        self._start(ids)

    def _start(self, ids: np.ndarray) -> None:
        """Fill the latencies of worlds `ids` as if they had always been where they are."""
        q = self._state_q[np.ix_(ids, self._qpos)]
        self._latency.start(q, holding(self.spec, q), ids)

    def prepare(self, parameters: Parameters) -> None:
        """Build n worlds aside, parameters (n,) each, for `renew`."""
        count = len(next(iter(parameters.values())))
        if self._spares is None or self._spares._batch.nsim != count:
            self._spares = MujocoWorlds(self.spec, count, threads=1, model=self.model)
        spares = self._spares
        spares.reset(parameters, np.arange(count))
        here, there = self._batch, spares._batch
        differing = [name for name in MODEL_FIELDS if there.expanded(name) is not None]
        self._rows = [(here.state, there.state)]
        self._rows += [(here.expand(name), there.expand(name)) for name in differing]

    def renew(self, rows: slice, ids: np.ndarray) -> None:
        """Replace worlds `ids` (n,), sorted, by those at `rows` of the ones prepared."""
        if self._spares is None:
            raise RobotMbrlError("no world is prepared; call prepare() first")
        for here, there in self._rows:
            here[ids] = there[rows]
        self._electronics.take(self._spares._electronics, rows, ids)
        self._latency.take(self._spares._latency, rows, ids)
        self._start(ids)

    def step(self, action: FloatArray, substeps: int | None = None) -> None:
        """Advance every world under actions (B, A) in [-1, 1], by one control period if not
        told."""
        steps = substeps or self.spec.control.substeps
        late = self._latency.late_commands(self._electronics.commands(action), steps)
        path = self._batch.rollout(steps, control=late, record=("qpos",))["qpos"]
        self._latency.move(path[:, :, self._qpos])

    def measure(self, rng: np.random.Generator, ids: np.ndarray | slice = EVERY) -> FloatArray:
        """What the encoders of worlds `ids` (n,) say: delayed, noisy, quantized joint angles (n,
        J) in rad."""
        return self._electronics.read_encoders(self._latency.late_angles(ids), rng, ids)

    def true_state(self) -> tuple[FloatArray, FloatArray]:
        """True joint angles and velocities, (B, J) each."""
        return self._state_q[:, self._qpos].copy(), self._state_v[:, self._dof].copy()

    def set_true_state(
        self, q: FloatArray, v: FloatArray, ids: np.ndarray, action: FloatArray | None = None
    ) -> None:
        """Put worlds `ids` (n,) at joint angles q (n, J) and velocities v (n, J).

        `action` (n, A) in [-1, 1] is what was applied before; by default nothing was.
        """
        self._state_q[np.ix_(ids, self._qpos)] = q
        self._state_v[np.ix_(ids, self._dof)] = v
        commands = None if action is None else self._electronics.commands(action, ids)
        self._latency.start(self._state_q[np.ix_(ids, self._qpos)], commands, ids)

    def model_of(self, world: int, parameters: dict[str, float] | None = None) -> mujoco.MjModel:
        """The compiled model of one world, optionally after giving it parameters (others
        nominal)."""
        if parameters is not None:
            values = self.spec.nominal | parameters
            arrays = {path: np.array([value]) for path, value in values.items()}
            self.set_parameters(arrays, np.array([world]))
        return self._batch.get_model(world)

    def close(self) -> None:
        """Nothing to release: the thread pool ends with its batch."""
