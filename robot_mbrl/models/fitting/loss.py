"""What a model is fitted by, one step ahead: likelihood or squared error, in normalized units."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from robot_mbrl.data.transitions import Transitions
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble


@dataclass(frozen=True)
class Rows:
    """Transitions as tensors: obs (T, O), action (T, A) and the true increment dq (T, J) in rad."""

    obs: Tensor
    action: Tensor
    dq: Tensor

    @classmethod
    def of(cls, model: DynamicsEnsemble, t: Transitions) -> "Rows":
        """The rows of transitions, increments taken in float64."""
        dq = model.layout.increments(t.obs.astype(np.float64), t.next_obs.astype(np.float64))
        return cls(torch.as_tensor(t.obs), torch.as_tensor(t.action), torch.as_tensor(dq).float())


def negative_log_likelihood(
    model: DynamicsEnsemble, obs: Tensor, action: Tensor, dq: Tensor
) -> Tensor:
    """Mean Gaussian NLL of each member, (E,), of the normalized residual; inputs (E, B, .)."""
    mean, log_std = model.residual(obs, action)
    z = (model.target(obs, dq) - mean) * torch.exp(-log_std)
    return (0.5 * z**2 + log_std).mean((1, 2))


def squared_error(model: DynamicsEnsemble, obs: Tensor, action: Tensor, dq: Tensor) -> Tensor:
    """Mean squared error of each member, (E,), of the normalized residual; inputs (E, B, .).

    1 is what the data's mean as the only prediction would have.
    """
    mean, _ = model.residual(obs, action)
    return ((model.target(obs, dq) - mean) ** 2).mean((1, 2))


def member_loss(model: DynamicsEnsemble, obs: Tensor, action: Tensor, dq: Tensor) -> Tensor:
    """The loss of the model's kind per member, (E,)."""
    if model.kind == "deterministic":
        return squared_error(model, obs, action, dq)
    return negative_log_likelihood(model, obs, action, dq)
