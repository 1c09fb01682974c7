"""Soft Actor-Critic (Haarnoja et al. 2018b) with C critics, optional LayerNorm, delayed actor
updates."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from robot_mbrl.agents.view import View
from robot_mbrl.contract.checks import FloatArray
from robot_mbrl.models.ensemble import BatchedLinear
from robot_mbrl.models.normalizer import Whitener

LOG_STD_MIN, LOG_STD_MAX = -5.0, 2.0
WHITEN_FLOOR, WHITEN_CLIP = 0.1, 5.0  # .05 without a clip diverged


@dataclass(frozen=True)
class SacConfig:
    """Settings of the agent; the defaults learned the Furuta pendulum."""

    actor_hidden: int = 64
    """width of the actor's two layers"""
    critic_hidden: int = 128
    """width of each critic's two layers"""
    critics: int = 2
    """C, number of critics; targets take their minimum"""
    layer_norm: bool = True
    """normalize the critics' hidden layers (DroQ); without it the plateau is lower"""
    lr: float = 1e-3
    """Adam's learning rate for all networks"""
    final_lr: float = 1e-4
    """learning rate reached, geometrically, at the end of training"""
    decay_from: float = 0.67
    """fraction of training after which the learning rate starts to fall"""
    gamma: float = 0.98
    """discount per tick"""
    tau: float = 0.01
    """Polyak step of the target critics"""
    batch: int = 256
    """rows in an update"""
    target_entropy: float = -2.0
    """entropy the temperature aims at, per actuator"""
    temperature: float = 0.1
    """initial temperature alpha"""
    policy_delay: int = 2
    """critic updates per actor and temperature update"""
    actor_average: float = 0.999
    """decay of the averaged actor that is evaluated and deployed"""


class Actor(nn.Module):
    """Squashed Gaussian policy: its choice is tanh(u), u ~ N(mean(obs), std(obs)), of which the
    view makes an action."""

    def __init__(
        self,
        obs_size: int,
        action_size: int,
        hidden: int,
        rng: torch.Generator,
        view: View | None = None,
    ) -> None:
        super().__init__()
        self.view = view or View(obs_size)
        self.inputs = Whitener(self.view.size, floor=WHITEN_FLOOR, clip=WHITEN_CLIP)
        sizes = [(self.view.size, hidden), (hidden, hidden), (hidden, 2 * action_size)]
        layers = [BatchedLinear(1, a, b, rng) for a, b in sizes]
        with torch.no_grad():
            layers[2].weight.mul_(0.1)  # start close to zero action
        self.layers = nn.ModuleList(layers)

    def forward(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-std of u for obs (B, O): (B, A) each."""
        x = self.inputs(self.view.see(obs))[None]
        x = F.relu(self.layers[0](x))
        x = F.relu(self.layers[1](x))
        mean, log_std = self.layers[2](x)[0].chunk(2, -1)
        return mean, log_std.clamp(LOG_STD_MIN, LOG_STD_MAX)

    def choose(self, obs: Tensor) -> Tensor:
        """The deterministic choice (B, A) in [-1, 1] for obs (B, O)."""
        return torch.tanh(self(obs)[0])

    def act(self, obs: Tensor) -> Tensor:
        """The deterministic action (B, A) for obs (B, O)."""
        return self.view.act(obs, self.choose(obs))

    def sample(self, obs: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Action (B, A) made from standard normal noise (B, A), and its choice's log-probability
        (B,).

        log pi = log N(u) - sum log(1 - tanh(u)^2), in the form that does not overflow.
        """
        mean, log_std = self(obs)
        u = mean + log_std.exp() * noise
        normal = -0.5 * noise**2 - log_std - 0.5 * math.log(2 * math.pi)
        squash = 2 * (math.log(2) - u - F.softplus(-2 * u))
        return self.view.act(obs, torch.tanh(u)), (normal - squash).sum(-1)


class Critics(nn.Module):
    """C action-value functions with batched weights."""

    def __init__(
        self,
        obs_size: int,
        action_size: int,
        config: SacConfig,
        rng: torch.Generator,
        view: View | None = None,
    ) -> None:
        super().__init__()
        self.view = view or View(obs_size)
        hidden, self.count, self.layer_norm = (
            config.critic_hidden,
            config.critics,
            config.layer_norm,
        )
        self.inputs = Whitener(self.view.size, floor=WHITEN_FLOOR, clip=WHITEN_CLIP)
        sizes = [(self.view.size + action_size, hidden), (hidden, hidden), (hidden, 1)]
        self.layers = nn.ModuleList(BatchedLinear(self.count, a, b, rng) for a, b in sizes)

    def forward(self, obs: Tensor, action: Tensor) -> Tensor:
        """Q values (C, B) of obs (B, O) and action (B, A)."""
        x = torch.cat([self.inputs(self.view.see(obs)), self.view.choice(obs, action)], -1)
        x = x.expand(self.count, *x.shape)
        for layer in self.layers[:2]:
            x = layer(x)
            x = F.relu(F.layer_norm(x, x.shape[-1:]) if self.layer_norm else x)
        q: Tensor = self.layers[2](x)
        return q[..., 0]


@dataclass(frozen=True)
class Batch:
    """One update's rows as tensors: obs (B, O), action (B, A), next_obs (B, O), reward (B,), and
    `alive` (B,), 0 where the transition terminated."""

    obs: Tensor
    action: Tensor
    next_obs: Tensor
    reward: Tensor
    alive: Tensor

    @classmethod
    def from_rows(cls, rows: Tensor, obs_size: int, action_size: int) -> "Batch":
        """Cut the rows of a ReplayBuffer."""
        obs, action, next_obs, reward, terminated = rows.split(
            [obs_size, action_size, obs_size, 1, 1], -1
        )
        return cls(obs, action, next_obs, reward[:, 0], 1 - terminated[:, 0])


class Sac:
    """The agent: networks, optimizers, one update."""

    def __init__(
        self,
        obs_size: int,
        action_size: int,
        config: SacConfig,
        rng: torch.Generator,
        view: View | None = None,
    ) -> None:
        self.config, self.obs_size, self.action_size = config, obs_size, action_size
        self.view = view or View(obs_size)
        self.actor = Actor(obs_size, action_size, config.actor_hidden, rng, self.view)
        self.average = Actor(obs_size, action_size, config.actor_hidden, rng, self.view)
        self.critics = Critics(obs_size, action_size, config, rng, self.view)
        self.targets = Critics(obs_size, action_size, config, rng, self.view)
        self.log_temperature = nn.Parameter(torch.tensor(math.log(config.temperature)))
        self.average.load_state_dict(self.actor.state_dict())
        self.targets.load_state_dict(self.critics.state_dict())
        self.target_entropy = config.target_entropy * action_size
        self.restart_optimizers(config.lr)

    def restart_optimizers(self, lr: float) -> None:
        """Fresh Adam states at a learning rate; for a new phase of training."""
        self._actor_parameters = list(self.actor.parameters())
        self._critic_parameters = list(self.critics.parameters())
        self.actor_optimizer = torch.optim.Adam(self._actor_parameters, lr=lr, fused=True)
        self.critic_optimizer = torch.optim.Adam(self._critic_parameters, lr=lr, fused=True)
        self.temperature_optimizer = torch.optim.Adam([self.log_temperature], lr=lr)
        self.updates = 0

    def set_learning_rate(self, lr: float) -> None:
        """Change the learning rate of every optimizer."""
        for optimizer in (self.actor_optimizer, self.critic_optimizer, self.temperature_optimizer):
            for group in optimizer.param_groups:
                group["lr"] = lr

    def learning_rate_at(self, progress: float) -> float:
        """Learning rate at a fraction of training in [0, 1]: constant, then geometric decay."""
        c = self.config
        late = max(0.0, progress - c.decay_from) / max(1 - c.decay_from, 1e-9)
        return c.lr * math.pow(c.final_lr / c.lr, late)

    @property
    def temperature(self) -> float:
        """alpha."""
        return self.log_temperature.exp().item()

    def update(self, batch: Batch, noise: Tensor) -> None:
        """One gradient step of the critics, and every `policy_delay` of actor and temperature.

        noise: standard normal, (2, B, A).
        """
        self._update_critics(batch, noise[0])
        if self.updates % self.config.policy_delay == 0:
            self._update_actor(batch.obs, noise[1])
        self.updates += 1

    def _update_critics(self, batch: Batch, noise: Tensor) -> None:
        """Bellman error against the targets' minimum, Haarnoja et al. 2018b, eq. 5 and 6."""
        c = self.config
        with torch.no_grad():
            action, log_prob = self.actor.sample(batch.next_obs, noise)
            q = self.targets(batch.next_obs, action).amin(0)
            value = q - self.log_temperature.exp() * log_prob
            target = batch.reward + c.gamma * batch.alive * value
        error = self.critics(batch.obs, batch.action) - target
        loss = 0.5 * (error**2).mean(1).sum()
        gradients = torch.autograd.grad(loss, self._critic_parameters)
        _step(self.critic_optimizer, self._critic_parameters, gradients)
        with torch.no_grad():
            targets: list[Tensor] = list(self.targets.parameters())
            torch._foreach_lerp_(targets, tuple(self._critic_parameters), c.tau)

    def _update_actor(self, obs: Tensor, noise: Tensor) -> None:
        """Eq. 9 for the actor, eq. 18 for the temperature (in log alpha)."""
        action, log_prob = self.actor.sample(obs, noise)
        q = self.critics(obs, action).amin(0)
        loss = (self.log_temperature.detach().exp() * log_prob - q).mean()
        gradients = torch.autograd.grad(loss, self._actor_parameters)
        _step(self.actor_optimizer, self._actor_parameters, gradients)
        entropy_gap = (log_prob.detach() + self.target_entropy).mean()
        self.log_temperature.grad = -entropy_gap
        self.temperature_optimizer.step()
        keep = self.config.actor_average
        with torch.no_grad():
            average: list[Tensor] = list(self.average.parameters())
            torch._foreach_lerp_(average, tuple(self._actor_parameters), 1 - keep)

    def set_observation_statistics(self, obs: FloatArray) -> None:
        """Fix the networks' input whitening from observations (B, O)."""
        seen = self.view.see(torch.as_tensor(obs)).numpy()
        for network in (self.actor, self.average, self.critics, self.targets):
            network.inputs.fit(seen)


def _step(
    optimizer: torch.optim.Optimizer, parameters: list[nn.Parameter], gradients: tuple[Tensor, ...]
) -> None:
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    optimizer.step()
