"""Column-wise normalization with statistics in double precision."""

import numpy as np
import torch
from torch import Tensor, nn

from robot_mbrl.contract.checks import FloatArray, check_finite

MIN_STD = 1e-6


class Normalizer(nn.Module):
    """x -> (x - mean) / std per column; constant columns keep std 1 so that they read as 0."""

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(columns))
        self.register_buffer("std", torch.ones(columns))

    def fit(self, values: FloatArray) -> None:
        """Take mean and standard deviation of values (B, columns), in float64. Raises NotFiniteError."""
        check_finite("normalizer data", values)
        values = np.asarray(values, dtype=np.float64)
        std = values.std(0)
        self.mean.copy_(torch.as_tensor(values.mean(0)))
        self.std.copy_(torch.as_tensor(np.where(std > MIN_STD, std, 1.0)))

    def forward(self, x: Tensor) -> Tensor:
        """Normalize (..., columns)."""
        return (x - self.mean) / self.std
