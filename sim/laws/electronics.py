"""What surrounds the physics of B worlds, whatever the engine: supply, power stage, encoders."""

import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import BoolArray, FloatArray, Parameters
from robot_mbrl.contract.errors import SpecError
from robot_mbrl.contract.observation.neutral_command import neutral_command
from robot_mbrl.contract.parameters.effects import effect_values, names_any
from sim.laws.delay_line import EVERY
from sim.laws.latency import max_jitter_ms, max_latency_s
from sim.laws.per_world import PerWorld


class Electronics(PerWorld):
    """Supply voltage, encoder noise and zero of each world; actions in, commands and counts out.

    A position is measured by the encoder whose zero is shifted, and a position servo turns to where
    that one shows what is asked.

    Args:
        spec: the robot.
        num_worlds: B.
    """

    drawn = ("_supply", "_noise_counts", "_zero", "_shift")

    def __init__(self, spec: RobotSpec, num_worlds: int) -> None:
        self.spec = spec
        # for each world: numpy is slow where it has to repeat a short row
        limit = np.array([a.limit for a in spec.actuators])
        rows = (limit, *_position_range(spec), np.array([j.rad_per_count for j in spec.joints]))
        each = (np.tile(row, (num_worlds, 1)) for row in rows)
        self._limit, self._low, self._high, self._rad_per_count = each
        self._latencies = [p for p in spec.nominal if p.endswith(("latency_ms", "jitter_ms"))]
        self._longest_ms = {"latency_ms": 1000 * max_latency_s(spec)}
        self._longest_ms |= {"jitter_ms": max_jitter_ms(spec)}
        self._supply = np.ones((num_worlds, len(spec.actuators)))
        self._noise_counts = np.full(num_worlds, spec.sensor.noise_counts)
        self._zero = np.zeros((num_worlds, len(spec.joints)))
        self._shifted = names_any(spec.nominal, "joints", ("encoder_offset_rad",))
        self._shift = np.zeros_like(self._supply)  # of commands

    def set_parameters(self, parameters: Parameters, ids: np.ndarray) -> None:
        """Give worlds `ids` (n,) parameters of shape (n,) each.

        Raises SpecError for a latency longer than any that robot.toml names.
        """
        self._check_latencies(parameters)
        for a, actuator in enumerate(self.spec.actuators):
            if actuator.motor.kind == "servo":
                continue  # its command is an angle or a speed, no share of its supply
            self._supply[ids, a] = parameters[f"actuators.{actuator.name}.supply"]
        self._noise_counts[ids] = parameters["sensors.noise_counts"]
        for j, joint in enumerate(self.spec.joints):
            path = joint.path("encoder_offset_rad")
            self._zero[ids, j] = effect_values(parameters, path, len(ids))
        self._shift[ids] = neutral_command(self.spec, self._zero[ids])

    def _check_latencies(self, parameters: Parameters) -> None:
        for path in self._latencies:
            key = path.rsplit(".", 1)[-1]
            if parameters[path].max() > self._longest_ms[key] + 1e-9:
                most, word = self._longest_ms[key], key.removesuffix("_ms")
                raise SpecError(
                    f"{path}: expected at most {most:g} ms, the longest {word} that "
                    f"robot.toml names, got {parameters[path].max():g}; widen its [randomization]"
                )

    def commands(self, action: FloatArray, ids: np.ndarray | slice = EVERY) -> FloatArray:
        """Actions (n, A) in [-1, 1] of worlds `ids` -> what their motors get, in physical units."""
        command: FloatArray = action * self._limit[ids] * self._supply[ids]
        allowed: FloatArray = np.minimum(np.maximum(command, self._low[ids]), self._high[ids])
        return allowed + self._shift[ids] if self._shifted else allowed

    def read_encoders(
        self, angles: FloatArray, rng: np.random.Generator, ids: np.ndarray | slice = EVERY
    ) -> FloatArray:
        """Joint positions (n, J) of worlds `ids` as noisy, quantized encoders report them."""
        if self._shifted:
            angles = angles - self._zero[ids]
        noise = self._noise_counts[ids, None] * rng.standard_normal(angles.shape)
        step = self._rad_per_count[ids]
        counts = np.floor(angles / step + noise + 0.5)
        measured: FloatArray = counts * step
        return measured


def _position_range(spec: RobotSpec) -> tuple[FloatArray, FloatArray]:
    """What is asked of position servos, (A,) each: as the supervisor does, none beyond the soft
    limits. Infinite for other motors."""
    low, high = np.full(len(spec.actuators), -np.inf), np.full(len(spec.actuators), np.inf)
    for a, (actuator, j) in enumerate(zip(spec.actuators, spec.actuated, strict=True)):
        if actuator.command == "position":
            margin = spec.safety.margin(spec.joints[j])
            low[a] = spec.joints[j].position_limit_rad[0] + margin
            high[a] = spec.joints[j].position_limit_rad[1] - margin
    return low, high


class Power:
    """Motors on and off, as `robot_mbrl.contract.interface` means it.

    A servo without power is an open circuit: neither its loop nor its back-EMF act. Any other motor
    gets the command 0: no current, no torque, or a short circuit, which brakes.

    Args:
        spec: the robot.
        num_worlds: B.

    Attributes:
        on: the motors that are, (B, A).
        full: whether all motors of all worlds are on, so that nothing need be asked.
    """

    def __init__(self, spec: RobotSpec, num_worlds: int) -> None:
        self.on = np.ones((num_worlds, len(spec.actuators)), dtype=bool)
        self._servo = np.array([a.motor.kind == "servo" for a in spec.actuators])
        self.full = True

    def switch(self, motors: BoolArray) -> None:
        """Switch motors (B, A) on and the others off."""
        self.on[:] = motors
        self.full = bool(self.on.all())

    def start(self, ids: np.ndarray) -> None:
        """Switch all motors of worlds `ids` (n,) on: an episode begins."""
        self.on[ids] = True
        self.full = bool(self.on.all())

    def pass_on(self, commands: FloatArray) -> FloatArray:
        """Commands (B, ..., A), 0 for motors that are off."""
        if self.full:
            return commands
        between = (1,) * (commands.ndim - 2)
        on = self.on.reshape(len(self.on), *between, -1)
        return np.where(on, commands, 0.0)

    def circuit(self, resistance: FloatArray | float = 1.0) -> FloatArray:
        """Resistance (B, A) of each motor's circuit, as a multiple of the cold one: that given, or
        infinite."""
        return np.where(self._servo & ~self.on, np.inf, resistance)
