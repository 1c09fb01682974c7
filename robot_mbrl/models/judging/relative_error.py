"""How much better than no model: open-loop error over k ticks against that of coasting.

A model that predicts nothing but constant velocity (for plain columns: that nothing changes) has
relative error 1, a perfect one 0. The number needs no unit, so one bound fits every robot.
"""

import numpy as np

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.observation.protocol import Layout
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.models.judging.open_loop import Starts, forecast_error, predict_increments


def relative_error(
    model: DynamicsEnsemble, pieces: list[tuple[FloatArray, FloatArray]], ticks: int
) -> FloatArray:
    """Error of the elites' mean after 1..K ticks as a share of coasting's, (K,).

    Both are root mean squares over windows and coordinates, each coordinate in units of its
    residual spread.

    Args:
        model: fitted to other rows.
        pieces: stretches (obs (T + 1, O), actions (T, A)).
        ticks: K.

    Raises:
        DataError: no stretch is as long as K ticks.
    """
    starts = Starts.cut(pieces, ticks)
    unit = model.outputs.std.double().numpy()
    guesses = (predict_increments(model, starts), coast(model.layout, starts))
    ours, theirs = (
        ((forecast_error(model.layout, starts, dq).position_rad / unit) ** 2).mean((0, 2))
        for dq in guesses
    )
    ratio: FloatArray = np.sqrt(ours / np.maximum(theirs, 1e-12))
    return ratio


def coast(layout: Layout, starts: Starts) -> FloatArray:
    """Increments (W, K, J) of constant velocity."""
    x, path = starts.obs[:, 0], []
    for k in range(starts.actions.shape[1]):
        path.append(layout.velocities(x) * layout.dt)
        x = layout.advance(x, path[-1], starts.actions[:, k])
    return np.stack(path, 1)
