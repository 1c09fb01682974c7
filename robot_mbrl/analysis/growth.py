"""How the error of open-loop prediction grows, per column and member."""

from dataclasses import dataclass

import numpy as np
import torch

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.models.judging.open_loop import (
    ForecastError,
    Starts,
    forecast_error,
    predict_increments,
)


@dataclass(frozen=True)
class ErrorGrowth:
    """Root mean square errors after 1..K ticks, per column (K, C) or member and column (E, K, C).

    Attributes:
        columns: the joints' positions in rad, then their velocities in rad/s; C = 2 J.
        members: each member alone, (E, K, C), elite or not.
        elites: which members are used.
        mean: the elites' mean as one trajectory, (K, C).
        constant_velocity: the prediction that everybody has without a model, (K, C).
        starts: number of start states.
    """

    columns: tuple[str, ...]
    members: FloatArray
    elites: tuple[int, ...]
    mean: FloatArray
    constant_velocity: FloatArray
    starts: int


def measure_growth(model: DynamicsEnsemble, starts: Starts) -> ErrorGrowth:
    """Predict every window under the actions really applied."""
    layout = model.layout

    def error(dq: FloatArray) -> FloatArray:
        return _root_mean_square(forecast_error(layout, starts, dq))

    velocity = layout.velocities(starts.obs[:, :1]) * layout.dt
    return ErrorGrowth(
        columns=(
            *(f"{j} position (rad)" for j in layout.joints),
            *(f"{j} velocity (rad/s)" for j in layout.joints),
        ),
        members=np.stack([error(dq) for dq in member_increments(model, starts)]),
        elites=tuple(int(e) for e in model.elites),
        mean=error(predict_increments(model, starts)),
        constant_velocity=error(np.repeat(velocity, starts.actions.shape[1], axis=1)),
        starts=len(starts),
    )


@torch.no_grad()
def member_increments(model: DynamicsEnsemble, starts: Starts) -> FloatArray:
    """Every member's own mean propagated as its own trajectory: dq (E, W, K, J) in rad."""
    x = model.spread(torch.as_tensor(starts.obs[:, 0], dtype=torch.float32))
    actions = torch.as_tensor(starts.actions, dtype=torch.float32)
    path = []
    for k in range(actions.shape[1]):
        action = model.spread(actions[:, k])
        dq, _ = model.increments(x, action)
        x = model.layout.advance(x, dq, action, xp=torch)
        path.append(dq.double().numpy())
    return np.stack(path, 2)


def _root_mean_square(error: ForecastError) -> FloatArray:
    both = np.concatenate([error.position_rad, error.velocity_rad_s], -1)
    value: FloatArray = np.sqrt((both**2).mean(0))
    return value
