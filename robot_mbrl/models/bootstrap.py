"""Batches in which every member sees its own resampling of the data."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from robot_mbrl.models.ensemble import DynamicsEnsemble
from robot_mbrl.models.loss import Rows
from robot_mbrl.models.multistep import Windows, error_scale, multistep_loss


class Bootstrap:
    """Rows drawn for E members from sources, each with its own resampling (with replacement) of
    every source.

    Args:
        lengths: rows of each source.
        sizes: rows of each source in a batch.
        members: E.
        rng: draws.
    """

    def __init__(
        self, lengths: Sequence[int], sizes: Sequence[int], members: int, rng: np.random.Generator
    ) -> None:
        self.sizes, self.rng = sizes, rng
        self.draws = [rng.integers(n, size=(members, n)) for n in lengths]

    def picks(self) -> list[Tensor]:
        """Row numbers (E, size) of each source for the next batch."""
        found = []
        for draw, size in zip(self.draws, self.sizes, strict=True):
            picked = self.rng.integers(draw.shape[1], size=(len(draw), size))
            found.append(torch.as_tensor(np.take_along_axis(draw, picked, 1)))
        return found

    def batch(self, *columns: Sequence[Tensor]) -> list[Tensor]:
        """The next batch (E, B, .) of each column, given as one tensor (T, .) a source."""
        picks = self.picks()
        return [_gather(parts, picks) for parts in columns]


def _gather(parts: Sequence[Tensor], picks: Sequence[Tensor]) -> Tensor:
    """Picked rows (E, B, .) of all parts, side by side along B."""
    # index_select copies whole rows; rows[index] goes number by number
    found = [
        rows.index_select(0, index.flatten()).view(*index.shape, -1)
        for rows, index in zip(parts, picks, strict=True)
    ]
    return torch.cat(found, 1) if len(found) > 1 else found[0]


class Jitter:
    """Adds noise to observations, a share of each column's spread (Bishop 1995: training with noise
    is Tikhonov regularization)."""

    def __init__(self, rows: list[Rows], share: float, rng: np.random.Generator) -> None:
        self.rng = rng
        self.sigma = share * torch.cat([r.obs for r in rows]).std(0) if share else None

    def __call__(self, obs: Tensor) -> Tensor:
        """Observations (E, B, O) with noise."""
        if self.sigma is None:
            return obs
        noise = self.rng.standard_normal(obs.shape, dtype=np.float32)
        return obs + self.sigma * torch.as_tensor(noise)


class Stretches:
    """Bootstrapped batches of the multi-step loss.

    Args:
        model: whose error it is.
        windows: stretches to draw from.
        size: of them per member and batch.
        cap: see `multistep_loss`.
        rng: draws.
        jitter: noise on where they start.
    """

    def __init__(
        self,
        model: DynamicsEnsemble,
        windows: Windows,
        size: int,
        cap: float,
        rng: np.random.Generator,
        jitter: Jitter,
    ) -> None:
        self.model, self.windows, self.jitter, self.cap = model, windows, jitter, cap
        self.scale = error_scale(model, windows, robust=math.isfinite(cap))
        self.bootstrap = Bootstrap([len(windows)], [size], model.members, rng)

    def loss(self) -> Tensor:
        """The loss of one batch, per member (E,)."""
        (index,) = self.bootstrap.picks()
        starts = self.jitter(self.windows.obs[index])
        return multistep_loss(self.model, self.windows, index, self.scale, self.cap, starts=starts)
