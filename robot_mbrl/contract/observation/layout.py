"""The observation: which columns, how they are made from measurements, how they follow from a
prediction.

One measurement block holds, for each joint, its position (sin and cos where it wraps), then all
velocities. The observation is the newest block, the last applied actions (newest first), then
earlier blocks (newest first), then the goal of the episode, if the task has one. Example, one
wrapping joint "p", one motor "m", one past action, one past block:

    p.sin  p.cos  p.velocity | m.action[-1] | p.sin[-1]  p.cos[-1]  p.velocity[-1]

Velocities come from positions by one filter, v' = v + alpha (dq / dt - v), so an observation is an
exact function of the last one, the position increment dq and the action: see
`ObservationLayout.advance`.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.description.spec import RobotSpec
from robot_mbrl.contract.observation.columns import columns


@dataclass(frozen=True)
class ObservationLayout:
    """Names and slices of the observation columns; build with `from_spec`.

    Attributes:
        joints: joint names; J of them.
        wraps: for each joint, whether its position is held as sin and cos.
        actuators: actuator names; A of them.
        dt: control period in s.
        alpha: velocity filter gain of each joint, in (0, 1].
        action_history: number of past actions.
        observation_history: number of earlier measurement blocks.
        goal: names of the numbers that make an episode's goal.
        holds: of each actuator, what keeps its joint where it is: (joint, action per rad or m) of a
            position command, None where no action does.
        action_step: how far each action may move in one tick; infinite where it may jump.
        units: of each joint's position, "rad" or "m"; () is rad for all.
    """

    joints: tuple[str, ...]
    wraps: tuple[bool, ...]
    actuators: tuple[str, ...]
    dt: float
    alpha: tuple[float, ...]
    action_history: int
    observation_history: int
    goal: tuple[str, ...] = ()
    holds: tuple[tuple[int, float] | None, ...] = ()
    action_step: tuple[float, ...] = ()
    units: tuple[str, ...] = ()

    @classmethod
    def from_spec(cls, spec: RobotSpec) -> "ObservationLayout":
        """The layout of a robot; alpha = 1 - exp(-2 pi f dt) for a first-order low pass at f."""
        dt = spec.control.dt
        return cls(
            joints=tuple(j.name for j in spec.joints),
            wraps=tuple(j.wraps for j in spec.joints),
            actuators=tuple(a.name for a in spec.actuators),
            dt=dt,
            alpha=tuple(
                1 - math.exp(-2 * math.pi * j.velocity_filter_hz * dt) for j in spec.joints
            ),
            action_history=spec.control.action_history,
            observation_history=spec.control.observation_history,
            goal=tuple(f"goal.{name}" for name in spec.task.goal),
            units=tuple(j.unit for j in spec.joints),
            holds=tuple(
                (j, 1 / a.limit) if a.command == "position" else None
                for a, j in zip(spec.actuators, spec.actuated, strict=True)
            ),
            action_step=tuple(
                speed * dt / a.limit
                for a, speed in zip(spec.actuators, spec.command_speeds_rad_s, strict=True)
            ),
        )

    @cached_property
    def block(self) -> tuple[str, ...]:
        """Columns of one measurement block."""
        positions: list[str] = []
        for name, wraps in zip(self.joints, self.wraps, strict=True):
            positions += [f"{name}.sin", f"{name}.cos"] if wraps else [f"{name}.position"]
        return tuple(positions) + tuple(f"{name}.velocity" for name in self.joints)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Every column of the observation, O of them."""
        actions = [
            f"{a}.action[-{k}]" for k in range(1, self.action_history + 1) for a in self.actuators
        ]
        blocks = [f"{c}[-{k}]" for k in range(1, self.observation_history + 1) for c in self.block]
        return self.block + tuple(actions) + tuple(blocks) + self.goal

    @cached_property
    def size(self) -> int:
        """O, the number of columns."""
        block = len(self.block)
        past = block * (1 + self.observation_history) + self.action_size * self.action_history
        return past + len(self.goal)

    @property
    def action_size(self) -> int:
        """A, the number of actuators."""
        return len(self.actuators)

    @cached_property
    def slewed(self) -> bool:
        """Whether any action may move only so far in a tick."""
        return any(step < math.inf for step in self.action_step)

    def last_action(self, obs: Any) -> Any:
        """The newest applied action (..., A); needs an action history."""
        m = len(self.block)
        return obs[..., m : m + self.action_size]

    def slew(self, last: Any, action: Any, xp: Any = np) -> Any:
        """The action (..., A), at most `action_step` from the last one (..., A)."""
        if not self.slewed:
            return action
        step = xp.asarray(self.action_step, dtype=last.dtype)
        return xp.minimum(xp.maximum(action, last - step), last + step)

    def hold(self, q: FloatArray) -> FloatArray:
        """Actions (..., A) that leave joints at q (..., J) where they are; 0 where none
        does."""
        held = np.zeros((*q.shape[:-1], self.action_size))
        for a, hold in enumerate(self.holds):
            if hold is not None:
                held[..., a] = np.clip(q[..., hold[0]] * hold[1], -1.0, 1.0)
        return held

    def column(self, name: str) -> int:
        """Index of a named column; raises KeyError listing the columns."""
        if name not in self._index:
            raise KeyError(f"no column {name!r}; there are: {', '.join(self.columns)}")
        return self._index[name]

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name: k for k, name in enumerate(self.columns)}

    def measure(self, q: Any, v: Any, xp: Any = np) -> Any:
        """One measurement block (..., M) from positions q (..., J) rad and velocities v (...,
        J)."""
        return xp.concatenate(self.block_parts(q, v, xp), -1)

    def block_parts(self, q: Any, v: Any, xp: Any = np) -> list[Any]:
        """The parts of `measure`, not yet joined."""
        parts = []
        for j, wraps in enumerate(self.wraps):
            angle = q[..., j : j + 1]
            parts += [xp.sin(angle), xp.cos(angle)] if wraps else [angle]
        return [*parts, v]

    def velocities(self, obs: Any, axis: int = -1) -> Any:
        """The newest velocities (..., J) in rad/s, in m/s of sliders."""
        m = len(self.block)
        return columns(obs, m - len(self.joints), m, axis)

    def advance(self, obs: Any, dq: Any, action: Any, xp: Any = np, axis: int = -1) -> Any:
        """The next observation, exactly, from a position increment.

        Args:
            obs: (..., O).
            dq: position increments over one tick in rad, in m of sliders, (..., J).
            action: the action applied during the tick, (..., A) in [-1, 1].
            xp: numpy or torch; only sin, cos, asarray and concatenate are used.
            axis: of the columns in obs, dq, action and the result: -1, or -2 for (..., O, B).

        Returns:
            (..., O): angles rotated by dq, velocities filtered, histories shifted.
        """

        def take(x: Any, start: int, stop: int) -> Any:
            return columns(x, start, stop, axis)

        m, a = len(self.block), self.action_size
        parts, at = [], 0
        for j, wraps in enumerate(self.wraps):
            step = take(dq, j, j + 1)
            if wraps:
                s, c = take(obs, at, at + 1), take(obs, at + 1, at + 2)
                parts += [s * xp.cos(step) + c * xp.sin(step), c * xp.cos(step) - s * xp.sin(step)]
                at += 2
            else:
                parts.append(take(obs, at, at + 1) + step)
                at += 1
        v = self.velocities(obs, axis)
        gain = xp.asarray(self.alpha, dtype=obs.dtype).reshape(-1, *[1] * (-1 - axis))
        parts.append(v + gain * (dq / self.dt - v))
        if self.action_history:
            parts += [action, take(obs, m, m + a * (self.action_history - 1))]
        if self.observation_history:
            start = m + a * self.action_history
            past = m * (self.observation_history - 1)
            parts += [take(obs, 0, m), take(obs, start, start + past)]
        if self.goal:
            parts.append(take(obs, self.size - len(self.goal), self.size))
        return xp.concatenate(parts, axis)

    def increments(self, obs: FloatArray, next_obs: FloatArray) -> FloatArray:
        """Invert `advance`: the dq (..., J) that leads from obs to next_obs (|dq| < pi where it
        wraps)."""
        parts, at = [], 0
        for wraps in self.wraps:
            if wraps:
                s, c = obs[..., at], obs[..., at + 1]
                s2, c2 = next_obs[..., at], next_obs[..., at + 1]
                parts.append(np.arctan2(s2 * c - c2 * s, c2 * c + s2 * s))
                at += 2
            else:
                parts.append(next_obs[..., at] - obs[..., at])
                at += 1
        return np.stack(parts, -1)
