"""Commands that act late and encoders that are read late, the same for every engine."""

import math

import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.checks import FloatArray
from robot_mbrl.contract.parameters import Parameters
from sim.delay_line import EVERY, DelayLine

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
        longest = math.ceil(1000 * max_latency_s(spec) * self._per_ms)
        self._commands = DelayLine(shape, longest)
        self._angles = DelayLine((num_worlds, len(spec.joints)), longest)
        self._command_lag = np.zeros(shape)
        self._angle_lag = np.zeros((num_worlds, 1))

    def set_parameters(self, parameters: Parameters, ids: np.ndarray) -> None:
        """Give worlds `ids` (n,) their latencies, (n,) each, none above `max_latency_s`."""
        for a, path in enumerate(self._paths):
            self._command_lag[ids, a] = np.ceil(parameters[path] * self._per_ms - ROUNDING)
        self._angle_lag[ids, 0] = parameters["sensors.latency_ms"] * self._per_ms
        self._set_lags(ids)

    def take(self, other: "Latency", rows: slice, ids: np.ndarray) -> None:
        """Give worlds `ids` (n,) the latencies of another's worlds `rows` (n,)."""
        self._command_lag[ids] = other._command_lag[rows]
        self._angle_lag[ids] = other._angle_lag[rows]
        self._set_lags(ids)

    def _set_lags(self, ids: np.ndarray) -> None:
        self._commands.set_lag(self._command_lag[ids], ids)
        self._angles.set_lag(self._angle_lag[ids], ids)

    def start(self, angles: FloatArray, commands: FloatArray | None, ids: np.ndarray) -> None:
        """As if worlds `ids` (n,) had always been at `angles` (n, J) under `commands` (n, A).

        None leaves the commands that are on their way.
        """
        self._angles.fill(angles, ids)
        if commands is not None:
            self._commands.fill(commands, ids)

    def late_commands(self, commands: FloatArray, steps: int) -> FloatArray:
        """Hold commands (B, A) for so many physics steps -> what acts in each, (B, steps, A)."""
        return self._commands.hold(commands, steps)

    def move(self, angles: FloatArray) -> None:
        """The true angles (B, n, J) after each of the next n physics steps."""
        self._angles.put(angles)

    def late_angles(self, ids: np.ndarray | slice = EVERY) -> FloatArray:
        """The angles (n, J) that the encoders of worlds `ids` (n,) show now."""
        return self._angles.read(ids)


def max_latency_s(spec: RobotSpec) -> float:
    """The longest latency that this robot's nominal values or randomization can ask for."""
    values = [v for path, v in spec.nominal.items() if path.endswith("latency_ms")]
    values += [v.high for path, v in spec.randomization.items() if path.endswith("latency_ms")]
    return max(values) / 1000
