"""Braking in time: no joint is driven on where it could no longer be stopped before its limit.

Each tick the state at which a new command takes effect is predicted: from the newest two samples
and the commands on their way. A command is allowed if full drive against the motion, one tick
later, would still end it before the soft limit. If not, it is replaced by no drive; if that is not
enough, by full drive inwards, or for a position command by the present pose. Who keeps asking for
too much gets no drive outwards until it asks for something else: else it would be let go where it
has stopped, only to be braked again nearer to the limit. The model is coarse on the safe side, see
`StoppingPower`; what it does not know, as the pull of a swinging load, is for the margin.
"""

import math
from collections import deque

import numpy as np
import numpy.typing as npt

from robot_mbrl.contract import RobotSpec, RobotState
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.onboard.supervisor.command.stopping_power import StoppingPower

Flags = npt.NDArray[np.bool_]
REMEMBERED = 8
"""Commands that may still be on their way: 140 ms at 50 Hz."""
KNOWN_TICKS = 5.5
"""Two samples further apart than this say nothing of the speed now."""
FIRMNESS = 3.0
"""What remains of the speed may be noise of the encoder: drive inwards is at most what takes away
so many times that speed in a tick."""
PATIENCE_S = 0.15
"""A controller that swings a load asks for too much for 40 ms at a time, a broken one always."""


class Braking:
    """Replaces actions (A,) after which a joint could no longer be stopped."""

    def __init__(self, spec: RobotSpec, power: StoppingPower) -> None:
        """No sample seen, nothing on its way."""
        self._power = power
        self._dt, self._joint = spec.control.dt, list(spec.actuated)
        self._limit = np.array([a.limit for a in spec.actuators])
        self._by_speed, self._by_place = (
            np.array([a.command == kind for a in spec.actuators])
            for kind in ("velocity", "position")
        )
        self._latency_s = np.array([1e-3 * a.latency_ms for a in spec.actuators])
        self._sensor_s = 1e-3 * spec.sensor.latency_ms
        low, high = np.array(spec.soft_limits)[self._joint].T
        self._ends = {+1: high, -1: -low}
        self._patience = math.ceil(PATIENCE_S / self._dt - 1e-9)
        self._asked = {side: np.zeros(len(self._limit), dtype=int) for side in self._ends}
        self._on_the_way: deque[tuple[float, FloatArray]] = deque(maxlen=REMEMBERED)
        self._before: RobotState | None = None
        self._now: RobotState | None = None

    def see(self, state: RobotState) -> None:
        """Take the next fresh sample."""
        self._before, self._now = self._now, state

    def sent(self, action: FloatArray, now_s: float) -> None:
        """An action (A,) is on its way since `now_s`, by the clock of `host_time_s`."""
        self._on_the_way.append((now_s, np.clip(action, -1.0, 1.0)))

    def restrict(self, action: FloatArray, now_s: float) -> FloatArray:
        """The action (A,), or what is sent in its place."""
        if self._before is None or self._now is None:
            return action
        elapsed_s = self._now.device_time_s - self._before.device_time_s
        if not 0 < elapsed_s <= KNOWN_TICKS * self._dt:
            return action
        for side in self._ends:
            action = side * self._towards(side, side * action, elapsed_s, now_s)
        return action

    def _towards(self, side: int, action: FloatArray, elapsed_s: float, now_s: float) -> FloatArray:
        """The same for the limits of one side; actions and motions towards it are positive here."""
        assert self._before is not None and self._now is not None
        q = side * self._now.q_rad[self._joint]
        mean = (q - side * self._before.q_rad[self._joint]) / elapsed_s
        sampled = self._now.host_time_s - self._sensor_s
        middle, effect = sampled - elapsed_s / 2, now_s + self._latency_s
        v = self._speed(side, mean, middle, effect)
        at_sample = self._speed(side, mean, middle, np.full_like(v, sampled))
        way = self._ends[side] - q - (at_sample + v) / 2 * (effect - sampled)

        nothing = np.minimum(action, np.where(self._by_place, q / self._limit, 0.0))
        asked_too_much = ~self._stoppable(action, v, way)
        outward = (action > 0) & ~self._by_place
        self._asked[side] = np.where(outward, self._asked[side] + asked_too_much, 0)
        barred = self._asked[side] >= self._patience
        allowed = np.where(asked_too_much | barred, nothing, action)
        late = ~self._stoppable(allowed, v, way) & ~self._by_place
        firm = -np.minimum(
            1.0, FIRMNESS * np.maximum(v, mean) / (self._power.deceleration * self._dt)
        )
        return np.where(late, np.minimum(allowed, firm), allowed)

    def _stoppable(self, action: FloatArray, v: FloatArray, way: FloatArray) -> Flags:
        """Whether the joints, at speeds v (A,) with so much way (A,) left, still stop in time after
        one tick of an action."""
        after = v + self._dt * self._acceleration(action, v, self._dt)
        needed = (v + after) / 2 * self._dt + np.maximum(after, 0.0) ** 2 / (
            2 * self._power.deceleration
        )
        return (after <= 0) | (needed <= way)

    def _speed(self, side: int, v: FloatArray, start_s: float, end_s: FloatArray) -> FloatArray:
        """Speeds (A,) at `end_s` (A,) from those at `start_s`, by the commands in force between."""
        spans, until = [], end_s
        for sent_s, action in reversed(self._on_the_way):
            since = np.maximum(sent_s + self._latency_s, start_s)
            spans.append((side * action, np.maximum(0.0, until - since)))
            until = np.minimum(until, since)
        for action, seconds in reversed(spans):
            v = v + seconds * self._acceleration(action, v, seconds)
        return v

    def _acceleration(
        self, action: FloatArray, v: FloatArray, seconds: FloatArray | float
    ) -> FloatArray:
        """Accelerations (A,) by an action, at most if it pushes, at least if it brakes.

        That of a velocity command reaches its speed within `seconds`, if it can. What a position
        servo does to the speed is not known.
        """
        power = self._power
        left = (action * self._limit - v) / np.maximum(seconds, 1e-9)
        follow = np.clip(left, -power.deceleration, power.acceleration)
        push = power.acceleration * np.maximum(0.0, action - v / power.no_load_rad_s)
        drive = np.where(action > 0, push, power.deceleration * action)
        chosen: FloatArray = np.where(self._by_speed, follow, drive)
        return np.where(self._by_place, 0.0, chosen)
