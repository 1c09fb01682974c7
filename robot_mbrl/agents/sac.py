"""Soft Actor-Critic (Haarnoja et al. 2018b) with C critics, optional LayerNorm, delayed actor
updates; REDQ's random subsets (Chen et al. 2021) and DroQ's dropout (Hiraoka et al. 2022) as
options.

Gradients are written out (see `Backprop`); tests hold them against autograd on the same losses.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from robot_mbrl.agents.sac_config import SacConfig
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.networks.actor import Actor
from robot_mbrl.networks.backprop import Activation, Backprop
from robot_mbrl.networks.critics import Critics
from robot_mbrl.networks.parameter_buffer import flatten
from robot_mbrl.networks.policy_view import PolicyView
from robot_mbrl.networks.squashed_gaussian import bound, squash, squash_gradient


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
    """The agent: networks, optimizers, one update.

    Args:
        obs_size: O.
        action_size: A.
        config: settings.
        rng: makes the initial weights, and later draws subsets and dropout, if there are such.
        view: what the networks are given of an observation, and what the actor's outputs do.
    """

    def __init__(
        self,
        obs_size: int,
        action_size: int,
        config: SacConfig,
        rng: torch.Generator,
        view: PolicyView | None = None,
    ) -> None:
        self.config, self.obs_size, self.action_size = config, obs_size, action_size
        self.view, self.rng = view or PolicyView(obs_size), rng
        self.actor = Actor(obs_size, action_size, config.actor_hidden, rng, self.view)
        self.average = Actor(obs_size, action_size, config.actor_hidden, rng, self.view)
        self.critics, self.targets = self._new_critics(), self._new_critics()
        self.log_temperature = nn.Parameter(torch.tensor(math.log(config.temperature)))
        self.average.load_state_dict(self.actor.state_dict())
        self.targets.load_state_dict(self.critics.state_dict())
        self.target_entropy = config.target_entropy * action_size
        # Adam moves each number for itself: the temperature may stand behind the actor's weights
        self._flat_actor = flatten([*self.actor.parameters(), self.log_temperature])
        self._temperature_grad: Any = self.log_temperature.grad
        self._flat_average = flatten(self.average.parameters(), gradients=False)
        self._flat_critics = flatten(self.critics.parameters())
        self._flat_targets = flatten(self.targets.parameters(), gradients=False)
        self._actor = Backprop(self.actor.layers, "relu")
        hidden: Activation = "norm_relu" if config.layer_norm else "relu"
        self._critics = Backprop(self.critics.layers, hidden, config.dropout, rng)
        self._targets = Backprop(self.targets.layers, hidden, config.dropout, rng)
        self.restart_optimizers(config.lr)

    def _new_critics(self) -> Critics:
        c = self.config
        return Critics(
            self.obs_size,
            self.action_size,
            c.critics,
            c.critic_hidden,
            self.rng,
            layer_norm=c.layer_norm,
            view=self.view,
        )

    def restart_optimizers(self, lr: float) -> None:
        """Fresh Adam states at a learning rate; for a new phase of training."""
        adam = torch.optim.Adam
        self.actor_optimizer = adam([self._flat_actor], lr=lr, fused=True)
        self.critic_optimizer = adam([self._flat_critics], lr=lr, fused=True)
        self.updates = 0

    def set_learning_rate(self, lr: float) -> None:
        """Change the learning rate of every optimizer."""
        for optimizer in (self.actor_optimizer, self.critic_optimizer):
            for group in optimizer.param_groups:
                group["lr"] = lr

    def learning_rate_at(self, progress: float) -> float:
        """Learning rate at a fraction of training in [0, 1]: constant, then geometric decay."""
        c = self.config
        late = max(0.0, progress - c.decay_from) / max(1 - c.decay_from, 1e-9)
        return c.lr * math.pow(c.final_lr / c.lr, late) if c.lr else 0.0

    @property
    def temperature(self) -> float:
        """alpha."""
        return self.log_temperature.exp().item()

    @torch.no_grad()
    def update(self, batch: Batch, noise: Tensor) -> None:
        """One gradient step of the critics, and every `policy_delay` of actor and temperature.

        noise: standard normal, (2, B, A).
        """
        # all networks whiten alike, see `set_observation_statistics`
        both = self.view.inputs(torch.cat([batch.next_obs, batch.obs]))
        next_inputs, inputs = self.actor.inputs(both).chunk(2)
        self._update_critics(batch, next_inputs, inputs, noise[0])
        if self.updates % self.config.policy_delay == 0:
            self._update_actor(batch.obs, inputs, noise[1])
        self.updates += 1

    def _update_critics(
        self, batch: Batch, next_inputs: Tensor, inputs: Tensor, noise: Tensor
    ) -> None:
        """Bellman error against the targets' minimum, Haarnoja et al. 2018b, eq. 5 and 6."""
        c = self.config
        output, log_prob = squash(*bound(self._actor.forward(next_inputs[None])[0]), noise)
        q = self._values(self._targets, batch.next_obs, next_inputs, output)
        value = self._least(q) - self.log_temperature.exp() * log_prob
        target = batch.reward + c.gamma * batch.alive * value
        taken = self.view.to_output(batch.obs, batch.action)
        error = self._run(self._critics, inputs, taken) - target
        self._critics.backward(error.div_(len(inputs))[..., None])
        self.critic_optimizer.step()
        self._flat_targets.lerp_(self._flat_critics, c.tau)

    def _least(self, q: Tensor) -> Tensor:
        """Minimum (B,) over all C critics (C, B), or over a random subset (REDQ, eq. 3)."""
        if self.config.subset:
            q = q[torch.randperm(len(q), generator=self.rng)[: self.config.subset]]
        return q.amin(0)

    def _update_actor(self, obs: Tensor, inputs: Tensor, noise: Tensor) -> None:
        """Eq. 9 for the actor, eq. 18 for the temperature (in log alpha)."""
        head = self._actor.forward(inputs[None])[0]
        output, log_prob = squash(*bound(head), noise)
        q = self._values(self._critics, obs, inputs, output)
        climbs = self._credit(q).div_(-len(inputs))[..., None]
        slope = self._critics.input_gradient(climbs, self.action_size).sum(0)
        bounded = self.view.slope(obs, output)
        slope = slope if bounded is None else slope * bounded
        by_log_prob = self.temperature / len(inputs)
        self._actor.backward(squash_gradient(head, noise, output, slope, by_log_prob)[None])
        self._temperature_grad.copy_(-self.target_entropy - log_prob.mean())
        self.actor_optimizer.step()
        actor = self._flat_actor[: len(self._flat_average)]
        self._flat_average.lerp_(actor, 1 - self.config.actor_average)

    def _credit(self, q: Tensor) -> Tensor:
        """Gradient (C, B) of the value that the actor climbs: the minimum, or REDQ's mean."""
        if self.config.subset:
            return torch.full_like(q, 1 / len(q))
        least = (q == q.amin(0)).to(q.dtype)
        return least.div_(least.sum(0))

    def _values(self, critics: Backprop, obs: Tensor, inputs: Tensor, output: Tensor) -> Tensor:
        """Q (C, B) of what an output becomes as an action."""
        return self._run(
            critics, inputs, self.view.to_output(obs, self.view.to_action(obs, output))
        )

    def _run(self, critics: Backprop, inputs: Tensor, output: Tensor) -> Tensor:
        x = torch.cat([inputs, output], -1)
        return critics.forward(x.expand(self.config.critics, *x.shape))[..., 0]

    def set_observation_statistics(self, obs: FloatArray) -> None:
        """Fix the networks' input whitening from observations (B, O)."""
        inputs = self.view.inputs(torch.as_tensor(obs)).numpy()
        for network in (self.actor, self.average, self.critics, self.targets):
            network.inputs.fit(inputs)
