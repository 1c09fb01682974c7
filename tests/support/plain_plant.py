"""A linear plant with quadratic cost, without any network: x' = A x + B u, score minus the cost.

Two coupled carts: positions p, q and their velocities, a force on each. In double precision, so
that what should be equal can be compared closely.
"""

import math
from typing import Any

import numpy as np
import torch
from scipy.linalg import solve_discrete_are
from torch import Tensor

from robot_mbrl.planners.objective.scoring import Imagined
from robot_mbrl.planners.planner import PlannerConfig, SamplingConfig, draw_noise, make_plan
from robot_mbrl.planners.search.sampling import Planned

DT = 0.1
A = np.eye(4) + DT * np.array([[0, 0, 1, 0], [0, 0, 0, 1], [-2, 2, -0.2, 0], [2, -2, 0, -0.2]])
B = DT * np.array([[0, 0], [0, 0], [4.0, 0], [0, 3.0]])
Q, R = np.diag([2.0, 1.0, 0.1, 0.1]), np.diag([0.05, 0.08])
START = torch.tensor([0.2, -0.15, 0.0, 0.1], dtype=torch.float64)


def riccati(gamma: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """P and K of the infinite horizon; the stage cost is x' Q x + u' R u before the step."""
    P = solve_discrete_are(math.sqrt(gamma) * A, math.sqrt(gamma) * B, Q, R)
    K = np.linalg.solve(R / gamma + B.T @ P @ B, B.T @ P @ A)
    return P, K


class Plant:
    """Scores plans exactly; optionally with a linear policy u = -gain x and a terminal value."""

    def __init__(
        self,
        *,
        gain: np.ndarray | None = None,
        terminal: np.ndarray | None = None,
        gamma: float = 1.0,
    ) -> None:
        self.A, self.B, self.Q, self.R = (torch.as_tensor(m) for m in (A, B, Q, R))
        self.P = torch.as_tensor(riccati(gamma)[0] if terminal is None else terminal)
        self.gain = None if gain is None else torch.as_tensor(gain)
        self.gamma, self.rows = gamma, 0

    def __call__(self, obs: Tensor, plans: Tensor, proposals: int = 0) -> Imagined:
        n, horizon, _ = plans.shape
        self.rows += n
        x, score, executed = obs.expand(n, 4), torch.zeros(n, dtype=obs.dtype), []
        for h in range(horizon):
            u = plans[:, h]
            if proposals:
                assert self.gain is not None
                policy = (u - x @ self.gain.T).clamp(-1, 1)
                u = torch.cat([policy[:proposals], u[proposals:]])
            executed.append(u)
            x, reward = self.step(x, u, h)
            score = score + reward
        value = self.close(x, horizon)
        nothing = torch.zeros(n, horizon, dtype=obs.dtype)
        return Imagined(torch.stack(executed, 1), score + value, nothing, value)

    def start(self, obs: Tensor) -> Tensor:
        return obs

    def step(self, state: Tensor, action: Tensor, tick: Any = 0) -> tuple[Tensor, Tensor]:
        cost = ((state @ self.Q) * state).sum(-1) + ((action @ self.R) * action).sum(-1)
        return state @ self.A.T + action @ self.B.T, -(self.gamma**tick) * cost

    def close(self, state: Tensor, tick: int = 0) -> Tensor:
        return -(self.gamma**tick) * ((state @ self.P) * state).sum(-1)


class Poisoned(Plant):
    """Wherever the first force is positive at any step, the score is `poison`."""

    def __init__(self, poison: float, **rest: Any) -> None:
        super().__init__(**rest)
        self.poison = poison

    def __call__(self, obs: Tensor, plans: Tensor, proposals: int = 0) -> Imagined:
        imagined = super().__call__(obs, plans, proposals)
        bad = (imagined.plans[..., 0] > 0).any(-1)
        score = torch.where(bad, self.poison, imagined.score)
        return Imagined(imagined.plans, score, imagined.disagreement, imagined.value)


def run(
    config: PlannerConfig,
    *,
    seed: int = 0,
    obs: Tensor = START,
    warm: Tensor | None = None,
    model: Any = None,
) -> Planned:
    """One call of a planner on the plant."""
    batch = obs.shape[:-1]
    noise = noise_for(config, seed, batch) if isinstance(config, SamplingConfig) else None
    if warm is None:
        warm = torch.zeros(*batch, config.horizon, 2, dtype=obs.dtype)
    with torch.no_grad():
        return make_plan(model or Plant(), obs, warm, noise, config)


def noise_for(config: SamplingConfig, seed: int, batch: tuple[int, ...] = ()) -> Tensor:
    return draw_noise(config, 2, torch.Generator().manual_seed(seed), batch).double()
