"""Commands that act late and encoders that are read late, the same for every engine."""

import math

import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import FloatArray, Parameters
from sim.laws.command_queue import CommandQueue
from sim.laws.delay_line import EVERY, DelayLine
from sim.laws.disturbances import Disturbance
from sim.laws.per_world import State
from sim.laws.play import Play

ROUNDING = 1e-9
"""Of a latency in physics steps: 12 ms of 4 ms steps are 3 of them, not 4."""


class Latency:
    """The latencies of B worlds, in physics steps, and what is on its way meanwhile.

    A command is held for whole physics steps, so a fraction of one counts as a whole one. An angle
    is linear between physics steps. (MuJoCo's own `delay` does the same but for sensor latencies
    below one physics step, which act as a whole one; and it costs a tenth of a small robot's
    physics.)

    Args:
        spec: the robot.
        num_worlds: B.
    """

    def __init__(self, spec: RobotSpec, num_worlds: int) -> None:
        self._per_ms = spec.control.physics_rate_hz / 1000
        self._paths = [f"actuators.{a.name}.latency_ms" for a in spec.actuators]
        shape = (num_worlds, len(spec.actuators))
        longest_ms = 1000 * max_latency_s(spec) + max_jitter_ms(spec)
        longest = math.ceil(longest_ms * self._per_ms)
        self._commands = CommandQueue(shape, longest)
        self._angles = DelayLine((num_worlds, len(spec.joints)), longest)
        self._command_ms = np.zeros(shape)
        self._command_lag = np.zeros(shape, dtype=np.int64)
        self._angle_ms = np.zeros((num_worlds, 1))
        self._play = Play(spec, num_worlds) if Play.needed(spec.nominal) else None

    def set_parameters(self, parameters: Parameters, ids: np.ndarray) -> None:
        """Give worlds `ids` (n,) their latencies, (n,) each, none above `max_latency_s`."""
        for a, path in enumerate(self._paths):
            self._command_ms[ids, a] = parameters[path]
        self._angle_ms[ids, 0] = parameters["sensors.latency_ms"]
        if self._play:
            self._play.set_parameters(parameters, ids)
        self._command_lag[ids] = self._whole_steps(self._command_ms[ids])
        self._angles.set_lag(self._angle_ms[ids] * self._per_ms, ids)

    @property
    def arrays(self) -> list[np.ndarray]:
        """Arrays (B, ...) that `take` leaves to the caller to copy; the same objects for ever."""
        return [self._command_ms, self._command_lag, self._angle_ms, *self._angles.arrays]

    def take(self, other: "Latency", rows: slice, ids: np.ndarray) -> None:
        """Make worlds `ids` (n,) like another's worlds `rows` (n,), but for the `arrays`."""
        self._commands.take(other._commands, rows, ids)
        if self._play and other._play:
            self._play.take(other._play, rows, ids)

    def _whole_steps(self, late_ms: FloatArray) -> np.ndarray:
        return np.ceil(late_ms * self._per_ms - ROUNDING).astype(np.int64)

    def start(self, angles: FloatArray, commands: FloatArray | None, ids: np.ndarray) -> None:
        """Let worlds `ids` (n,) be as if they had always been at `angles` (n, J) under `commands`
        (n, A).

        None leaves the commands that are on their way.
        """
        self._angles.fill(angles, ids)
        if self._play:
            self._play.start(angles, ids)
        if commands is not None:
            self._commands.fill(commands, ids)

    def replace_commands(self, commands: FloatArray) -> None:
        """Let commands (B, A) be in force as if for ever; what was on its way is gone."""
        self._commands.fill(commands, np.arange(len(commands)))

    def late_commands(
        self, commands: FloatArray | None, steps: int, chance: Disturbance | None = None
    ) -> FloatArray:
        """Hold commands (B, A), by default the newest, for so many physics steps -> what acts in
        each, (B, steps, A)."""
        lag = self._command_lag
        if commands is None:
            commands = self._commands.newest
        if chance is not None:
            late_ms = np.maximum(self._command_ms + chance.command_late_ms, 0.0)
            lag = self._whole_steps(late_ms)
            commands = np.where(chance.command_lost, self._commands.newest, commands)
            angle_ms = np.maximum(self._angle_ms + chance.sample_late_ms, 0.0)
            self._angles.set_lag(angle_ms * self._per_ms, EVERY)
        return self._commands.send(commands, lag, steps)

    def move(self, angles: FloatArray) -> None:
        """Take in the true angles (B, n, J) in rad after each of the next n physics steps."""
        self._angles.put(self._play.follow(angles) if self._play else angles)

    def late_angles(self, ids: np.ndarray | slice = EVERY) -> FloatArray:
        """The angles (n, J) that the encoders of worlds `ids` (n,) show now."""
        return self._angles.read(ids)

    def get_state(self) -> State:
        """What is on its way; plain arrays."""
        state = self._commands.get_state("commands.") | self._angles.get_state("angles.")
        return state | (self._play.get_state("play.") if self._play else {})

    def set_state(self, state: State) -> None:
        """Go on from what `get_state` gave."""
        self._commands.set_state(state, "commands.")
        self._angles.set_state(state, "angles.")
        if self._play:
            self._play.set_state(state, "play.")


def max_latency_s(spec: RobotSpec) -> float:
    """The longest latency that this robot's nominal values or randomization can ask for."""
    return _largest(spec, "latency_ms") / 1000


def max_jitter_ms(spec: RobotSpec) -> float:
    """The largest jitter that this robot's nominal values or randomization can ask for."""
    return _largest(spec, "jitter_ms")


def _largest(spec: RobotSpec, key: str) -> float:
    values = [v for path, v in spec.nominal.items() if path.endswith("." + key)]
    values += [v.high for path, v in spec.randomization.items() if path.endswith("." + key)]
    return max(values, default=0.0)
