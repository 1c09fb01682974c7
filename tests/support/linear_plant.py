"""A sliding mass whose dynamics are known, with quadratic cost, planned by the real Imagination.

State (x, v): dq = v dt + g u, so x' = x + v dt + g u and v' = v + g u / dt.
"""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from robot_mbrl.contract import ObservationLayout
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.models.ensemble.planning_model import PlanningModel
from robot_mbrl.planners.objective.imagination import Imagination
from tests.support.robots import toy_layout

DT, GAIN, GAMMA = 0.1, 0.02, 0.97
A = np.array([[1.0, DT], [0.0, 1.0]])
B = np.array([[GAIN], [GAIN / DT]])
Q, R = np.diag([4.0, 1.0]), np.array([[0.5]])


def layout() -> ObservationLayout:
    return toy_layout(
        joints=("slide",), wraps=(False,), alpha=(1.0,), actuators=("m",), dt=DT,
        action_history=0, observation_history=0,
    )  # fmt: skip


class KnownModel(PlanningModel):
    """Members that know the dynamics but for their own `gains` (E,)."""

    def __init__(self, gains: tuple[float, ...] = (GAIN, GAIN, GAIN)) -> None:
        super().__init__(DynamicsEnsemble(layout(), len(gains), 2, torch.Generator()))
        self.gains = torch.tensor(gains)[:, None, None]

    def increments(self, x: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        mean = self.layout.velocities(x, axis=-2) * DT + self.gains * action
        return mean, torch.zeros_like(mean)


@dataclass
class Quadratic:
    """Reward -(x' Q x + u' R u) of the next state; past `wall` the episode ends."""

    wall: float = np.inf

    def reward(self, next_obs: Any, action: Any, xp: Any = np) -> Any:
        x, v = next_obs[..., 0], next_obs[..., 1]
        return -(Q[0, 0] * x**2 + Q[1, 1] * v**2 + R[0, 0] * action[..., 0] ** 2)

    def terminated(self, next_obs: Any, xp: Any = np) -> Any:
        return next_obs[..., 0] > self.wall


class LinearActor(nn.Module):
    """u = -K x, clamped."""

    def __init__(self, gain: tuple[float, float] = (0.0, 0.0)) -> None:
        super().__init__()
        self.gain = torch.tensor(gain)

    def output(self, obs: Tensor) -> Tensor:
        return self.act(obs)

    def act(self, obs: Tensor) -> Tensor:
        return (-(obs * self.gain).sum(-1, keepdim=True)).clamp(-1, 1)


class QuadraticCritics(nn.Module):
    """Two critics whose mean is -x' P x, whatever the action."""

    def __init__(self, P: np.ndarray) -> None:
        super().__init__()
        self.P = torch.as_tensor(P).float()

    def forward(self, obs: Tensor, action: Tensor) -> Tensor:
        value = -torch.einsum("bi,ij,bj->b", obs, self.P, obs)
        return torch.stack([value - 1.0, value + 1.0])


@functools.cache
def riccati() -> tuple[np.ndarray, np.ndarray]:
    """Cost to go P and feedback K that minimize sum gamma^t (x_{t+1}' Q x_{t+1} + u_t' R u_t)."""
    P = np.zeros((2, 2))
    for _ in range(3000):
        S = Q + GAMMA * P
        K = np.linalg.solve(R + B.T @ S @ B, B.T @ S @ A)
        P = A.T @ S @ (A - B @ K)
    return P, K


def imagination(**changes: Any) -> Imagination:
    P, _ = riccati()
    parts: dict[str, Any] = {
        "model": KnownModel(),
        "task": Quadratic(),
        "actor": LinearActor(),
        "critics": QuadraticCritics(P),
        "gamma": GAMMA,
        "disagreement_penalty": 0.0,
    }
    return Imagination(**(parts | changes))
