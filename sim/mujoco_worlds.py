"""B differently built worlds of one robot in MuJoCo, stepped together on a thread pool."""

import mujoco
import numpy as np
from mujoco.batch import Batch

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.checks import FloatArray
from robot_mbrl.contract.parameters import Parameters
from sim.build import mujoco_model
from sim.electronics import Electronics, holding, max_latency_s
from sim.physical_fields import PhysicalFields

HISTORY_HEADER = 2  # mjData.history of one buffer: two header numbers, n times, n values
MEASURED = mujoco.mjtStage.mjSTAGE_POS.value
"""Joint position sensors are current after this stage; velocities are state and always are."""


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
        self.spec = spec
        self.model = model or mujoco_model(spec, max_latency_s=max_latency_s(spec))
        self._batch = Batch(self.model, num_worlds, nthread=threads)
        joints = [self.model.joint(j.name) for j in spec.joints]
        self._qpos = np.array([j.qposadr[0] for j in joints])
        self._dof = np.array([j.dofadr[0] for j in joints])
        self._electronics = Electronics(spec, num_worlds)
        self._state_q = self._batch.bind("qpos")
        self._state_v = self._batch.bind("qvel")
        self._ctrl = self._batch.bind("ctrl")
        self._history = self._batch.bind("history")
        self._sensors = self._batch.bind("sensordata")
        self._rest = self._batch.state[0].copy()  # a fresh world's; cheaper than Batch.reset
        self._physical = PhysicalFields(spec, self.model)
        self._fields = {name: self._batch.expand(name) for name in self._physical.names}

    def set_parameters(self, parameters: Parameters, ids: np.ndarray) -> None:
        """Rebuild worlds `ids` (n,) with parameters of shape (n,) each, relative to the nominal
        model.

        Raises SpecError for a latency that the history buffers cannot hold.
        """
        self._electronics.set_parameters(parameters, ids)
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
            self._fill_history(k, ids)
        self._fill_commands(holding(self.spec, self._state_q[ids][:, self._qpos]), ids)
        self._batch.forward(ids, stage=MEASURED)

    def _fill_history(self, sensor: int, ids: np.ndarray) -> None:
        """A delayed sensor would read 0 rad until its buffer fills: start it at the initial
        angle."""
        start = self.model.sensor_historyadr[sensor]
        if start < 0:
            return
        n = self.model.sensor_history[sensor, 0]
        first = start + HISTORY_HEADER + n
        self._history[ids, first : first + n] = self._state_q[ids, self._qpos[sensor]][:, None]

    def step(self, action: FloatArray, substeps: int | None = None) -> None:
        """Advance every world under actions (B, A) in [-1, 1], by one control period if not
        told."""
        self._ctrl[:] = self._electronics.commands(action)
        self._batch.step(nstep=substeps or self.spec.control.substeps, stage=MEASURED)

    def measure(self, rng: np.random.Generator) -> FloatArray:
        """What the encoders say: delayed, noisy, quantized joint angles (B, J) in rad."""
        return self._electronics.read_encoders(self._sensors, rng)

    def true_state(self) -> tuple[FloatArray, FloatArray]:
        """True joint angles and velocities, (B, J) each."""
        return self._state_q[:, self._qpos].copy(), self._state_v[:, self._dof].copy()

    def _fill_commands(self, commands: FloatArray, ids: np.ndarray) -> None:
        """A delayed motor would get nothing until its buffer fills: start it with the last one,
        (n, A) in physical units."""
        for a, start in enumerate(self.model.actuator_historyadr):
            if start >= 0:
                n = self.model.actuator_history[a, 0]
                first = start + HISTORY_HEADER + n
                self._history[ids, first : first + n] = commands[:, a, None]

    def set_true_state(
        self, q: FloatArray, v: FloatArray, ids: np.ndarray, action: FloatArray | None = None
    ) -> None:
        """Put worlds `ids` (n,) at joint angles q (n, J) and velocities v (n, J).

        `action` (n, A) in [-1, 1] is what was applied before; by default nothing was.
        """
        if action is not None:
            self._fill_commands(self._electronics.commands(action, ids), ids)
        self._state_q[np.ix_(ids, self._qpos)] = q
        self._state_v[np.ix_(ids, self._dof)] = v
        for k in range(len(self.spec.joints)):
            self._fill_history(k, ids)
        self._batch.forward(ids, stage=mujoco.mjtStage.mjSTAGE_VEL.value)

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
