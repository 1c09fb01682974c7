"""One simulated world as a Robot and its Clock: waiting advances the physics."""

import math
import sys
from typing import Any

import numpy as np

from robot_mbrl.contract import ActionCodec, Command, RobotSpec, RobotState
from robot_mbrl.contract.arrays import FloatArray, check_finite, check_shape
from robot_mbrl.contract.errors import LinkError, LinkTimeout, SimulationError
from robot_mbrl.contract.interface import Fault
from robot_mbrl.contract.observation.neutral_command import neutral_command
from robot_mbrl.contract.parameters.effects import effect_values
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
    """Implements `contract.Robot`, `contract.interface.Enabled` and `contract.Clock`.

    It is enabled when it starts.

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
        self._command: FloatArray | None = None  # since the drive was enabled
        self._closed = False
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
        self._sequence, self._time_s = 0, 0.0
        self._off, self._command, self._held = False, None, self._neutral()

    def arm(self) -> None:
        """Enable drive; every motor holds its neutral command until the first one comes."""
        self._switch(off=False)

    def clear_faults(self) -> None:
        """Drive off: there are no faults."""
        self._switch(off=True)

    def read(self) -> RobotState:
        """What the encoders show now. Raises LinkTimeout for a sample that is lost."""
        self._check_open()
        self._sequence += 1
        q = self.worlds.measure(self._rng)
        if self._faults and self._time_s > 0:  # the first one is there: else nothing could begin
            q, fresh = self._faults.pass_on(q, self._rng)
            if not fresh[0]:
                raise LinkTimeout(f"robot {self.spec.name!r}: this sample is lost (lost_share)")
        q = q[0]
        applied = self._applied()
        hot = np.full(len(applied), math.nan)
        for array in (q, applied, hot):
            array.flags.writeable = False
        now = self._time_s
        faults = Fault.NOT_ENABLED | Fault.STOPPED if self._off else Fault(0)
        return RobotState(q, applied, now, now, self._sequence, int(faults), temperature_c=hot)

    def send(self, command: Command) -> Command:
        """Hold a command until the next one; clamps to the limit. Nothing happens while the drive
        is off. Raises NotFiniteError, LinkError once it is closed."""
        self._check_open()
        value: FloatArray = np.asarray(command.value, dtype=np.float64)
        check_shape("command", value, (len(self.spec.actuators),))
        check_finite("command", value, [a.name for a in self.spec.actuators])
        if not self._off:
            self._command = np.clip(value, -self._codec.limit, self._codec.limit)
        return Command(self._applied())

    def stop(self) -> None:
        """Switch the drive off."""
        self._switch(off=True)

    def _switch(self, off: bool) -> None:
        if self._closed:
            return
        motors = np.full((1, len(self.spec.actuators)), not off)
        self.worlds.enable(motors)
        self._off, self._command, self._held = off, None, self._neutral()

    def _applied(self) -> FloatArray:
        """The command in force, (A,)."""
        if self._command is not None:
            return self._command.copy()
        return self._neutral() if self._off else self._held.copy()

    def _neutral(self) -> FloatArray:
        """The neutral command (A,) where the joints are now, as their encoders show it."""
        given = {path: np.array([value]) for path, value in self.parameters.items()}
        paths = [joint.path("encoder_offset_rad") for joint in self.spec.joints]
        zero = np.concatenate([effect_values(given, path, 1) for path in paths])
        return neutral_command(self.spec, self.worlds.true_state()[0][0] - zero)

    def close(self) -> None:
        """Stop, and release the engine; calling it twice does no harm."""
        self.stop()
        self._closed = True
        self.worlds.close()

    def _check_open(self) -> None:
        if self._closed:
            raise LinkError(f"robot {self.spec.name!r} is closed; make it again")

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
            action = None if self._command is None else self._codec.to_action(self._command)[None]
            self.worlds.step(action, steps, self._rng)
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
        none = np.full(len(self.spec.actuators), np.nan)
        command = none if self._command is None else self._command.copy()
        state |= {"parameters": np.array(values), "command": command, "held": self._held.copy()}
        state["clock"] = np.array([self._sequence, self._time_s, self._off])
        return state | {"generator": generator_array(self._rng)}

    def set_state(self, state: State) -> None:
        """Go on from what `get_state` gave. Raises DataError for that of another robot."""
        checked(state, self.get_state())
        self.parameters = dict(zip(self.spec.nominal, state["parameters"].tolist(), strict=True))
        given = {path: np.array([value]) for path, value in self.parameters.items()}
        self.worlds.enable(np.full((1, len(self.spec.actuators)), not state["clock"][2]))
        self.worlds.set_state(part_of(state, "worlds."), given)
        self._schedule.set_state(state)
        if self._faults:
            self._faults.set_parameters(given, ONE)
            self._faults.set_state(state, "faults.")
        command = state["command"]
        self._command = None if np.isnan(command).any() else command.copy()
        self._held, self._off = state["held"].copy(), bool(state["clock"][2])
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
