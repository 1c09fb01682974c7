"""Open-loop prediction error over k steps: the number that decides whether a model is better."""

from dataclasses import dataclass

import numpy as np

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.models.judging.open_loop import Starts, forecast_error, predict_increments


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
    starts = Starts.cut(episodes, steps)
    error = forecast_error(model.layout, starts, predict_increments(model, starts))
    q, v = error.position_rad, error.velocity_rad_s
    return RolloutError(
        np.sqrt((q**2).mean(0)),
        np.sqrt((v**2).mean(0)),
        np.median(np.abs(q), 0),
        len(starts),
    )
