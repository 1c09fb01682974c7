"""What stands between the true machine and what firmware sees of it: delays, play, counts."""

import math
from collections import deque

import numpy as np

from robot_mbrl.contract.arrays import BoolArray, FloatArray
from robot_mbrl.contract.description.reality import Reality
from robot_mbrl.contract.description.spec import RobotSpec


class CommandDelay:
    """Commands of one actuator wait their latency; none overtakes an earlier one."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[float, float]] = deque()
        self._value = 0.0

    def push(self, value: float, due_s: float) -> None:
        """Let `value` come into force at `due_s`, or with the one before it if that is later."""
        last = self._waiting[-1][0] if self._waiting else due_s
        self._waiting.append((max(due_s, last), value))

    def value(self, now_s: float) -> float:
        """The command in force at `now_s`."""
        while self._waiting and self._waiting[0][0] <= now_s:
            self._value = self._waiting.popleft()[1]
        return self._value

    def cut(self, value: float) -> None:
        """Nothing is on its way any more, and `value` is in force."""
        self._waiting.clear()
        self._value = value


class Encoders:
    """Play, age, noise and rounding of all joints, in this order.

    Attributes:
        newest_rad: angles (J,) as the electronics themselves know them, without age and noise.
        zero_rad: true angles (J,) at which the encoders show 0.
    """

    def __init__(self, spec: RobotSpec, reality: Reality, tick_s: float) -> None:
        self._rad_per_count = np.array([j.rad_per_count for j in spec.joints])
        half = [reality.effect(j.path("backlash_rad")) / 2 for j in spec.joints]
        self._half_play = np.array(half)
        zero = [reality.effect(j.path("encoder_offset_rad")) for j in spec.joints]
        self.zero_rad = np.array(zero)
        self._absolute = np.array([j.absolute_encoder for j in spec.joints])
        self._tick_s = tick_s
        self.newest_rad = np.zeros(len(spec.joints))
        self._angles: deque[FloatArray] = deque()

    def sample(self, q: FloatArray, age_s: float) -> None:
        """Take the true angles (J,) of this tick; keep as many as `age_s` needs."""
        last = self._angles[-1] if self._angles else q
        # not np.clip, which takes as long as a physics step
        held = np.minimum(np.maximum(last, q - self._half_play), q + self._half_play)
        self._angles.append(held)
        counts = np.rint((held - self.zero_rad) / self._rad_per_count)
        self.newest_rad = counts * self._rad_per_count
        while len(self._angles) > round(age_s / self._tick_s) + 1:
            self._angles.popleft()

    def power_up(self) -> None:
        """Incremental encoders show 0 at the last sample from now on."""
        self.zero_rad = np.where(self._absolute, self.zero_rad, self._angles[-1])

    def counts(self, noise_counts: float, rng: np.random.Generator) -> tuple[int, ...]:
        """Counts (J,) of the oldest kept sample: round(angle / step + noise)."""
        exact = (self._angles[0] - self.zero_rad) / self._rad_per_count
        noise = noise_counts * rng.standard_normal(exact.shape)
        return tuple(int(c) for c in np.rint(exact + noise))


class Heat:
    """First-order motor temperature: full load for long ends 40 K above ambient, in 60 s.

    The load of a position servo is the torque with which it corrects its error, that of any other
    motor its command, both as a share of the largest.
    """

    AMBIENT_C = 25.0
    RISE_K = 40.0
    TIME_CONSTANT_S = 60.0

    def __init__(self, spec: RobotSpec) -> None:
        self._joints = list(spec.actuated)
        self._follows = np.array([a.command == "position" for a in spec.actuators])
        motors = [a.motor for a in spec.actuators]
        # of a servo: torque as a share of the largest, per unit of its error
        self._gain = np.array(
            [
                m.stiffness_nm_rad / m.torque_limit_nm if follows else 1 / a.limit
                for a, m, follows in zip(spec.actuators, motors, self._follows, strict=True)
            ]
        )
        self.celsius = np.full(len(motors), self.AMBIENT_C)

    def advance(self, drive: FloatArray, q: FloatArray, powered: BoolArray, seconds: float) -> None:
        """Warm by the square of the load under `drive` (A,) at q (J,) rad, cool towards ambient."""
        error = drive - np.where(self._follows, q[self._joints], 0.0)
        load = np.where(powered, np.minimum(np.abs(self._gain * error), 1.0), 0.0)
        goal = self.AMBIENT_C + self.RISE_K * load**2
        self.celsius += (goal - self.celsius) * -math.expm1(-seconds / self.TIME_CONSTANT_S)
