"""Open-loop predictions of any kind of model, side by side with what was measured.

Every predictor, learned or simulated, gives position increments dq (W, K, J) for the same W windows
of K ticks; errors come from those alone, so that all are judged by one ruler.
"""

from dataclasses import dataclass

import numpy as np
import torch

from robot_mbrl.contract.arrays import FloatArray, check_shape
from robot_mbrl.contract.errors import DataError
from robot_mbrl.contract.observation.protocol import Layout
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble


@dataclass(frozen=True)
class Starts:
    """W windows of K ticks.

    Attributes:
        obs: observations, (W, K + 1, O).
        actions: (W, K, A); action k acts between observations k and k + 1.
    """

    obs: FloatArray
    actions: FloatArray

    def __len__(self) -> int:
        return len(self.obs)

    @classmethod
    def cut(cls, pieces: list[tuple[FloatArray, FloatArray]], ticks: int) -> "Starts":
        """Every window of pieces (obs (T, O), actions (T, A)). Raises DataError for none."""
        long = [(np.asarray(o, np.float64), np.asarray(a)) for o, a in pieces if len(o) > ticks]
        if not long:
            raise DataError(f"no stretch is longer than {ticks} ticks; record longer ones")
        span = np.arange(ticks + 1)
        index = [np.arange(len(o) - ticks)[:, None] + span for o, _ in long]
        return cls(
            np.concatenate([o[i] for (o, _), i in zip(long, index, strict=True)]),
            np.concatenate([a[i[:, :-1]] for (_, a), i in zip(long, index, strict=True)]),
        )


@dataclass(frozen=True)
class ForecastError:
    """Signed errors of W predictions after 1..K ticks: rad (W, K, J) and rad/s (W, K, J)."""

    position_rad: FloatArray
    velocity_rad_s: FloatArray

    def summary(self, tick: int = -1) -> dict[str, float]:
        """Root mean square and median of absolute errors at one tick (the last by default)."""
        q, v = self.position_rad[:, tick], self.velocity_rad_s[:, tick]
        return {
            "rms_rad": float(np.sqrt((q**2).mean())),
            "median_rad": float(np.median(np.abs(q))),
            "rms_rad_s": float(np.sqrt((v**2).mean())),
            "median_rad_s": float(np.median(np.abs(v))),
        }


def forecast_error(layout: Layout, starts: Starts, dq: FloatArray) -> ForecastError:
    """Errors of predicted increments dq (W, K, J).

    Velocities are those of the observation: the layout's filter over increments, for truth and
    prediction alike. Raises ShapeError.
    """
    check_shape("dq", dq, (*starts.actions.shape[:2], len(layout.joints)))
    true_dq = layout.increments(starts.obs[:, :-1], starts.obs[:, 1:])
    x, slips = starts.obs[:, 0], []
    for k in range(dq.shape[1]):
        x = layout.advance(x, dq[:, k], starts.actions[:, k])
        slips.append(layout.velocities(x) - layout.velocities(starts.obs[:, k + 1]))
    return ForecastError(np.cumsum(dq - true_dq, axis=1), np.stack(slips, 1))


@torch.no_grad()
def predict_increments(model: DynamicsEnsemble, starts: Starts) -> FloatArray:
    """The elites' mean propagated as one trajectory: dq (W, K, J) in rad."""
    x = torch.as_tensor(starts.obs[:, 0], dtype=torch.float32)
    actions = torch.as_tensor(starts.actions, dtype=torch.float32)
    path = []
    for k in range(actions.shape[1]):
        mean, _ = model.increments(model.spread(x), model.spread(actions[:, k]))
        dq = mean[model.elites].mean(0)
        x = model.layout.advance(x, dq, actions[:, k], xp=torch)
        path.append(dq.double().numpy())
    return np.stack(path, 1)
