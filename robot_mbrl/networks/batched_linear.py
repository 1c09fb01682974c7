"""One linear layer of each of E networks, in one matrix product."""

import math

import torch
from torch import Tensor, nn


class BatchedLinear(nn.Module):
    """E linear layers in one matrix product: (E, B, n_in) -> (E, B, n_out)."""

    def __init__(self, members: int, n_in: int, n_out: int, rng: torch.Generator) -> None:
        super().__init__()
        bound = 1 / math.sqrt(n_in)
        weight = (torch.rand(members, n_in, n_out, generator=rng) * 2 - 1) * bound
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(members, 1, n_out))

    def forward(self, x: Tensor) -> Tensor:
        """Apply member e's layer to x[e]."""
        return torch.baddbmm(self.bias, x, self.weight)
