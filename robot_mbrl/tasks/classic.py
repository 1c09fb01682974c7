"""Reward and termination of gymnasium's classic environments, as functions of what is observed.

They give rewards to imagined transitions; the environments themselves are gymnasium's own. Where an
environment rewards the state that is left, these reward the state that is reached: over an episode
the sums differ by the first state's and the last state's share, and the best policy is the same.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class PendulumV1:
    """Pendulum-v1, observed as (cos, sin, w): r = -(phi^2 + .1 w^2 + .001 torque^2).

    phi is the angle from upright, the torque reaches 2 N m; it never terminates (gymnasium,
    classic_control/pendulum.py).
    """

    torque_nm: float = 2.0

    def reward(self, next_obs: Any, action: Any, xp: Any = np) -> Any:
        """Reward (...,)."""
        phi = xp.arctan2(next_obs[..., 1], next_obs[..., 0])
        effort = ((self.torque_nm * action) ** 2).sum(-1)
        return -(phi**2 + 0.1 * next_obs[..., 2] ** 2 + 0.001 * effort)

    def terminated(self, next_obs: Any, xp: Any = np) -> Any:
        """False (...,): an episode never terminates."""
        return next_obs[..., 0] > 2


@dataclass(frozen=True)
class InvertedPendulumV5:
    """InvertedPendulum-v5, observed as (x, phi, v, w): 1 for each step within `limit_rad`.

    Terminates beyond (gymnasium, mujoco/inverted_pendulum_v5.py).
    """

    limit_rad: float = 0.2

    def reward(self, next_obs: Any, action: Any, xp: Any = np) -> Any:
        """Reward (...,)."""
        return xp.where(self.terminated(next_obs, xp), 0.0, 1.0)

    def terminated(self, next_obs: Any, xp: Any = np) -> Any:
        """Fallen, (...,) of bool."""
        return xp.abs(next_obs[..., 1]) > self.limit_rad


@dataclass(frozen=True)
class CartPoleSwingUp:
    """PETS' cart-pole swing-up, observed as (x, cos, sin, v, w) with the angle 0 hanging down:

        r = exp(-|tip - goal|^2 / l^2) - 0.01 u^2,   tip = (x - l sin, -l cos), goal = (0, l),

    with the control u = `control` a, a in [-1, 1]; it never terminates (Chua et al. 2018; numbers
    of kchua/handful-of-trials, dmbrl/env/cartpole.py). It rewards the state reached, as they do.
    """

    length_m: float = 0.6
    control: float = 3.0
    effort: float = 0.01

    def reward(self, next_obs: Any, action: Any, xp: Any = np) -> Any:
        """Reward (...,)."""
        length = self.length_m
        across = next_obs[..., 0] - length * next_obs[..., 2]
        below = length + length * next_obs[..., 1]
        near = xp.exp(-(across**2 + below**2) / length**2)
        return near - self.effort * ((self.control * action) ** 2).sum(-1)

    def terminated(self, next_obs: Any, xp: Any = np) -> Any:
        """False (...,): an episode never terminates."""
        return next_obs[..., 1] > 2
