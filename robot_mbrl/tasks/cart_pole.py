"""Swing up a pole on a cart and balance it, within the rail."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from robot_mbrl.contract import ObservationLayout
from robot_mbrl.tasks.furuta import swing_up_reward
from robot_mbrl.tasks.roles import check_roles


@dataclass(frozen=True)
class PoleOnCartSwingUp:
    """The reward of the Furuta pendulum, the cart's way in units of `radius_m` for the arm's angle.

    Terminates where the cart is further than `cart_limit_m` from the middle of the rail.
    """

    layout: ObservationLayout
    cart_limit_m: float = 0.37
    radius_m: float = 0.2
    success_rad: float = np.deg2rad(15.0)
    hold_s: float = 3.0
    episode_s: float = 8.0
    joints: Mapping[str, str] = field(default_factory=dict)

    ROLES: ClassVar[Mapping[str, bool]] = {"cart": False, "pole": True}

    def __post_init__(self) -> None:
        """Raise SpecError for a robot without these joints."""
        check_roles(self.ROLES, self.joints, self.layout)

    def _at(self, role: str, quantity: str) -> int:
        return self.layout.column(f"{self.joints.get(role, role)}.{quantity}")

    def reward(self, next_obs: Any, action: Any, xp: Any = np) -> Any:
        """Reward (...,) of reaching next_obs (..., O) by action (..., A)."""
        at, radius = self._at, self.radius_m
        return swing_up_reward(
            next_obs[..., at("cart", "position")] / radius,
            -next_obs[..., at("pole", "cos")],
            next_obs[..., at("cart", "velocity")] / radius,
            next_obs[..., at("pole", "velocity")],
            action,
            xp,
        )

    def terminated(self, next_obs: Any, xp: Any = np) -> Any:
        """True (...,) where the cart is past its limit."""
        x = next_obs[..., self._at("cart", "position")]
        return (x > self.cart_limit_m) | (x < -self.cart_limit_m)

    def at_goal(self, obs: Any) -> Any:
        """True (...,) where the pole is within 15 degrees of upright."""
        return -obs[..., self._at("pole", "cos")] > np.cos(self.success_rad)
