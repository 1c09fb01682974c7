"""Batches in which every member sees its own draws, or its own resampling, of the data."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from robot_mbrl.models.fitting.loss import Rows
from robot_mbrl.models.fitting.multistep import WindowBatch


class Bootstrap:
    """Rows drawn for E members from sources, each with its own resampling (with replacement) of
    every source, or from all of it.

    Args:
        lengths: rows of each source.
        sizes: rows of each source in a batch.
        members: E.
        rng: draws.
        resample: otherwise every member may draw every row.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        sizes: Sequence[int],
        members: int,
        rng: np.random.Generator,
        *,
        resample: bool = True,
    ) -> None:
        self.sizes, self.rng = sizes, rng
        self.draws = [
            rng.integers(n, size=(members, n))
            if resample
            else np.broadcast_to(np.arange(n), (members, n))
            for n in lengths
        ]

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

    def __init__(self, rows: Sequence[Rows], share: float, rng: np.random.Generator) -> None:
        self.rng = rng
        self.sigma = share * torch.cat([r.obs for r in rows]).std(0) if share else None

    def __call__(self, obs: Tensor) -> Tensor:
        """Observations (E, B, O) with noise."""
        if self.sigma is None:
            return obs
        noise = self.rng.standard_normal(obs.shape, dtype=np.float32)
        return obs + self.sigma * torch.as_tensor(noise)


class RowBatches:
    """Batches of rows for the E members of one model.

    Args:
        rows: of each source.
        sizes: rows of each source in a batch.
        members: E.
        rng: draws.
        input_noise: see `Jitter`.
        resample: see `Bootstrap`.
    """

    def __init__(
        self,
        rows: Sequence[Rows],
        sizes: Sequence[int],
        members: int,
        rng: np.random.Generator,
        input_noise: float,
        *,
        resample: bool = True,
    ) -> None:
        self.rows = rows
        lengths = [len(r.obs) for r in rows]
        self.bootstrap = Bootstrap(lengths, sizes, members, rng, resample=resample)
        self.jitter = Jitter(rows, input_noise, rng)
        self._columns = [r.obs for r in rows], [r.action for r in rows], [r.dq for r in rows]

    def draw(self) -> Rows:
        """The next batch, (E, B, .)."""
        obs, action, dq = self.bootstrap.batch(*self._columns)
        return Rows(self.jitter(obs), action, dq)


class WindowBatches:
    """Batches of windows for the E members of one model.

    Args:
        windows: to draw from.
        size: of them per member and batch.
        members: E.
        rng: draws.
        jitter: noise on where they start.
        resample: see `Bootstrap`.
    """

    def __init__(
        self,
        windows: WindowBatch,
        size: int,
        members: int,
        rng: np.random.Generator,
        jitter: Jitter,
        *,
        resample: bool = True,
    ) -> None:
        self.windows, self.jitter = windows, jitter
        self.bootstrap = Bootstrap([len(windows)], [size], members, rng, resample=resample)

    def draw(self) -> WindowBatch:
        """The next batch, (E, B, ...)."""
        (index,) = self.bootstrap.picks()
        batch = self.windows.at(index)
        return replace(batch, obs=self.jitter(batch.obs))
