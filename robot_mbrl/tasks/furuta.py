"""Swing up and balance a Furuta pendulum."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from robot_mbrl.contract import ObservationLayout
from robot_mbrl.tasks.roles import check_roles


def swing_up_reward(theta: Any, c: Any, thetad: Any, w: Any, action: Any, xp: Any = np) -> Any:
    """Reward (...,) of a pendulum whose pivot is moved.

    With phi the pendulum's angle from upright, c = cos phi, w its velocity, up = (1 + c) / 2, theta
    what moves it, u the action:

        r = .5 up^2 exp(-.004 w^2 up) (.4 + .6 exp(-(theta/.7)^2))
          + .5 exp(-15 (1 - c) - .01 w^2 - .01 thetad^2 - (theta/.8)^2)
          - .02 u^2 - .1 (theta/2)^2

    The velocity factor in the first term is what keeps it from spinning for ever.
    """
    up = (1 + c) / 2
    centred = 0.4 + 0.6 * xp.exp(-((theta / 0.7) ** 2))
    swing = up**2 * xp.exp(-0.004 * w**2 * up) * centred
    still = xp.exp(-15 * (1 - c) - 0.01 * w**2 - 0.01 * thetad**2 - (theta / 0.8) ** 2)
    effort = 0.02 * (action**2).sum(-1) + 0.1 * (theta / 2) ** 2
    return 0.5 * swing + 0.5 * still - effort


@dataclass(frozen=True)
class FurutaSwingUp:
    """Reward and termination as pure functions of the next observation and the action; see
    `swing_up_reward`."""

    layout: ObservationLayout
    arm_limit_rad: float = 1.9
    success_rad: float = np.deg2rad(15.0)
    hold_s: float = 3.0
    episode_s: float = 8.0
    joints: Mapping[str, str] = field(default_factory=dict)

    ROLES: ClassVar[Mapping[str, bool]] = {"arm": False, "pendulum": True}

    def __post_init__(self) -> None:
        """Raise SpecError for a robot without these joints."""
        check_roles(self.ROLES, self.joints, self.layout)

    def _at(self, role: str, quantity: str) -> int:
        return self.layout.column(f"{self.joints.get(role, role)}.{quantity}")

    def _parts(self, obs: Any) -> tuple[Any, Any, Any, Any]:
        at = self._at
        theta, cos_down = obs[..., at("arm", "position")], obs[..., at("pendulum", "cos")]
        speeds = obs[..., at("arm", "velocity")], obs[..., at("pendulum", "velocity")]
        return theta, -cos_down, *speeds

    def reward(self, next_obs: Any, action: Any, xp: Any = np) -> Any:
        """Reward (...,) of reaching next_obs (..., O) by action (..., A)."""
        return swing_up_reward(*self._parts(next_obs), action, xp)

    def terminated(self, next_obs: Any, xp: Any = np) -> Any:
        """True (...,) where the arm is past its limit."""
        theta = next_obs[..., self._at("arm", "position")]
        return (theta > self.arm_limit_rad) | (theta < -self.arm_limit_rad)

    def at_goal(self, obs: Any) -> Any:
        """True (...,) where the pendulum is within 15 degrees of upright."""
        return -obs[..., self._at("pendulum", "cos")] > np.cos(self.success_rad)
