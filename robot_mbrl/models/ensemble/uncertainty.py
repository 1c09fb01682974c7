"""What an ensemble knows about its own error, in two parts that mean different things.

Epistemic: the elites' means disagree, because data are missing; more data make it smaller. It is
largest where the model was never trained. Aleatoric: the noise that each elite predicts; more data
do not help. Together they are the variance of the elites' mixture (law of total variance):

    Var[dq] = Var_e(E[dq | e]) + E_e(Var[dq | e])
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble


@dataclass(frozen=True)
class Uncertainty:
    """Prediction of B position increments with standard deviations, all (B, J).

    A column here is a joint: positions and velocities of the next observation are both affine in
    the increment, so what is calibrated for one is calibrated for the other.

    Attributes:
        mean: of the increment, rad.
        epistemic: standard deviation of the elites' means, rad.
        aleatoric: root of the elites' mean variance, rad.
        normalized_unit: rad per normalized unit, (J,): the data's residual spread.
        velocity_gain: rad/s of observed velocity per rad of increment, (J,).
        spread_scale: factor on the epistemic part in `total`, (J,); 1 unless that part alone covers
            more than intervals should.
    """

    mean: FloatArray
    epistemic: FloatArray
    aleatoric: FloatArray
    normalized_unit: FloatArray
    velocity_gain: FloatArray
    spread_scale: FloatArray

    @property
    def total(self) -> FloatArray:
        """Standard deviation of the mixture, (B, J), as its intervals are calibrated."""
        return np.hypot(self.spread_scale * self.epistemic, self.aleatoric)

    @property
    def disagreement(self) -> FloatArray:
        """Root mean square over joints of the normalized epistemic part, (B,).

        Planner, rollouts and supervisor use it.
        """
        value: FloatArray = np.sqrt((self.normalized().epistemic ** 2).mean(-1))
        return value

    def normalized(self) -> "Uncertainty":
        """In units of the data's residual spread, in which joints can be compared."""
        return self._scaled(1 / self.normalized_unit)

    def of_velocity(self) -> "Uncertainty":
        """In rad/s, of the observed velocity; `mean` is its part that the increment gives."""
        return self._scaled(self.velocity_gain)

    def rescaled(self, noise: FloatArray, spread_scale: FloatArray) -> "Uncertainty":
        """Aleatoric part multiplied by `noise` (J,), and another `spread_scale`; the epistemic part
        is the members' own and stays."""
        return replace(self, aleatoric=self.aleatoric * noise, spread_scale=spread_scale)

    def _scaled(self, factor: FloatArray) -> "Uncertainty":
        return Uncertainty(
            self.mean * factor,
            self.epistemic * factor,
            self.aleatoric * factor,
            self.normalized_unit * factor,
            self.velocity_gain / factor,
            self.spread_scale,
        )


@torch.no_grad()
def estimate_uncertainty(
    model: DynamicsEnsemble, obs: np.ndarray, action: np.ndarray
) -> Uncertainty:
    """Epistemic and aleatoric spread of the elites at obs (B, O) under action (B, A)."""
    x, a = (torch.as_tensor(v, dtype=torch.float32) for v in (obs, action))
    means, stds = model.increments(model.spread(x), model.spread(a))
    mean, std = (v[model.elites].double().numpy() for v in (means, stds))
    return Uncertainty(
        mean.mean(0),
        mean.std(0),
        np.sqrt((std**2).mean(0)),
        model.outputs.std.double().numpy(),
        np.asarray(model.layout.alpha) / model.layout.dt,
        model.spread_scale.double().numpy(),
    )


def mixture(mean: Tensor, std: Tensor, spread_scale: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (B, J) of an equal mixture of members (E, B, J): moment matching,
    with the factor (J,) on the members' spread that a model's `spread_scale` is."""
    centre = mean.mean(0)
    variance = (std**2).mean(0) + spread_scale**2 * ((mean - centre) ** 2).mean(0)
    return centre, variance.sqrt()
