"""The action-value networks of SAC."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from robot_mbrl.networks.batched_linear import BatchedLinear
from robot_mbrl.networks.policy_view import PolicyView, make_whitener


class Critics(nn.Module):
    """C action-value functions with batched weights.

    Args:
        obs_size: O.
        action_size: A.
        count: C.
        hidden: width of each critic's two layers.
        rng: makes the initial weights.
        layer_norm: normalize the hidden layers.
        view: what the networks are given of an observation and an action; as they are by default.
    """

    def __init__(
        self,
        obs_size: int,
        action_size: int,
        count: int,
        hidden: int,
        rng: torch.Generator,
        *,
        layer_norm: bool = True,
        view: PolicyView | None = None,
    ) -> None:
        super().__init__()
        self.view = view or PolicyView(obs_size)
        self.count, self.layer_norm = count, layer_norm
        self.inputs = make_whitener(self.view.size)
        sizes = [(self.view.size + action_size, hidden), (hidden, hidden), (hidden, 1)]
        self.layers = nn.ModuleList(BatchedLinear(self.count, a, b, rng) for a, b in sizes)

    def forward(self, obs: Tensor, action: Tensor) -> Tensor:
        """Q values (C, B) of obs (B, O) and action (B, A), with nothing dropped out."""
        x = torch.cat([self.inputs(self.view.inputs(obs)), self.view.to_output(obs, action)], -1)
        x = x.expand(self.count, *x.shape)
        for layer in self.layers[:2]:
            x = layer(x)
            x = F.relu(F.layer_norm(x, x.shape[-1:]) if self.layer_norm else x)
        q: Tensor = self.layers[2](x)
        return q[..., 0]
