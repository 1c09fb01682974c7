"""How much each tick of real operation surprises a model, in units of what it expects."""

from dataclasses import dataclass

import numpy as np
import torch

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.data.segment import Segment
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.models.ensemble.uncertainty import mixture


@dataclass(frozen=True)
class Surprise:
    """What a model says about one segment.

    Attributes:
        z: innovation of each transition, (T, J): (observed dq - predicted) / predicted spread.
        disagreement: of the elites at each transition, (T,).
    """

    z: FloatArray
    disagreement: FloatArray


@torch.no_grad()
def surprise(model: DynamicsEnsemble, segment: Segment) -> Surprise:
    """Predict every tick of a segment and say how far off that was."""
    x = torch.as_tensor(segment.obs[:-1], dtype=torch.float32)
    a = torch.as_tensor(segment.action, dtype=torch.float32)
    means, stds = model.increments(model.spread(x), model.spread(a))
    mean, std = mixture(means[model.elites], stds[model.elites], model.spread_scale)
    obs = np.asarray(segment.obs, np.float64)
    dq = model.layout.increments(obs[:-1], obs[1:])
    z = (dq - mean.double().numpy()) / std.double().numpy()
    return Surprise(z, model.disagreement(means).double().numpy())
