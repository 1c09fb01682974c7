"""Swing up and balance a torque-limited simple pendulum."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from robot_mbrl.contract import ObservationLayout
from robot_mbrl.tasks.roles import check_roles


@dataclass(frozen=True)
class PendulumSwingUp:
    """Reward r = .5 up^2 exp(-.02 w^2 up) + .5 exp(-8 (1 - c) - .05 w^2) - .02 u^2, never
    terminates.

    c is the cosine of the angle from upright, up = (1 + c) / 2.
    """

    layout: ObservationLayout
    success_rad: float = np.deg2rad(15.0)
    hold_s: float = 3.0
    episode_s: float = 10.0
    joints: Mapping[str, str] = field(default_factory=dict)

    ROLES: ClassVar[Mapping[str, bool]] = {"pendulum": True}

    def __post_init__(self) -> None:
        """Raise SpecError for a robot without this joint."""
        check_roles(self.ROLES, self.joints, self.layout)

    def _at(self, quantity: str) -> int:
        return self.layout.column(f"{self.joints.get('pendulum', 'pendulum')}.{quantity}")

    def reward(self, next_obs: Any, action: Any, xp: Any = np) -> Any:
        """Reward (...,) of reaching next_obs (..., O) by action (..., A)."""
        c = -next_obs[..., self._at("cos")]
        w = next_obs[..., self._at("velocity")]
        up = (1 + c) / 2
        swing = up**2 * xp.exp(-0.02 * w**2 * up)
        still = xp.exp(-8 * (1 - c) - 0.05 * w**2)
        return 0.5 * swing + 0.5 * still - 0.02 * (action**2).sum(-1)

    def terminated(self, next_obs: Any, xp: Any = np) -> Any:
        """False (...,): an episode never terminates."""
        c = next_obs[..., self._at("cos")]
        return c > 2

    def at_goal(self, obs: Any) -> Any:
        """True (...,) where the pendulum is within 15 degrees of upright."""
        return -obs[..., self._at("cos")] > np.cos(self.success_rad)
