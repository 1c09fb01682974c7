"""B differently built worlds of one robot, stepped together on a thread pool."""

import mujoco
import numpy as np
from mujoco.batch import Batch

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.checks import FloatArray
from robot_mbrl.contract.errors import SpecError
from robot_mbrl.contract.parameters import Parameters
from sim.build import mujoco_model
from sim.physical_fields import PhysicalFields

HISTORY_HEADER = 2  # mjData.history of one buffer: two header numbers, n times, n values
MEASURED = mujoco.mjtStage.mjSTAGE_POS.value
"""Joint position sensors are current after this stage; velocities are state and always are."""


class Worlds:
    """Physics of B worlds: parameters in, commands in, measured joint angles out.

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
        self._max_latency_s = max_latency_s(spec)
        self.model = model or mujoco_model(spec, max_latency_s=self._max_latency_s)
        self._batch = Batch(self.model, num_worlds, nthread=threads)
        joints = [self.model.joint(j.name) for j in spec.joints]
        self._qpos = np.array([j.qposadr[0] for j in joints])
        self._dof = np.array([j.dofadr[0] for j in joints])
        self._limit = np.array([a.limit for a in spec.actuators])
        self._rad_per_count = np.array([j.rad_per_count for j in spec.joints])
        delayed = self.model.nhistory > 0
        self._latencies = [p for p in spec.nominal if delayed and p.endswith("latency_ms")]
        self._supply = np.ones((num_worlds, len(spec.actuators)))
        self._noise_counts = np.full(num_worlds, spec.sensor.noise_counts)
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
        self._check_latencies(parameters)
        self._physical.write(self._fields, parameters, ids)
        for a, actuator in enumerate(self.spec.actuators):
            if actuator.motor.kind != "servo":  # a servo's command is no share of its supply
                self._supply[ids, a] = parameters[f"actuators.{actuator.name}.supply"]
        self._noise_counts[ids] = parameters["sensors.noise_counts"]
        self._batch.set_const(np.sort(ids))

    def _check_latencies(self, parameters: Parameters) -> None:
        longest_ms = self._max_latency_s * 1000
        for path in self._latencies:
            if parameters[path].max() > longest_ms:
                raise SpecError(
                    f"{path}: expected at most {longest_ms:g} ms, the longest latency that "
                    f"robot.toml names, got {parameters[path].max():g}; widen its [randomization]"
                )

    def reset(self, parameters: Parameters, ids: np.ndarray) -> None:
        """Give worlds `ids` (n,), sorted, new parameters and their initial state."""
        self._batch.state[ids] = self._rest
        self.set_parameters(parameters, ids)
        for k, joint in enumerate(self.spec.joints):
            initial = f"initial.{joint.name}."
            self._state_q[ids, self._qpos[k]] = parameters[initial + "position_rad"]
            self._state_v[ids, self._dof[k]] = parameters[initial + "velocity_rad_s"]
            self._fill_history(k, ids)
        self._fill_commands(self._holding(ids), ids)
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
        self._ctrl[:] = action * self._limit * self._supply
        self._batch.step(nstep=substeps or self.spec.control.substeps, stage=MEASURED)

    def measure(self, rng: np.random.Generator) -> FloatArray:
        """What the encoders say: delayed, noisy, quantized joint angles (B, J) in rad."""
        noise = self._noise_counts[:, None] * rng.standard_normal(self._sensors.shape)
        counts = np.floor(self._sensors / self._rad_per_count + noise + 0.5)
        angles: FloatArray = counts * self._rad_per_count
        return angles

    def true_state(self) -> tuple[FloatArray, FloatArray]:
        """True joint angles and velocities, (B, J) each."""
        return self._state_q[:, self._qpos].copy(), self._state_v[:, self._dof].copy()

    def _holding(self, ids: np.ndarray) -> FloatArray:
        """Commands (n, A) that leave worlds `ids` as they are: a position servo's own position."""
        held = np.zeros((len(ids), len(self.spec.actuators)))
        for a, (actuator, j) in enumerate(
            zip(self.spec.actuators, self.spec.actuated, strict=True)
        ):
            if actuator.command == "position":
                held[:, a] = self._state_q[ids, self._qpos[j]]
        return held

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
            self._fill_commands(action * self._limit * self._supply[ids], ids)
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


def max_latency_s(spec: RobotSpec) -> float:
    """The longest latency that this robot's nominal values or randomization can ask for."""
    values = [v for path, v in spec.nominal.items() if path.endswith("latency_ms")]
    values += [v.high for path, v in spec.randomization.items() if path.endswith("latency_ms")]
    return max(values) / 1000
