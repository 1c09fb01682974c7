"""Open-loop prediction error over k steps: the number that decides whether a model is better."""

from dataclasses import dataclass

import numpy as np
import torch

from robot_mbrl.contract.checks import FloatArray
from robot_mbrl.contract.errors import DataError
from robot_mbrl.models.ensemble import DynamicsEnsemble


@dataclass(frozen=True)
class RolloutError:
    """Root mean square errors after 1..K steps of open-loop prediction.

    Attributes:
        position_rad: error of the joint positions' sum of increments, (K, J).
        velocity_rad_s: error of the velocities, (K, J).
        median_rad: median absolute position error, (K, J).
        starts: number of start states.
    """

    position_rad: FloatArray
    velocity_rad_s: FloatArray
    median_rad: FloatArray
    starts: int

    def scalar(self, k: int) -> float:
        """One number after k steps: root mean square over joints of the position error, rad."""
        return float(np.sqrt((self.position_rad[k - 1] ** 2).mean()))


@torch.no_grad()
def rollout_error(
    model: DynamicsEnsemble,
    episodes: list[tuple[np.ndarray, np.ndarray]],
    steps: int,
) -> RolloutError:
    """Predict `steps` ticks ahead from every tick of every episode under the actions really
    applied.

    Args:
        model: the elites' mean is propagated as one trajectory.
        episodes: observations (T, O) and actions (T, A); action t acts between t and t + 1.
        steps: K.

    Raises:
        DataError: no episode is longer than `steps` ticks.
    """
    layout = model.layout
    windows = [_windows(obs, action, steps) for obs, action in episodes if len(obs) > steps]
    if not windows:
        raise DataError(
            f"no held-out episode is longer than {steps} ticks; collect longer episodes"
        )
    obs = np.concatenate([w[0] for w in windows])
    actions = np.concatenate([w[1] for w in windows])
    x = torch.as_tensor(obs[:, 0], dtype=torch.float32)
    drift = np.zeros((len(obs), len(layout.joints)))
    position, velocity, median = [], [], []
    truth = np.zeros_like(drift)
    for k in range(steps):
        action = torch.as_tensor(actions[:, k], dtype=torch.float32)
        mean, _ = model.increments(model.spread(x), model.spread(action))
        dq = mean[model.elites].mean(0)
        x = layout.advance(x, dq, action, xp=torch)
        drift = drift + dq.double().numpy()
        truth = truth + layout.increments(obs[:, k], obs[:, k + 1])
        gap = drift - truth
        slip = layout.velocities(x).double().numpy() - layout.velocities(obs[:, k + 1])
        position.append(np.sqrt((gap**2).mean(0)))
        velocity.append(np.sqrt((slip**2).mean(0)))
        median.append(np.median(np.abs(gap), 0))
    return RolloutError(np.array(position), np.array(velocity), np.array(median), len(obs))


def _windows(obs: np.ndarray, action: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Every stretch of `steps` ticks: observations (W, K + 1, O), actions (W, K, A)."""
    starts = np.arange(len(obs) - steps)[:, None]
    span = np.arange(steps + 1)
    return np.asarray(obs, np.float64)[starts + span], np.asarray(action)[starts + span[:-1]]
