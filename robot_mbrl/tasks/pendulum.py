"""Swing up and balance a torque-limited simple pendulum."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from robot_mbrl.contract import ObservationLayout


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

    def reward(self, next_obs: Any, action: Any, xp: Any = np) -> Any:
        """Reward (...,) of reaching next_obs (..., O) by action (..., A)."""
        c = -next_obs[..., self.layout.column("pendulum.cos")]
        w = next_obs[..., self.layout.column("pendulum.velocity")]
        up = (1 + c) / 2
        swing = up**2 * xp.exp(-0.02 * w**2 * up)
        still = xp.exp(-8 * (1 - c) - 0.05 * w**2)
        return 0.5 * swing + 0.5 * still - 0.02 * (action**2).sum(-1)

    def terminated(self, next_obs: Any, xp: Any = np) -> Any:
        """False (...,): an episode never terminates."""
        c = next_obs[..., self.layout.column("pendulum.cos")]
        return c > 2

    def at_goal(self, obs: Any) -> Any:
        """True (...,) where the pendulum is within 15 degrees of upright."""
        return -obs[..., self.layout.column("pendulum.cos")] > np.cos(self.success_rad)
