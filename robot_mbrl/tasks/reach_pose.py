"""Bring the joints to a pose and stay there: the first task of any robot."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from robot_mbrl.contract import ObservationLayout
from robot_mbrl.contract.errors import SpecError
from robot_mbrl.contract.observation.protocol import joint_units


@dataclass(frozen=True)
class Target:
    """The target of one joint: columns of its place and velocity, whether it wraps, where it is to
    be, and the square of what one unit of it counts."""

    place: int
    velocity: int
    wraps: bool
    goal: float
    scale: float

    def scaled(self, square: Any) -> Any:
        """A squared error or velocity as it counts."""
        return square if self.scale == 1.0 else self.scale * square


@dataclass(frozen=True)
class ReachPose:
    """One pose for every episode, given as `[task.parameters.target_rad]`, joint = angle in rad,
    and `[task.parameters.target_m]`, joint = place in m, for joints that slide.

    With e_j how far joint j is from its target (2 sin(e/2), the chord, where it wraps), w_j its
    velocity and u the A actions, the reward is the mean over the joints named of

        r_j = .5 / (1 + e_j^2) + .5 exp(-(e_j / tolerance)^2 / 2 - .5 w_j^2)

    less .01 mean(u^2). The first term calls from afar, the second is only had at rest in place:
    with speed at a tenth of its price, policies trembled around the pose. A sum over joints, not a
    product, pays for each joint that arrives. u is no effort where commands are positions, but
    small enough not to matter there. Never terminates.
    Joints that are not named may be anywhere. Of a slider, e and w count in units of tolerance_m /
    tolerance_rad: a tolerance off is as bad, be it in rad or m.
    """

    layout: ObservationLayout
    target_rad: Mapping[str, float] = field(default_factory=dict)
    target_m: Mapping[str, float] = field(default_factory=dict)
    tolerance_rad: float = 0.1
    tolerance_m: float = 0.01
    hold_s: float = 2.0
    episode_s: float = 6.0

    def __post_init__(self) -> None:
        """Raise SpecError for targets that the robot does not have, or no tolerance."""
        joints = ", ".join(self.layout.joints)
        tables = {"target_rad": self.target_rad, "target_m": self.target_m}
        if not any(isinstance(table, Mapping) and table for table in tables.values()):
            raise SpecError(
                "target_rad: expected a table, joint = angle in rad, or target_m, joint = place "
                f"in m where it slides; joints: {joints}"
            )
        for key, table in tables.items():
            self._check_names(key, table)
        for unit, tolerance in (("rad", self.tolerance_rad), ("m", self.tolerance_m)):
            if not tolerance > 0:
                raise SpecError(f"tolerance_{unit}: expected more than 0 {unit}, got {tolerance:g}")

    def _check_names(self, key: str, table: Mapping[str, float]) -> None:
        """Raise SpecError for a joint that the robot lacks, or whose place has another unit."""
        if not isinstance(table, Mapping):
            raise SpecError(f"{key}: expected a table, a number for each joint")
        for name in table:
            if name not in self.layout.joints:
                raise SpecError(
                    f"{key}: no joint {name!r}; joints: {', '.join(self.layout.joints)}"
                )
            right = f"target_{joint_units(self.layout)[self.layout.joints.index(name)]}"
            if right != key:
                raise SpecError(f"{key}: joint {name!r} belongs into {right}")

    @cached_property
    def _targets(self) -> tuple["Target", ...]:
        """Of each joint named."""
        found, column = [], self.layout.column
        for name, target in (*self.target_rad.items(), *self.target_m.items()):
            wraps = self.layout.wraps[self.layout.joints.index(name)]
            place = column(f"{name}.{'sin' if wraps else 'position'}")
            scale = self.tolerance_rad / self.tolerance_m if name in self.target_m else 1.0
            found.append(Target(place, column(f"{name}.velocity"), wraps, target, scale**2))
        return tuple(found)

    def squared_errors(self, obs: Any) -> list[Any]:
        """e^2 (...,) of each joint named, in rad^2; of a slider in its units, see above."""
        errors = []
        for target in self._targets:
            at, goal = target.place, target.goal
            if target.wraps:  # the squared chord: (sin q - sin t)^2 + (cos q - cos t)^2
                s, c = obs[..., at] - math.sin(goal), obs[..., at + 1] - math.cos(goal)
                errors.append(s**2 + c**2)
            else:
                errors.append(target.scaled((obs[..., at] - goal) ** 2))
        return errors

    def reward(self, next_obs: Any, action: Any, xp: Any = np) -> Any:
        """Reward (...,) of reaching next_obs (..., O) by action (..., A)."""
        total = -0.01 * (action**2).mean(-1)
        for target, e2 in zip(self._targets, self.squared_errors(next_obs), strict=True):
            w2 = target.scaled(next_obs[..., target.velocity] ** 2)
            there = xp.exp(-0.5 * e2 / self.tolerance_rad**2 - 0.5 * w2)
            total = total + (0.5 / (1 + e2) + 0.5 * there) / len(self._targets)
        return total

    def terminated(self, next_obs: Any, xp: Any = np) -> Any:
        """False (...,): an episode never terminates."""
        return self.squared_errors(next_obs)[0] < 0

    def at_goal(self, obs: Any) -> Any:
        """True (...,) where every joint named is within the tolerance."""
        reached: Any = True
        chord = 2 * math.sin(min(self.tolerance_rad, math.pi) / 2)
        for target, e2 in zip(self._targets, self.squared_errors(obs), strict=True):
            reached = reached & (e2 <= (chord if target.wraps else self.tolerance_rad) ** 2)
        return reached
