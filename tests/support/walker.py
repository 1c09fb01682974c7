"""Plain columns that grow by a fixed pace, and models that predict one."""

import numpy as np
import torch

from robot_mbrl.contract.observation.plain_layout import PlainLayout
from robot_mbrl.data.segment import Segment
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble

PACE = np.array([0.5, -2.0])


def walk(ticks: int) -> Segment:
    """Two columns that grow by PACE each tick."""
    return Segment(np.arange(ticks + 1)[:, None] * PACE, np.zeros((ticks, 1)))


def walker(pace: np.ndarray) -> DynamicsEnsemble:
    """A model that predicts `pace` everywhere."""
    model = DynamicsEnsemble(PlainLayout(2, 1), 3, 4, torch.Generator().manual_seed(0))  # type: ignore[arg-type]
    with torch.no_grad():
        model.layers[2].weight.zero_()
        model.layers[2].bias.zero_()
    model.outputs.mean.copy_(torch.as_tensor(pace))
    model.outputs.std.copy_(torch.tensor([0.5, 2.0]))
    return model
