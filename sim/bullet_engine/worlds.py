"""B differently built worlds of one robot in PyBullet, in this process or shared among several."""

import math
import os
from collections.abc import Collection
from typing import Any

import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import BoolArray, FloatArray, Parameters
from robot_mbrl.contract.errors import RobotMbrlError
from sim.bullet_engine.client import WORLDS_PER_CLIENT
from sim.bullet_engine.import_pybullet import import_pybullet
from sim.bullet_engine.physics import BulletPhysics, Readings
from sim.bullet_engine.process import BulletProcess
from sim.laws.delay_line import EVERY
from sim.laws.disturbances import Disturbances
from sim.laws.electronics import Electronics
from sim.laws.per_world import State


class BulletWorlds:
    """Implements `sim.worlds.Worlds`.

    All that is random is drawn here and not in the processes, so how many there are changes no
    number.

    Args:
        spec: the robot.
        num_worlds: B.
        processes: how many share the worlds; 1 is this one, 0 takes one per core but none beside
            this one for a handful of worlds.

    Raises SettingsError where PyBullet is missing, SpecError where it cannot build the URDF.
    """

    def __init__(self, spec: RobotSpec, num_worlds: int, *, processes: int = 0) -> None:
        import_pybullet()
        self.spec = spec
        most = processes or min(os.cpu_count() or 1, math.ceil(num_worlds / WORLDS_PER_CLIENT))
        self._parts = np.array_split(np.arange(num_worlds), min(most, num_worlds))
        kind = BulletProcess if len(self._parts) > 1 else InThisProcess
        self._shape = (num_worlds, len(spec.joints))
        self._closed = False
        self._prepared: Parameters = {}
        self._electronics = Electronics(spec, num_worlds)
        chancy = Disturbances.needed(spec.nominal)
        self._disturbances = Disturbances(spec, num_worlds) if chancy else None
        q, qd, sensed = np.zeros((3, *self._shape))
        self._now = Readings(q, qd, sensed, np.zeros(num_worlds, bool))
        self._workers: list[BulletProcess | InThisProcess] = []
        for part in self._parts:
            self._workers.append(kind(spec, len(part)))
        self._call_all("readings", [() for _ in self._parts])

    def reset(self, parameters: Parameters, ids: np.ndarray) -> None:
        """Give worlds `ids` (n,), sorted, new parameters (n,) each and their initial state."""
        self._give("reset", parameters, ids)

    def change(self, parameters: Parameters, ids: np.ndarray, paths: Collection[str]) -> None:
        """Go on with worlds `ids` (n,), sorted, under parameters (n,) each, of which those at
        `paths` are new."""
        self._give("change", parameters, ids, tuple(paths))

    def _give(self, call: str, parameters: Parameters, ids: np.ndarray, *more: Any) -> None:
        self._electronics.set_parameters(parameters, ids)
        if self._disturbances:
            self._disturbances.set_parameters(parameters, ids)
        arguments: list[tuple[Any, ...] | None] = []
        for part in self._parts:
            chosen = np.isin(ids, part)
            values = {path: column[chosen] for path, column in parameters.items()}
            arguments.append((values, ids[chosen] - part[0], *more) if chosen.any() else None)
        self._call_all(call, arguments)

    def step(
        self,
        action: FloatArray | None,
        substeps: int | None = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        """Advance every world under actions (B, A) in [-1, 1] by `substeps` physics steps, by
        default one control period. None goes on with the newest commands. What happens by chance
        is drawn from `rng`; without one it does not happen."""
        commands = None if action is None else np.asarray(self._electronics.commands(action))
        steps = substeps or self.spec.control.substeps
        chance = self._disturbances.draw(rng) if self._disturbances and rng else None
        arguments = [
            (
                None if commands is None else commands[part],
                steps,
                chance.of(part) if chance else None,
            )
            for part in self._parts
        ]
        self._call_all("step", arguments)

    def enable(self, motors: BoolArray) -> None:
        """Switch motors (B, A) on, holding, and the others off, at once."""
        self._call_all("enable", [(motors[part],) for part in self._parts])

    def prepare(self, parameters: Parameters) -> None:
        """Keep n worlds' parameters (n,) for `renew`: PyBullet builds where they will be."""
        self._prepared = parameters

    def measure_prepared(self, rng: np.random.Generator) -> FloatArray:
        """What the encoders of the n worlds prepared say first, (n, J) in rad."""
        paths = [joint.initial("position_rad") for joint in self.spec.joints]
        angles = np.stack([self._prepared[path] for path in paths], 1)
        electronics = Electronics(self.spec, len(angles))
        electronics.set_parameters(self._prepared, np.arange(len(angles)))
        return electronics.read_encoders(angles, rng)

    def renew(self, rows: slice, ids: np.ndarray) -> None:
        """Replace worlds `ids` (n,), sorted, by those at `rows` of the ones prepared."""
        self.reset({path: values[rows] for path, values in self._prepared.items()}, ids)

    def measure(self, rng: np.random.Generator, ids: np.ndarray | slice = EVERY) -> FloatArray:
        """What the encoders of worlds `ids` (n,) say: delayed, noisy, quantized joint angles (n,
        J) in rad."""
        return self._electronics.read_encoders(self._now.sensed_rad[ids], rng, ids)

    def unstable(self) -> np.ndarray:
        """Which worlds blew up since they were reset, (B,)."""
        return self._now.unstable.copy()

    def true_state(self) -> tuple[FloatArray, FloatArray]:
        """True joint angles and velocities, (B, J) each."""
        return self._now.q_rad.copy(), self._now.qd_rad_s.copy()

    def set_true_state(
        self, q: FloatArray, v: FloatArray, ids: np.ndarray, action: FloatArray | None = None
    ) -> None:
        """Put worlds `ids` (n,) at joint angles q (n, J) and velocities v (n, J).

        `action` (n, A) in [-1, 1] is what was applied before; by default nothing was.
        """
        shape = (len(ids), len(self.spec.joints))
        q, v = np.broadcast_to(q, shape), np.broadcast_to(v, shape)
        commands = None if action is None else self._electronics.commands(action, ids)
        arguments: list[tuple[Any, ...] | None] = []
        for part in self._parts:
            chosen = np.isin(ids, part)
            given = None if commands is None else commands[chosen]
            values = (q[chosen], v[chosen], ids[chosen] - part[0], given)
            arguments.append(values if chosen.any() else None)
        self._call_all("set_true_state", arguments)

    def get_state(self) -> State:
        """All that decides what comes next, beside the parameters; plain arrays."""
        self._insist_open()
        for worker in self._workers:
            worker.start("get_state")
        states = [worker.finish() for worker in self._workers]
        return {name: np.concatenate([state[name] for state in states]) for name in states[0]}

    def set_state(self, state: State, parameters: Parameters) -> None:
        """Go on from what `get_state` gave, with the parameters (B,) each that held then."""
        everyone = np.arange(self._shape[0])
        self._electronics.set_parameters(parameters, everyone)
        if self._disturbances:
            self._disturbances.set_parameters(parameters, everyone)
        arguments = [
            tuple({name: values[part] for name, values in of.items()} for of in (parameters, state))
            for part in self._parts
        ]
        self._call_all("set_state", arguments)

    def mass_matrix(self, world: int) -> FloatArray:
        """Inertia (J, J) of one world as it stands, rotors included."""
        matrix: FloatArray = self._ask(world, "mass_matrix")
        return matrix

    def bias(self, world: int) -> FloatArray:
        """Torques (J,) that hold one world against weight, Coriolis and centrifugal forces."""
        torques: FloatArray = self._ask(world, "bias")
        return torques

    def describe(self, world: int) -> dict[str, Any]:
        """What is built in of one world, see `BulletPhysics.describe`."""
        found: dict[str, Any] = self._ask(world, "describe")
        return found

    def _ask(self, world: int, call: str) -> Any:
        [(worker, part)] = [
            (c, p) for c, p in zip(self._workers, self._parts, strict=True) if world in p
        ]
        worker.start(call, int(world - part[0]))
        return worker.finish()

    def _call_all(self, call: str, arguments: list[Any]) -> None:
        """Call every worker that has arguments; all work at once. Any error closes all of them."""
        self._insist_open()
        busy = [k for k, given in enumerate(arguments) if given is not None]
        try:
            for k in busy:
                self._workers[k].start(call, *arguments[k])
            for k in busy:
                self._take(self._parts[k], self._workers[k].finish())
        except BaseException:  # an interrupt would leave answers in the pipes
            self.close()
            raise

    def _insist_open(self) -> None:
        if self._closed:
            raise RobotMbrlError("these PyBullet worlds are closed; make new ones")

    def _take(self, part: np.ndarray, new: Readings) -> None:
        self._now.q_rad[part] = new.q_rad
        self._now.qd_rad_s[part] = new.qd_rad_s
        self._now.sensed_rad[part] = new.sensed_rad
        self._now.unstable[part] = new.unstable

    def close(self) -> None:
        """End the processes and release PyBullet's memory; calling it twice does no harm."""
        self._closed = True
        for worker in self._workers:
            worker.close()


class InThisProcess:
    """A BulletPhysics that is called as a BulletProcess is."""

    def __init__(self, spec: RobotSpec, num_worlds: int) -> None:
        self._physics = BulletPhysics(spec, num_worlds)
        self.close = self._physics.close
        self._result: Any = None

    def start(self, call: str, *arguments: Any) -> None:
        """Make the call."""
        self._result = getattr(self._physics, call)(*arguments)

    def finish(self) -> Any:
        """The result of the work that was begun."""
        return self._result
