"""One simulated world as a Robot and its Clock: waiting advances the physics."""

import math
import sys
from typing import Any

import numpy as np

from robot_mbrl.contract import ActionCodec, Command, RobotSpec, RobotState
from robot_mbrl.contract.arrays import FloatArray, check_finite, check_shape
from robot_mbrl.contract.errors import LinkTimeout, SimulationError
from robot_mbrl.contract.parameters.variation import Variation
from sim.envs.generator_state import generator_array, generator_of
from sim.envs.parameter_schedule import ParameterSchedule
from sim.envs.state_arrays import checked, part_of
from sim.laws.per_world import State
from sim.laws.sensor_faults import SensorFaults
from sim.worlds import make_worlds

ONE = np.array([0])
"""The world of a SimulatedRobot."""


class SimulatedRobot:
    """Implements `contract.Robot` and `contract.Clock`.

    Attributes:
        spec: the robot.
        worlds: the engine, of one world.
        parameters: those now in force, by path.

    Args:
        spec: the robot.
        variations: what is drawn, and when; empty for the nominal world.
        rng: draws parameters and sensor noise.
        backend: the engine, see `sim.worlds.make_worlds`.
    """

    def __init__(
        self,
        spec: RobotSpec,
        variations: dict[str, Variation],
        rng: np.random.Generator,
        backend: str = "mujoco",
    ) -> None:
        self.spec = spec
        self._made_of = (spec, variations, backend)
        self._schedule = ParameterSchedule(spec, variations, 1, rng.spawn(1)[0])
        self.worlds = make_worlds(spec, 1, backend=backend, threads=1)
        self._faults = SensorFaults(spec, 1) if SensorFaults.needed(spec.nominal) else None
        self.parameters: dict[str, float] = {}
        self._codec = ActionCodec.from_spec(spec)
        self.restart(rng)

    def restart(self, rng: np.random.Generator) -> None:
        """Draw a world, put it in its initial state at time 0."""
        self._rng = rng
        drawn = self._schedule.keep_built(self._schedule.draw(rng, 1), ONE)
        self.parameters = {path: float(values[0]) for path, values in drawn.items()}
        self.worlds.reset(drawn, ONE)
        self._schedule.start(ONE, rng)
        if self._faults:
            self._faults.set_parameters(drawn, ONE)
            self._faults.start(self.worlds.measure(rng), ONE)
        self._command = np.zeros(len(self.spec.actuators))
        self._sequence, self._time_s = 0, 0.0

    def read(self) -> RobotState:
        """What the encoders show now. Raises LinkTimeout for a sample that is lost."""
        self._sequence += 1
        q = self.worlds.measure(self._rng)
        if self._faults and self._time_s > 0:  # the first one is there: else nothing could begin
            q, fresh = self._faults.pass_on(q, self._rng)
            if not fresh[0]:
                raise LinkTimeout(f"robot {self.spec.name!r}: this sample is lost (lost_share)")
        q = q[0]
        applied, hot = self._command.copy(), np.full(len(self._command), math.nan)
        for array in (q, applied, hot):
            array.flags.writeable = False
        now = self._time_s
        return RobotState(q, applied, now, now, self._sequence, faults=0, temperature_c=hot)

    def send(self, command: Command) -> Command:
        """Hold a command until the next one; clamps to the limit. Raises NotFiniteError."""
        value: FloatArray = np.asarray(command.value, dtype=np.float64)
        check_shape("command", value, self._command.shape)
        check_finite("command", value, [a.name for a in self.spec.actuators])
        self._command = np.clip(value, -self._codec.limit, self._codec.limit)
        return Command(self._command.copy())

    def stop(self) -> None:
        """Command zero from now on."""
        self._command = np.zeros_like(self._command)

    def close(self) -> None:
        """Stop, and release the engine."""
        self.stop()
        self.worlds.close()

    def now(self) -> float:
        """Simulated time in s since the last restart."""
        return self._time_s

    def wait_until(self, time_s: float) -> float:
        """Advance the physics up to `time_s`; returns by how many seconds it was late, which a
        simulation never is. Raises SimulationError when the physics blows up."""
        rate = self.spec.control.physics_rate_hz
        end = round(time_s * rate)
        while (now := round(self._time_s * rate)) < end:
            self._redraw(now)
            steps = min(end - now, self._steps_to_tick(now))
            self.worlds.step(self._codec.to_action(self._command)[None], steps, self._rng)
            self._time_s += steps / rate
            if self.worlds.unstable()[0]:
                raise SimulationError(
                    f"robot {self.spec.name!r}: the simulated physics blew up by "
                    f"{self._time_s:.3f} s (NaN, or more than 1e10 rad or rad/s); make "
                    "physics_rate_hz higher, or look for extreme inertias, gains or parameters"
                )
        return max(0.0, self._time_s - time_s)

    def get_state(self) -> State:
        """All that decides what comes next; plain arrays."""
        state = {f"worlds.{name}": x for name, x in self.worlds.get_state().items()}
        state |= self._schedule.get_state()
        state |= self._faults.get_state("faults.") if self._faults else {}
        values = [self.parameters[path] for path in self.spec.nominal]
        state |= {"parameters": np.array(values), "command": self._command.copy()}
        state["clock"] = np.array([self._sequence, self._time_s])
        return state | {"generator": generator_array(self._rng)}

    def set_state(self, state: State) -> None:
        """Go on from what `get_state` gave. Raises DataError for that of another robot."""
        checked(state, self.get_state())
        self.parameters = dict(zip(self.spec.nominal, state["parameters"].tolist(), strict=True))
        given = {path: np.array([value]) for path, value in self.parameters.items()}
        self.worlds.set_state(part_of(state, "worlds."), given)
        self._schedule.set_state(state)
        if self._faults:
            self._faults.set_parameters(given, ONE)
            self._faults.set_state(state, "faults.")
        self._command = state["command"].copy()
        self._sequence, self._time_s = int(state["clock"][0]), float(state["clock"][1])
        self._rng = generator_of(state["generator"])

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy has an engine of its own."""
        return _again, (*self._made_of, self.get_state())

    def _steps_to_tick(self, now: int) -> int:
        """How far the world stays as it is: up to the next control tick where it changes."""
        substeps = self.spec.control.substeps
        return substeps - now % substeps if self._schedule.changes else sys.maxsize

    def _redraw(self, now: int) -> None:
        """Draw what changes within an episode, `now` physics steps after its start."""
        tick = np.array([now // self.spec.control.substeps])
        for redrawn in self._schedule.redraw(tick, self._rng):
            self.parameters |= {path: float(values[0]) for path, values in redrawn.values.items()}
            given = {path: np.array([value]) for path, value in self.parameters.items()}
            self.worlds.change(given, ONE, redrawn.values)
            if self._faults:
                self._faults.set_parameters(given, ONE)


def _again(
    spec: RobotSpec, variations: dict[str, Variation], backend: str, state: State
) -> SimulatedRobot:
    robot = SimulatedRobot(spec, variations, np.random.default_rng(0), backend)
    robot.set_state(state)
    return robot
