"""Bring the joints to a pose and stay there: the first task of any robot."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from robot_mbrl.contract import ObservationLayout
from robot_mbrl.contract.errors import SpecError


@dataclass(frozen=True)
class ReachPose:
    """One pose for every episode, given as `[task.parameters.target_rad]`, joint = angle in rad.

    With e_j how far joint j is from its target (2 sin(e/2), the chord, where it wraps), w_j its
    velocity and u the A actions, the reward is the mean over the joints named of

        r_j = .5 / (1 + e_j^2) + .5 exp(-(e_j / tolerance)^2 / 2 - .5 w_j^2)

    less .01 mean(u^2). The first term calls from afar, the second is only had at rest in place:
    with speed at a tenth of its price, policies trembled around the pose. A sum over joints, not a
    product, pays for each joint that arrives. u is no effort where commands are positions, but
    small enough not to matter there. Never terminates.
    Joints that are not named may be anywhere.
    """

    layout: ObservationLayout
    target_rad: Mapping[str, float] = field(default_factory=dict)
    tolerance_rad: float = 0.1
    hold_s: float = 2.0
    episode_s: float = 6.0

    def __post_init__(self) -> None:
        """Raise SpecError for targets that the robot does not have, or no tolerance."""
        joints = ", ".join(self.layout.joints)
        if not isinstance(self.target_rad, Mapping) or not self.target_rad:
            raise SpecError(f"target_rad: expected a table, joint = angle in rad; joints: {joints}")
        for name in self.target_rad:
            if name not in self.layout.joints:
                raise SpecError(f"target_rad: no joint {name!r}; joints: {joints}")
        if not self.tolerance_rad > 0:
            raise SpecError(f"tolerance_rad: expected more than 0 rad, got {self.tolerance_rad:g}")

    @cached_property
    def _targets(self) -> tuple[tuple[int, bool, float], ...]:
        """Of each joint named: its first column, whether it wraps, its target in rad."""
        found = []
        for name, target in self.target_rad.items():
            wraps = self.layout.wraps[self.layout.joints.index(name)]
            found.append(
                (self.layout.column(f"{name}.{'sin' if wraps else 'position'}"), wraps, target)
            )
        return tuple(found)

    def squared_errors(self, obs: Any) -> list[Any]:
        """e^2 (...,) of each joint named, in rad^2."""
        errors = []
        for at, wraps, target in self._targets:
            if wraps:  # the squared chord: (sin q - sin t)^2 + (cos q - cos t)^2
                s, c = obs[..., at] - math.sin(target), obs[..., at + 1] - math.cos(target)
                errors.append(s**2 + c**2)
            else:
                errors.append((obs[..., at] - target) ** 2)
        return errors

    def reward(self, next_obs: Any, action: Any, xp: Any = np) -> Any:
        """Reward (...,) of reaching next_obs (..., O) by action (..., A)."""
        total = -0.01 * (action**2).mean(-1)
        for name, e2 in zip(self.target_rad, self.squared_errors(next_obs), strict=True):
            w2 = next_obs[..., self.layout.column(f"{name}.velocity")] ** 2
            there = xp.exp(-0.5 * e2 / self.tolerance_rad**2 - 0.5 * w2)
            total = total + (0.5 / (1 + e2) + 0.5 * there) / len(self.target_rad)
        return total

    def terminated(self, next_obs: Any, xp: Any = np) -> Any:
        """False (...,): an episode never terminates."""
        return self.squared_errors(next_obs)[0] < 0

    def at_goal(self, obs: Any) -> Any:
        """True (...,) where every joint named is within the tolerance."""
        reached: Any = True
        chord = 2 * math.sin(min(self.tolerance_rad, math.pi) / 2)
        for (_, wraps, _), e2 in zip(self._targets, self.squared_errors(obs), strict=True):
            reached = reached & (e2 <= (chord if wraps else self.tolerance_rad) ** 2)
        return reached
