"""Open-loop predictions of any kind of model, side by side with what was measured.

Every predictor, learned or simulated, gives position increments dq (W, K, J) for the same W windows
of K ticks; errors come from those alone, so that all are measured by one ruler.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from robot_mbrl.contract.arrays import FloatArray, check_shape
from robot_mbrl.contract.observation.protocol import Layout
from robot_mbrl.data.windows import Windows
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble


@dataclass(frozen=True)
class OpenLoopError:
    """Signed errors of W predictions after 1..K ticks: rad (W, K, J) and rad/s (W, K, J).

    Positions are compared by the sum of their increments, velocities as the observation filters
    them.
    """

    position_rad: FloatArray
    velocity_rad_s: FloatArray

    def __len__(self) -> int:
        """Windows W."""
        return len(self.position_rad)

    def take(self, index: npt.NDArray[np.integer] | npt.NDArray[np.bool_]) -> "OpenLoopError":
        """Errors of the windows of an index (N,) or mask (W,)."""
        return OpenLoopError(self.position_rad[index], self.velocity_rad_s[index])

    @property
    def rms_rad(self) -> FloatArray:
        """Root mean square over windows of the position error, (K, J)."""
        return root_mean_square(self.position_rad)

    @property
    def rms_rad_s(self) -> FloatArray:
        """Root mean square over windows of the velocity error, (K, J)."""
        return root_mean_square(self.velocity_rad_s)

    @property
    def median_rad(self) -> FloatArray:
        """Median over windows of the absolute position error, (K, J)."""
        return np.median(np.abs(self.position_rad), 0)

    def mean_rad(self, tick: int = -1) -> float:
        """Mean absolute position error after one tick (the last by default), over windows and
        joints: a push by hand counts once, not squared."""
        return float(np.abs(self.position_rad[:, tick]).mean())

    def summary(self, tick: int = -1) -> dict[str, float]:
        """Root mean square and median of absolute errors after one tick (the last by default), over
        windows and joints."""
        q, v = self.position_rad[:, tick], self.velocity_rad_s[:, tick]
        return {
            "rms_rad": float(np.sqrt((q**2).mean())),
            "median_rad": float(np.median(np.abs(q))),
            "rms_rad_s": float(np.sqrt((v**2).mean())),
            "median_rad_s": float(np.median(np.abs(v))),
        }


def root_mean_square(error: FloatArray) -> FloatArray:
    """Over the first axis."""
    value: FloatArray = np.sqrt((error**2).mean(0))
    return value


def open_loop_error(model: DynamicsEnsemble, windows: Windows) -> OpenLoopError:
    """Errors of the elites' mean propagated as one trajectory under the actions really applied."""
    return increments_error(model.layout, windows, predict_increments(model, windows))


def increments_error(layout: Layout, windows: Windows, dq: FloatArray) -> OpenLoopError:
    """Errors of increments dq (W, K, J) rad that something predicted.

    Velocities are those of the observation: the layout's filter over increments, for truth and
    prediction alike. Raises ShapeError.
    """
    check_shape("dq", dq, (*windows.action.shape[:2], len(layout.joints)))
    obs = np.asarray(windows.obs, np.float64)
    true_dq = layout.increments(obs[:, :-1], obs[:, 1:])
    x, slips = obs[:, 0], []
    for k in range(dq.shape[1]):
        x = layout.advance(x, dq[:, k], windows.action[:, k])
        slips.append(layout.velocities(x) - layout.velocities(obs[:, k + 1]))
    return OpenLoopError(np.cumsum(dq - true_dq, axis=1), np.stack(slips, 1))


def relative_error(model: DynamicsEnsemble, windows: Windows) -> FloatArray:
    """Error of the elites' mean after 1..K ticks as a share of coasting's, (K,).

    A model that predicts nothing but constant velocity (for plain columns: that nothing changes)
    has 1, a perfect one 0. The number needs no unit, so one bound fits every robot. Both errors are
    root mean squares over windows and coordinates, each coordinate in units of its residual spread.
    """
    unit = model.outputs.std.double().numpy()
    ours, theirs = (
        ((error.position_rad / unit) ** 2).mean((0, 2))
        for error in (
            open_loop_error(model, windows),
            increments_error(model.layout, windows, coast(model.layout, windows)),
        )
    )
    ratio: FloatArray = np.sqrt(ours / np.maximum(theirs, 1e-12))
    return ratio


@torch.no_grad()
def predict_increments(model: DynamicsEnsemble, windows: Windows) -> FloatArray:
    """The elites' mean propagated as one trajectory: dq (W, K, J) in rad."""

    def step(x: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        mean, _ = model.increments(model.spread(x), model.spread(action))
        return mean[model.elites].mean(0)

    x, action = (torch.as_tensor(v).float() for v in (windows.obs[:, 0], windows.action))
    path: FloatArray = roll_out(model.layout, x, action, step, torch).double().numpy()
    return path


@torch.no_grad()
def member_increments(model: DynamicsEnsemble, windows: Windows) -> FloatArray:
    """Every member's own mean propagated as its own trajectory: dq (E, W, K, J) in rad."""
    x, action = (torch.as_tensor(v).float() for v in (windows.obs[:, 0], windows.action))
    path: FloatArray = (
        roll_out(
            model.layout,
            model.spread(x),
            model.spread(action),
            lambda x, action: model.increments(x, action)[0],
            torch,
        )
        .double()
        .numpy()
    )
    return path


def coast(layout: Layout, windows: Windows) -> FloatArray:
    """Increments (W, K, J) of constant velocity: the prediction that needs no model."""
    x = np.asarray(windows.obs[:, 0], np.float64)
    path: FloatArray = roll_out(
        layout, x, windows.action, lambda x, _: layout.velocities(x) * layout.dt
    )
    return path


def roll_out(
    layout: Layout, x: Any, actions: Any, step: Callable[[Any, Any], Any], xp: Any = np
) -> Any:
    """Increments (..., K, J) that `step` makes of observations (..., O) and actions (..., A), each
    from the observation that follows from the one before.

    Args:
        layout: of the observations.
        x: where it starts, (..., O).
        actions: (..., K, A).
        step: observation, action -> increment (..., J) in rad.
        xp: numpy or torch, whatever the arrays are.
    """
    path = []
    for k in range(actions.shape[-2]):
        path.append(step(x, actions[..., k, :]))
        x = layout.advance(x, path[-1], actions[..., k, :], xp=xp)
    return xp.stack(path, -2)
