"""The spread of predictions, from held-out data."""

import torch

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.models.ensemble.ensemble import LOG_STD_MAX, LOG_STD_MIN, DynamicsEnsemble
from robot_mbrl.models.fitting.loss import Rows
from robot_mbrl.models.judging.intervals import interval_scale


@torch.no_grad()
def set_error_scale(model: DynamicsEnsemble, held: Rows) -> None:
    """Give a deterministic model its noise: each coordinate's held-out error, that of the elites'
    members on average (root mean square)."""
    mean, _ = model.residual(model.spread(held.obs), model.spread(held.action))
    error = model.target(held.obs, held.dq) - mean[model.elites]
    log_error = 0.5 * torch.log((error**2).mean((0, 1)))
    model.log_error.copy_(log_error.clamp(LOG_STD_MIN, LOG_STD_MAX))


@torch.no_grad()
def calibrate_std(
    model: DynamicsEnsemble, holdout: Transitions, coverage: float = 0.9
) -> FloatArray:
    """Set `model.std_scale` and `spread_scale` so that central `coverage` intervals around the
    elites' mean cover that share of held-out rows, per joint; returns the former (J,)."""
    model.std_scale.fill_(1.0)
    rows = Rows.of(model, holdout)
    mean, std = model.increments(model.spread(rows.obs), model.spread(rows.action))
    mean, std = mean[model.elites].double(), std[model.elites].double()
    centre = mean.mean(0)
    noise, spread = (std**2).mean(0), ((mean - centre) ** 2).mean(0)
    error = rows.dq - centre
    scale = interval_scale(error.numpy(), noise.numpy(), spread.numpy(), coverage)
    model.std_scale.copy_(torch.as_tensor(scale.noise))
    model.spread_scale.copy_(torch.as_tensor(scale.spread))
    return model.std_scale.double().numpy().copy()
