"""B differently built worlds of one robot in MuJoCo, stepped together on a thread pool."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np
from mujoco.batch import MODEL_FIELDS, Batch

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import BoolArray, FloatArray, Parameters
from robot_mbrl.contract.errors import RobotMbrlError
from robot_mbrl.contract.observation.neutral_command import neutral_command
from sim.laws.delay_line import EVERY
from sim.laws.disturbances import Disturbance, Disturbances
from sim.laws.electronics import Electronics, Power
from sim.laws.latency import Latency
from sim.laws.payload import Payloads
from sim.laws.per_world import State, by_world
from sim.mujoco_engine.body_fields import load_bodies
from sim.mujoco_engine.circuits import Circuits
from sim.mujoco_engine.feedback import Feedback
from sim.mujoco_engine.model import mujoco_model
from sim.mujoco_engine.parameter_fields import ParameterFields, is_field
from sim.mujoco_engine.profiling_clock import stop_engine_clock
from sim.mujoco_engine.thread_pools import leave_to_parent

UNSTABLE = slice(mujoco.mjtWarning.mjWARN_BADQPOS.value, mujoco.mjtWarning.mjWARN_BADQACC.value + 1)
"""Warnings of bad positions, velocities and accelerations: MuJoCo has put the world back to its
beginning, in silence."""


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
        self.model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_CLAMPCTRL  # by electronics
        self._batch = Batch(self.model, num_worlds, nthread=threads)
        if self._batch.nthread > 1:
            leave_to_parent(self, self._batch)
        joints = [self.model.joint(j.name) for j in spec.joints]
        self._qpos = np.array([j.qposadr[0] for j in joints])
        self._in_path = run_of(self._qpos)
        self._dof = np.array([j.dofadr[0] for j in joints])
        self._bodies = np.array([self.model.body(link).id for link in spec.links])
        self._electronics = Electronics(spec, num_worlds)
        self._latency = Latency(spec, num_worlds)
        named = spec.nominal
        self._disturbances = Disturbances(spec, num_worlds) if Disturbances.needed(named) else None
        self._payloads = Payloads(spec, num_worlds) if Payloads.needed(named) else None
        self._power, self._circuits = Power(spec, num_worlds), Circuits(spec, self._batch)
        needed = Feedback.needed(spec)
        self._feedback = Feedback(spec, self._batch, self._power) if needed else None
        extras = (self._disturbances, self._payloads, self._feedback)
        self._extras: list[Any] = [part for part in extras if part]
        self._state_q = self._batch.bind("qpos")
        self._state_v = self._batch.bind("qvel")
        self._warnings = self._batch.warning[:, :, 1]  # how many of each kind, (B, kinds)
        self._rest = self._batch.state[0].copy()  # a fresh world's; cheaper than Batch.reset
        self._aside: MujocoWorlds | None = None  # where worlds are prepared
        self._rows: list[tuple[np.ndarray, np.ndarray]] = []
        self._physical = ParameterFields(spec, self.model)
        self._fields = {name: self._batch.expand(name) for name in self._physical.names}

    def set_parameters(self, parameters: Parameters, ids: np.ndarray) -> None:
        """Rebuild worlds `ids` (n,) with parameters (n,) each, relative to the nominal model.

        Raises SpecError for a latency longer than any that robot.toml names.
        """
        self.change(parameters, ids, tuple(parameters))

    def change(self, parameters: Parameters, ids: np.ndarray, paths: Collection[str]) -> None:
        """Go on with worlds `ids` (n,) under parameters (n,) each, of which those at `paths` are
        new."""
        self._electronics.set_parameters(parameters, ids)
        self._latency.set_parameters(parameters, ids)
        for part in (self._disturbances, self._payloads):
            if part:
                part.set_parameters(parameters, ids)
        if self._feedback or any(is_field(path) for path in paths):
            self._physical.write(self._fields, parameters, ids)
            self._circuits.rewritten(ids, self._power)
            if self._feedback:
                self._feedback.set_parameters(parameters, ids)
            self._batch.set_const(np.sort(ids))
            self._reload(ids)

    def reset(self, parameters: Parameters, ids: np.ndarray) -> None:
        """Give worlds `ids` (n,), sorted, new parameters and their initial state."""
        self._batch.state[ids], self._warnings[ids] = self._rest, 0
        self._power.start(ids)
        for part in (self._payloads, self._feedback):
            if part:
                part.start(ids)
        self.set_parameters(parameters, ids)
        for k, joint in enumerate(self.spec.joints):
            self._state_q[ids, self._qpos[k]] = parameters[joint.initial("position_rad")]
            self._state_v[ids, self._dof[k]] = parameters[joint.initial("velocity_rad_s")]
        # the latencies as if the worlds had always been where they are
        q = self._state_q[np.ix_(ids, self._qpos)]
        self._latency.start(q, neutral_command(self.spec, q), ids)

    def enable(self, motors: BoolArray) -> None:
        """Switch motors (B, A) on, holding, and the others off, at once."""
        self._power.switch(motors)
        self._circuits.switch(self._power)
        held = neutral_command(self.spec, self._state_q[:, self._qpos])
        self._latency.replace_commands(np.where(motors, held, 0.0))

    def prepare(self, parameters: Parameters) -> None:
        """Build n worlds aside, parameters (n,) each, for `renew`."""
        count = len(next(iter(parameters.values())))
        if self._aside is None or self._aside._batch.nsim != count:
            threads = self._batch.nthread
            self._aside = MujocoWorlds(self.spec, count, threads=threads, model=self.model)
        prepared = self._aside
        prepared.reset(parameters, np.arange(count))
        here, there = self._batch, prepared._batch
        differing = [name for name in MODEL_FIELDS if there.expanded(name) is not None]
        pairs = [(here.state, there.state)]
        pairs += [(here.expand(name), there.expand(name)) for name in differing]
        pairs += zip(self._electronics.arrays, prepared._electronics.arrays, strict=True)
        pairs += zip(self._latency.arrays, prepared._latency.arrays, strict=True)
        self._rows = [(by_world(mine), by_world(theirs)) for mine, theirs in pairs]

    @property
    def _prepared(self) -> "MujocoWorlds":
        if self._aside is None:
            raise RobotMbrlError("no world is prepared; call prepare() first")
        return self._aside

    def measure_prepared(self, rng: np.random.Generator) -> FloatArray:
        """What the encoders of the n worlds prepared say first, (n, J) in rad."""
        return self._prepared.measure(rng)

    def renew(self, rows: slice, ids: np.ndarray) -> None:
        """Replace worlds `ids` (n,), sorted, by those at `rows` of the ones prepared."""
        prepared = self._prepared
        for mine, theirs in self._rows:
            mine[ids] = theirs[rows]
        self._warnings[ids] = 0
        self._latency.take(prepared._latency, rows, ids)
        self._power.start(ids)
        self._circuits.rewritten(ids, self._power)
        for part, other in zip(self._extras, prepared._extras, strict=True):
            part.take(other, rows, ids)

    def step(
        self,
        action: FloatArray | None,
        substeps: int | None = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        """Advance every world under actions (B, A) in [-1, 1] by `substeps` physics steps, by
        default one control period. None goes on with the newest commands. What happens by chance
        is drawn from `rng`; without one it does not happen."""
        steps = substeps or self.spec.control.substeps
        chance = self._disturbances.draw(rng) if self._disturbances and rng else None
        commands = None if action is None else self._electronics.commands(action)
        late = self._power.pass_on(self._latency.late_commands(commands, steps, chance))
        push = self._push(chance) if self._disturbances else 0.0
        if self._payloads:
            self._load(self._payloads.arrive(steps / self.spec.control.physics_rate_hz))
        if self._feedback:
            path = self._feedback.rollout(late, push)
        else:
            path = self._batch.rollout(steps, control=late, record=("qpos",))["qpos"]
        self._latency.move(path[:, :, self._in_path])

    def _push(self, chance: Disturbance | None) -> FloatArray | float:
        """Let joints and links be pushed until the next time; returns the torque on the joints."""
        torque = chance.torque_nm if chance else 0.0
        self._batch.bind("qfrc_applied")[:, self._dof] = torque
        self._batch.bind("xfrc_applied")[:, self._bodies, :3] = chance.force_n if chance else 0.0
        return torque

    def _reload(self, ids: np.ndarray) -> None:
        """Fix to worlds `ids` (n,), whose links were written anew, what they carry."""
        if self._payloads:
            carried = np.zeros_like(self._payloads.there)
            carried[ids] = self._payloads.there[ids]
            self._load(carried)

    def _load(self, arrived: np.ndarray) -> None:
        """Fix payloads to the links of those worlds where they have arrived, (B, L)."""
        if not self._payloads or not arrived.any():
            return
        loads = self._payloads
        for k, body in enumerate(self._bodies):
            rows = np.flatnonzero(arrived[:, k])
            load_bodies(self._fields, rows, body, loads.mass_kg[rows, k], loads.distance_m[rows, k])
        self._batch.set_const(np.flatnonzero(arrived.any(1)))

    def measure(self, rng: np.random.Generator, ids: np.ndarray | slice = EVERY) -> FloatArray:
        """What the encoders of worlds `ids` (n,) say: delayed, noisy, quantized joint angles (n,
        J) in rad."""
        return self._electronics.read_encoders(self._latency.late_angles(ids), rng, ids)

    def unstable(self) -> np.ndarray:
        """Which worlds blew up since they were reset, (B,); MuJoCo has put them back to 0."""
        blown: np.ndarray = self._warnings[:, UNSTABLE].any(1)
        return blown

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

    def get_state(self) -> State:
        """All that decides what comes next, beside the parameters; plain arrays."""
        state = {"mujoco": self._batch.state.copy()} | self._latency.get_state()
        for name, part in (("payloads.", self._payloads), ("feedback.", self._feedback)):
            state |= part.get_state(name) if part else {}
        return state

    def set_state(self, state: State, parameters: Parameters) -> None:
        """Go on from what `get_state` gave, with the parameters (B,) each that held then."""
        everyone = np.arange(self._batch.nsim)
        if self._payloads:
            self._payloads.start(everyone)
        self.set_parameters(parameters, everyone)
        self._latency.set_state(state)
        if self._payloads:
            self._payloads.set_state(state, "payloads.")
            self._load(self._payloads.there)
        if self._feedback:
            self._feedback.set_state(state, "feedback.")
        self._batch.state[:], self._warnings[:] = state["mujoco"], 0

    def model_of(self, world: int, parameters: dict[str, float] | None = None) -> mujoco.MjModel:
        """The compiled model of one world, optionally after giving it parameters (others
        nominal)."""
        if parameters is not None:
            values = self.spec.nominal | parameters
            arrays = {path: np.array([value]) for path, value in values.items()}
            self.set_parameters(arrays, np.array([world]))
        return self._batch.get_model(world)

    def close(self) -> None:
        """End the threads; calling it twice does no harm. The worlds cannot be used any more.

        The pool lives as long as the batch, and that as long as anything bound to it.
        """
        spec = self.spec
        vars(self).clear()
        self.spec = spec

    if not TYPE_CHECKING:  # a checker would take any name for granted

        def __getattr__(self, name: str) -> Any:
            """What `close` has let go of."""
            if name.startswith("__"):
                raise AttributeError(name)
            raise RobotMbrlError(
                "these MuJoCo worlds are closed, or belong to the process that this one was "
                "forked from; make new ones here"
            )


def run_of(indices: np.ndarray) -> np.ndarray | slice:
    """The same indices as a slice, which copies nothing, where they follow one another."""
    first, count = int(indices[0]), len(indices)
    in_turn = (indices == np.arange(first, first + count)).all()
    return slice(first, first + count) if in_turn else indices
