"""Do the encoders still count, although the device goes on sampling?

A joint at rest is no evidence: friction, a stop or a motor as strong as gravity hold it still. What
counts is that the push on a joint changes by more than any of these explain, and its encoder does
not move by two counts. (One channel of a quadrature encoder that is dead makes it toggle by one.)

- Pushed one way and then the other, strongly: whatever stopped it in one direction lets it go in
  the other.
- Pushed much harder than when it came to rest, almost fully and for long: then it is blocked, its
  motor is dead, or its encoder.
- A joint without a motor: the others went several times through their range beside it.
"""

import math

import numpy as np

from robot_mbrl.contract import RobotSpec, RobotState
from robot_mbrl.contract.arrays import BoolArray, FloatArray
from robot_mbrl.contract.stop_reason import StopReason, Violation

STILL_COUNTS = 1.5
BOTH_WAYS, BOTH_WAYS_S = 0.6, 0.15
ONE_WAY, ONE_WAY_S = 0.8, 2.0
RANGES = 3.0
FULL_ERROR = 0.1
"""Of its range: a position command so far from the pose is a full push."""
FULL_SPEED = 0.25
"""Of its limit: a velocity command that fast is a full push."""


class EncoderCheck:
    """Collects evidence against each joint's encoder since it last moved."""

    def __init__(self, spec: RobotSpec) -> None:
        """Nothing seen yet."""
        self._spec = spec
        self._still = STILL_COUNTS * np.array([j.rad_per_count for j in spec.joints])
        limits = np.array([j.position_limit_rad for j in spec.joints])
        self._range = np.clip(limits[:, 1] - limits[:, 0], 1e-6, 2 * math.pi)
        self._driven = list(spec.actuated)
        self._passive = [j for j in range(len(spec.joints)) if j not in self._driven]
        self.restart()

    def restart(self) -> None:
        """Forget all evidence; at the start of an episode."""
        self._last: RobotState | None = None
        self._moved_at = np.zeros(len(self._spec.joints))  # rad, where each encoder last moved to
        self._travel = np.zeros(len(self._spec.joints))  # ranges that the driven joints went since
        self._pushes = [_Pushes() for _ in self._spec.actuators]

    def update(self, state: RobotState, command: FloatArray | None) -> Violation | None:
        """Take a sample, and the action (A,) that was confirmed before it, if there was one.

        Returns what is wrong.
        """
        last, self._last = self._last, state
        q = np.asarray(state.q_rad)
        if last is None:
            self._moved_at = q
        if last is None or state.sequence == last.sequence:
            return None
        step = np.abs(q - self._moved_at)
        moved = step > self._still
        self._moved_at = np.where(moved, q, self._moved_at)
        elapsed_s = min(state.host_time_s - last.host_time_s, 3 * self._spec.control.dt)
        pushed = None if command is None else self._pushed(q, command, moved, elapsed_s)
        return pushed or self._dragged(np.where(moved, step, 0.0))

    def _pushed(
        self, q: FloatArray, command: FloatArray, moved: BoolArray, elapsed_s: float
    ) -> Violation | None:
        """What the pushes of the motors say."""
        for a, j in enumerate(self._driven):
            if moved[j]:
                self._pushes[a] = _Pushes()
            said = self._pushes[a].add(self._push(a, command[a], q[j]), elapsed_s)
            if said:
                return StopReason.SENSOR, f"{self._where(j)}, although it was {said}"
        return None

    def _dragged(self, step: FloatArray) -> Violation | None:
        """What the motion of the driven joints says of the others, from steps (J,) rad."""
        share = float((step / self._range)[self._driven].sum())
        self._travel = np.where(step > 0, 0.0, self._travel + share)
        for j in self._passive:
            if self._travel[j] > RANGES:
                motion = f"the driven joints went {RANGES:g} times through their range"
                return StopReason.SENSOR, f"{self._where(j)}, while {motion}"
        return None

    def _push(self, a: int, action: float, q: float) -> float:
        """How hard an action pushes its joint, in [-1, 1] of fully."""
        actuator = self._spec.actuators[a]
        if actuator.command == "position":
            full = FULL_ERROR * self._range[self._driven[a]]
            action = (action * actuator.limit - q) / full
        elif actuator.command == "velocity":
            action /= FULL_SPEED
        return float(min(1.0, max(-1.0, action)))

    def _where(self, j: int) -> str:
        joint, q = self._spec.joints[j], self._moved_at[j]
        return f"the encoder of joint {joint.name!r} stands still at {q:.3f} {joint.unit}"


class _Pushes:
    """The pushes on one joint since its encoder last moved."""

    def __init__(self) -> None:
        self._first: float | None = None
        self._now, self._lasts_s = 0, 0.0
        self._hard_s = 0.0
        self._ways: set[int] = set()

    def add(self, push: float, seconds: float) -> str:
        """Take one more; returns why it should have moved the joint, or ""."""
        self._first = push if self._first is None else self._first
        way = int(math.copysign(1, push)) if abs(push) >= BOTH_WAYS else 0
        self._lasts_s = self._lasts_s + seconds if way == self._now else seconds
        self._now = way
        if way and self._lasts_s >= BOTH_WAYS_S:
            self._ways.add(way)
        harder = abs(push) >= ONE_WAY and abs(push - self._first) >= ONE_WAY
        self._hard_s = self._hard_s + seconds if harder else 0.0
        if len(self._ways) == 2:
            return "pushed both ways"
        if self._hard_s >= ONE_WAY_S:
            return f"pushed for {ONE_WAY_S:g} s: it is blocked, or its motor or encoder is dead"
        return ""
