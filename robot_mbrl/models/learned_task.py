"""Reward and termination learned from transitions, for environments whose own are not known.

Where they are known they are used: a true reward has no error that a planner could exploit.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from robot_mbrl.contract.errors import DataError
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.networks.batched_linear import BatchedLinear
from robot_mbrl.networks.normalizer import Normalizer, Whitener


@dataclass(frozen=True)
class RewardFitConfig:
    """How reward and termination are fitted."""

    steps: int = 400
    """gradient steps, from the last fit's weights"""
    batch: int = 256
    """rows in a step"""
    lr: float = 3e-3
    """learning rate of Adam"""


@dataclass(frozen=True)
class RewardFitReport:
    """Quality on held-out rows.

    Attributes:
        reward_error: root mean square in the reward's unit.
        termination_loss: mean cross entropy in nats.
    """

    reward_error: float
    termination_loss: float


class Perceptron(nn.Module):
    """One output of n_in columns: two hidden layers (SiLU) on whitened inputs."""

    def __init__(self, n_in: int, hidden: int, rng: torch.Generator) -> None:
        super().__init__()
        self.inputs = Whitener(n_in)
        sizes = [(n_in, hidden), (hidden, hidden), (hidden, 1)]
        self.layers = nn.ModuleList(BatchedLinear(1, a, b, rng) for a, b in sizes)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_in) -> (B,)."""
        x = self.inputs(x)[None]
        for layer in self.layers[:2]:
            x = F.silu(layer(x))
        out: Tensor = self.layers[2](x)
        return out[0, :, 0]


class LearnedTask(nn.Module):
    """A task, as far as learning needs one, made of what was observed.

    Args:
        obs_size: O.
        action_size: A.
        hidden: width of the networks' layers.
        rng: makes the initial weights.
    """

    ends: Tensor

    def __init__(self, obs_size: int, action_size: int, hidden: int, rng: torch.Generator) -> None:
        super().__init__()
        self.reward_net = Perceptron(obs_size + action_size, hidden, rng)
        self.termination_net = Perceptron(obs_size, hidden, rng)
        self.reward_scale = Normalizer(1)
        # Whether any termination was ever seen; without one nothing says what it looks like.
        self.register_buffer("ends", torch.tensor(False))

    def reward(self, next_obs: Any, action: Any, xp: Any = np) -> Any:
        """Predicted reward (...,) of next_obs (..., O) under action (..., A), numpy or torch."""
        x, a = (torch.as_tensor(v, dtype=torch.float32) for v in (next_obs, action))
        rows = torch.cat([x, a], -1)
        z = self.reward_net(rows.reshape(-1, rows.shape[-1])).reshape(rows.shape[:-1])
        value = self.reward_scale.mean[0] + self.reward_scale.std[0] * z
        return value if xp is torch else value.detach().numpy()

    def terminated(self, next_obs: Any, xp: Any = np) -> Any:
        """Whether termination is more likely than not, (...,) of bool."""
        x = torch.as_tensor(next_obs, dtype=torch.float32)
        logit = self.termination_net(x.reshape(-1, x.shape[-1])).reshape(x.shape[:-1])
        ended = (logit > 0) & self.ends
        return ended if xp is torch else ended.numpy()

    def fit(
        self,
        train: Transitions,
        holdout: Transitions,
        config: RewardFitConfig,
        rng: np.random.Generator,
    ) -> RewardFitReport:
        """Fit both networks to true rewards and terminations. Raises DataError without rows."""
        if not len(train) or not len(holdout):
            raise DataError("a reward needs training rows and held-out rows; take more steps")
        self._set_statistics(train)
        columns = (train.next_obs, train.action, train.reward, train.terminated)
        rows = [torch.as_tensor(c, dtype=torch.float32) for c in columns]
        optimizer = torch.optim.Adam(self.parameters(), lr=config.lr, fused=True)
        for _ in range(config.steps):
            pick = torch.as_tensor(rng.integers(len(train), size=config.batch))
            loss = torch.stack(self.losses(*(r[pick] for r in rows))).sum()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        columns = (holdout.next_obs, holdout.action, holdout.reward, holdout.terminated)
        with torch.no_grad():
            held = (torch.as_tensor(c, dtype=torch.float32) for c in columns)
            squared, entropy = self.losses(*held)
        unit = float(self.reward_scale.std[0])
        return RewardFitReport(unit * float(squared) ** 0.5, float(entropy))

    def losses(
        self, next_obs: Tensor, action: Tensor, reward: Tensor, terminated: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Mean squared error of the normalized reward (B,), and mean cross entropy of termination
        (B,) in nats, which is softplus(z) - y z for the log-odds z and the truth y."""
        z = self.reward_net(torch.cat([next_obs, action], -1))
        squared = ((self.reward_scale(reward[:, None])[:, 0] - z) ** 2).mean()
        logit = self.termination_net(next_obs)
        return squared, F.binary_cross_entropy_with_logits(logit, terminated)

    def _set_statistics(self, train: Transitions) -> None:
        next_obs, action = train.next_obs.astype(np.float64), train.action.astype(np.float64)
        self.reward_net.inputs.fit(np.concatenate([next_obs, action], -1))
        self.termination_net.inputs.fit(next_obs)
        self.reward_scale.fit(train.reward.astype(np.float64)[:, None])
        self.ends.fill_(bool(train.terminated.any()))
