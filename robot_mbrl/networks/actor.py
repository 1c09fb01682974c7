"""The policy network of SAC."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from robot_mbrl.networks.batched_linear import BatchedLinear
from robot_mbrl.networks.policy_view import PolicyView, make_whitener
from robot_mbrl.networks.squashed_gaussian import bound, squash


class Actor(nn.Module):
    """Squashed Gaussian policy: its output is tanh(u), u ~ N(mean(obs), std(obs)), of which the
    view makes an action."""

    def __init__(
        self,
        obs_size: int,
        action_size: int,
        hidden: int,
        rng: torch.Generator,
        view: PolicyView | None = None,
    ) -> None:
        super().__init__()
        self.view = view or PolicyView(obs_size)
        self.inputs = make_whitener(self.view.size)
        sizes = [(self.view.size, hidden), (hidden, hidden), (hidden, 2 * action_size)]
        layers = [BatchedLinear(1, a, b, rng) for a, b in sizes]
        with torch.no_grad():
            layers[2].weight.mul_(0.1)  # start close to zero action
        self.layers = nn.ModuleList(layers)

    def forward(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-std of u for obs (B, O): (B, A) each."""
        x = self.inputs(self.view.inputs(obs))[None]
        x = F.relu(self.layers[0](x))
        x = F.relu(self.layers[1](x))
        return bound(self.layers[2](x)[0])

    def output(self, obs: Tensor) -> Tensor:
        """The deterministic output (B, A) in [-1, 1] for obs (B, O)."""
        return torch.tanh(self(obs)[0])

    def act(self, obs: Tensor) -> Tensor:
        """The deterministic action (B, A) for obs (B, O)."""
        return self.view.to_action(obs, self.output(obs))

    def sample(self, obs: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Action (B, A) made from standard normal noise (B, A), and its output's log-probability
        (B,)."""
        mean, log_std = self(obs)
        output, log_prob = squash(mean, log_std, noise)
        return self.view.to_action(obs, output), log_prob
