"""Multi-step loss: the error of open-loop prediction over K ticks, for scarce real data.

One-step targets drown in quantization: a velocity that is off by one count is off by 0.15 rad/s.
Over K ticks the count stays one count while the model's own error adds up, so the same few seconds
say much more about the model.

Measured runs hold moments that no input explains: a push by hand, a cable that catches. Squared
errors would spend the model on those; `cap` makes the loss linear beyond it (Huber 1964).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from robot_mbrl.contract.observation.protocol import Layout
from robot_mbrl.data.windows import Windows
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble


@dataclass(frozen=True)
class WindowBatch:
    """Windows as the multi-step loss takes them.

    Observations (W, O) at the start, actions (W, K, A), and the true sums of position increments
    after 1..K ticks, (W, K, J) rad. A batch for E members has (E, B) in place of W.
    """

    obs: Tensor
    action: Tensor
    travel: Tensor

    def __len__(self) -> int:
        return len(self.obs)

    @classmethod
    def of(cls, layout: Layout, windows: Windows) -> "WindowBatch":
        """All of these windows, increments taken in float64."""
        obs = np.asarray(windows.obs, np.float64)
        travel = np.cumsum(layout.increments(obs[:, :-1], obs[:, 1:]), 1)
        start, action = obs[:, 0], windows.action
        return cls(*(torch.as_tensor(x).float() for x in (start, action, travel)))

    @classmethod
    def concatenate(cls, parts: Sequence["WindowBatch"]) -> "WindowBatch":
        """One after the other, along the first dimension."""
        obs, action, travel = zip(*((w.obs, w.action, w.travel) for w in parts), strict=True)
        return cls(torch.cat(obs), torch.cat(action), torch.cat(travel))

    def at(self, index: Tensor) -> "WindowBatch":
        """Windows of an index (N,), or (E, B), for each member its own."""
        return WindowBatch(self.obs[index], self.action[index], self.travel[index])

    def spread(self, members: int) -> "WindowBatch":
        """All windows for every member."""
        return self.at(torch.arange(len(self)).expand(members, -1))


def blend_windows(
    real: Windows, simulated: Windows, real_share: float, rng: np.random.Generator
) -> Windows:
    """All real windows and as many simulated ones, drawn with replacement, as make up the rest;
    those of one kind where the share asks for no others, or there are none."""
    if real_share >= 1 or not len(simulated):
        return real
    if real_share <= 0:
        return simulated
    count = round(len(real) * (1 - real_share) / real_share)
    return Windows.concatenate([real, simulated.take(rng.integers(len(simulated), size=count))])


def travel_error(model: DynamicsEnsemble, batch: WindowBatch) -> Tensor:
    """Error of the summed position increments of every member's mean, (K, E, B, J) rad."""
    x, action, travel = batch.obs, batch.action, batch.travel
    total, errors = torch.zeros_like(travel[:, :, 0]), []
    for k in range(action.shape[2]):
        dq, _ = model.increments(x, action[:, :, k])
        total = total + dq
        errors.append(total - travel[:, :, k])
        x = model.layout.advance(x, dq, action[:, :, k], xp=torch)
    return torch.stack(errors)


@torch.no_grad()
def error_scale(model: DynamicsEnsemble, windows: WindowBatch, *, robust: bool = False) -> Tensor:
    """Error of the model as it is now, (K, 1, 1, J) rad: the unit of `multistep_loss`.

    Root mean square; `robust` takes the median of absolute errors, in which pushes do not count.
    """
    error = travel_error(model, windows.spread(model.members))
    if robust:
        flat = error.abs().flatten(1, 2)
        return flat.median(1).values[:, None, None].clamp(min=1e-3)
    return (error**2).mean((1, 2), keepdim=True).sqrt().clamp(min=1e-6)


def multistep_loss(
    model: DynamicsEnsemble, batch: WindowBatch, scale: Tensor, cap: float = math.inf
) -> Tensor:
    """Mean over steps and joints of the error in units of `scale`, squared up to `cap` and linear
    beyond, per member (E,)."""
    z = travel_error(model, batch) / scale
    if math.isinf(cap):
        return (z**2).mean((0, 2, 3))
    size = z.abs()
    return torch.where(size <= cap, z**2, 2 * cap * size - cap**2).mean((0, 2, 3))
