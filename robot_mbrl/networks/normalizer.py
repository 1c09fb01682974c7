"""Column-wise normalization with statistics in double precision."""

import math

import numpy as np
import torch
from torch import Tensor, nn

from robot_mbrl.contract.arrays import FloatArray, check_finite

MIN_STD = 1e-6


class Normalizer(nn.Module):
    """x -> (x - mean) / std per column; constant columns keep std 1 so that they read as 0."""

    mean: Tensor
    std: Tensor

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(columns))
        self.register_buffer("std", torch.ones(columns))

    def fit(self, values: FloatArray) -> None:
        """Take mean and standard deviation of values (B, columns), in float64. Raises
        NotFiniteError."""
        check_finite("normalizer data", values)
        values = np.asarray(values, dtype=np.float64)
        std = values.std(0)
        self.mean.copy_(torch.as_tensor(values.mean(0)))
        self.std.copy_(torch.as_tensor(np.where(std > MIN_STD, std, 1.0)))

    def forward(self, x: Tensor) -> Tensor:
        """Normalize (..., columns)."""
        return (x - self.mean) / self.std


class Whitener(nn.Module):
    """x -> (x - mean) W: columns scaled, decorrelated and scaled again to unit variance (ZCA).

    Stacked measurements are nearly copies of one another; what tells lengths and delays apart is
    their small differences. Whitening brings those to the same size as everything else. Eigenvalues
    of the correlation matrix are floored at `floor`^2 so that quantization noise is not blown up.

    Args:
        columns: n.
        floor: smallest standard deviation, in units of a column's own, that is scaled up to 1.
        clip: whitened values are limited to +-clip; infinity leaves what is novel novel.
    """

    mean: Tensor
    matrix: Tensor

    def __init__(self, columns: int, floor: float = 0.05, clip: float = math.inf) -> None:
        super().__init__()
        self.floor, self.clip = floor, clip
        self.register_buffer("mean", torch.zeros(columns))
        self.register_buffer("matrix", torch.eye(columns))

    def fit(self, values: FloatArray) -> None:
        """Take mean and covariance of values (B, columns), in float64. Raises NotFiniteError."""
        check_finite("normalizer data", values)
        values = np.asarray(values, dtype=np.float64)
        mean, std = values.mean(0), values.std(0)
        std = np.where(std > MIN_STD, std, 1.0)
        scaled = (values - mean) / std
        variance, basis = np.linalg.eigh(scaled.T @ scaled / len(scaled))
        gain = 1 / np.sqrt(variance.clip(0) + self.floor**2)
        self.mean.copy_(torch.as_tensor(mean))
        self.matrix.copy_(torch.as_tensor((basis * gain) @ basis.T / std[:, None]))

    def forward(self, x: Tensor) -> Tensor:
        """Whiten (..., columns)."""
        white = (x - self.mean) @ self.matrix
        return white if math.isinf(self.clip) else white.clamp(-self.clip, self.clip)
