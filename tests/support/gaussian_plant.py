"""Members that are linear and Gaussian: dq = gain_e u + noise, on plain columns."""

import torch
from torch import Tensor

from robot_mbrl.contract.observation.plain_layout import PlainLayout
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.models.ensemble.planning_model import PlanningModel

POLE = 0.9  # x' = POLE x + gain_e u + N(0, noise^2)


class GaussianModel(PlanningModel):
    """One column, one action; counts the rows it is asked for.

    `unit` is the data's residual spread.
    """

    def __init__(self, gains: tuple[float, ...], noise: float, unit: float = 1.0) -> None:
        rng = torch.Generator().manual_seed(0)
        untrained = DynamicsEnsemble(PlainLayout(1, 1), len(gains), 2, rng)
        untrained.outputs.std.fill_(unit)
        super().__init__(untrained)
        self.gains = torch.tensor(gains)[:, None, None]
        self.noise, self.rows = noise, 0

    def increments(self, x: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        self.rows += x.shape[0] * x.shape[2]
        mean = (POLE - 1) * x + self.gains * action
        return mean, torch.full_like(mean, self.noise)
