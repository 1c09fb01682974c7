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

from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble


@dataclass(frozen=True)
class Windows:
    """W stretches of K ticks: obs (W, O) at the start, actions (W, K, A), and the true sums of
    position increments after 1..K ticks, (W, K, J). A batch has (E, B) in place of W."""

    obs: Tensor
    actions: Tensor
    travel: Tensor

    def __len__(self) -> int:
        return len(self.obs)

    @classmethod
    def concatenate(cls, parts: Sequence["Windows"]) -> "Windows":
        """One after the other, along the first dimension."""
        obs, actions, travel = zip(*((w.obs, w.actions, w.travel) for w in parts), strict=True)
        return cls(torch.cat(obs), torch.cat(actions), torch.cat(travel))

    def at(self, index: Tensor) -> "Windows":
        """Those of an index (N,), or (E, B), for each member its own."""
        return Windows(self.obs[index], self.actions[index], self.travel[index])

    def spread(self, members: int) -> "Windows":
        """All of them for every member."""
        return self.at(torch.arange(len(self)).expand(members, -1))

    @classmethod
    def cut(
        cls, model: DynamicsEnsemble, episodes: list[tuple[np.ndarray, np.ndarray]], steps: int
    ) -> "Windows":
        """Every stretch of `steps` ticks of observations (T, O) and actions (T, A)."""
        starts, actions, travel = [], [], []
        for obs, action in episodes:
            obs, action = np.asarray(obs, np.float64), np.asarray(action)
            dq = model.layout.increments(obs[:-1], obs[1:])
            for t in range(len(obs) - steps):
                starts.append(obs[t])
                actions.append(action[t : t + steps])
                travel.append(np.cumsum(dq[t : t + steps], 0))
        width, joints = model.layout.size, len(model.layout.joints)
        return cls(
            torch.as_tensor(np.array(starts).reshape(-1, width)).float(),
            torch.as_tensor(np.array(actions)).float().reshape(-1, steps, model.layout.action_size),
            torch.as_tensor(np.array(travel)).float().reshape(-1, steps, joints),
        )


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
    pick = torch.as_tensor(rng.integers(len(simulated), size=count))
    return Windows.concatenate([real, simulated.at(pick)])


def travel_error(model: DynamicsEnsemble, batch: Windows) -> Tensor:
    """Error of the summed position increments of every member's mean, (K, E, B, J) rad."""
    x, actions, travel = batch.obs, batch.actions, batch.travel
    total, errors = torch.zeros_like(travel[:, :, 0]), []
    for k in range(actions.shape[2]):
        dq, _ = model.increments(x, actions[:, :, k])
        total = total + dq
        errors.append(total - travel[:, :, k])
        x = model.layout.advance(x, dq, actions[:, :, k], xp=torch)
    return torch.stack(errors)


@torch.no_grad()
def error_scale(model: DynamicsEnsemble, windows: Windows, *, robust: bool = False) -> Tensor:
    """Error of the model as it is now, (K, 1, 1, J) rad: the unit of `multistep_loss`.

    Root mean square; `robust` takes the median of absolute errors, in which pushes do not count.
    """
    error = travel_error(model, windows.spread(model.members))
    if robust:
        flat = error.abs().flatten(1, 2)
        return flat.median(1).values[:, None, None].clamp(min=1e-3)
    return (error**2).mean((1, 2), keepdim=True).sqrt().clamp(min=1e-6)


def multistep_loss(
    model: DynamicsEnsemble, batch: Windows, scale: Tensor, cap: float = math.inf
) -> Tensor:
    """Mean over steps and joints of the error in units of `scale`, squared up to `cap` and linear
    beyond, per member (E,)."""
    z = travel_error(model, batch) / scale
    if math.isinf(cap):
        return (z**2).mean((0, 2, 3))
    size = z.abs()
    return torch.where(size <= cap, z**2, 2 * cap * size - cap**2).mean((0, 2, 3))
