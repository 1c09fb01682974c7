"""Members that are linear and Gaussian: dq = gain_e u + noise, on plain columns."""

import torch
from torch import Tensor

from robot_mbrl.contract.plain_layout import PlainLayout
from robot_mbrl.models.ensemble import DynamicsEnsemble

POLE = 0.9  # x' = POLE x + gain_e u + N(0, noise^2)


class GaussianModel(DynamicsEnsemble):
    """One column, one action; counts the rows it is asked for."""

    def __init__(self, gains: tuple[float, ...], noise: float) -> None:
        super().__init__(PlainLayout(1, 1), len(gains), 2, torch.Generator().manual_seed(0))
        self.gains = torch.tensor(gains)[:, None, None]
        self.noise, self.rows = noise, 0

    def increments(self, obs: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        self.rows += obs.shape[0] * obs.shape[1]
        mean = (POLE - 1) * obs + self.gains * action
        return mean, torch.full_like(mean, self.noise)

    def elite_model(self) -> DynamicsEnsemble:
        return self
