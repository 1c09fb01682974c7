"""What a plan is worth: roll it out through every member of the ensemble, close with the value.

Shapes: N candidate plans, H horizon, E elite members, P particles of each plan (E of them unless
something else is chosen), O observation, A action.
"""

import torch
from torch import Tensor, nn

from robot_mbrl.agents.sac import Actor, Critics
from robot_mbrl.agents.view import View
from robot_mbrl.contract.errors import PlannerError
from robot_mbrl.models.ensemble import DynamicsEnsemble
from robot_mbrl.planners.propagation import OWN_MEANS, Propagation
from robot_mbrl.planners.scoring import Imagined
from robot_mbrl.tasks import Task


class Imagination(nn.Module):
    """Dynamics, reward, policy and value as one differentiable, traceable model of the task.

    Args:
        model: the ensemble; its elites are used (a copy that holds only them), each propagating its
            own mean unless `propagation` says otherwise.
        task: reward and termination.
        actor: proposes actions and closes the horizon; None without a policy.
        critics: terminal value; their mean, as in TD-MPC2; None without a value.
        gamma: discount per tick.
        disagreement_penalty: score lost per unit of disagreement and step.
        terminal_value: False plans on the summed reward alone.
        propagation: how the uncertainty of each step is carried on to the next; drawn for the
            elites and for at least the horizon of the plans, see propagation.py.
    """

    def __init__(
        self,
        model: DynamicsEnsemble,
        task: Task,
        actor: Actor | None,
        critics: Critics | None,
        *,
        gamma: float,
        disagreement_penalty: float,
        terminal_value: bool = True,
        propagation: Propagation = OWN_MEANS,
    ) -> None:
        super().__init__()
        if terminal_value and (actor is None or critics is None):
            raise PlannerError(
                "a terminal value needs a policy and critics; set terminal_value=False without them"
            )
        self.model, self.task = model.elite_model(), task
        self.actor, self.critics = actor, critics
        self.view = actor.view if isinstance(actor, Actor) else View(model.layout.size)
        self.gamma, self.disagreement_penalty = gamma, disagreement_penalty
        self.terminal_value, self.propagation = terminal_value, propagation

    def forward(self, obs: Tensor, plans: Tensor, proposals: int = 0) -> Imagined:
        """Score plans.

        Args:
            obs: (O,), or one for each plan, (N, O).
            plans: (N, H, A), choices within [-1, 1], see agents.view.
            proposals: in the first so many rows the policy chooses and the plan is added to its
                choice.

        Returns:
            Imagined. Raises PlannerError for proposals without a policy.
        """
        n, horizon, _ = plans.shape
        x = obs.expand(self.propagation.particles(self.model), n, obs.shape[-1])
        states, actions, choices, means = [], [], [], []
        for h in range(horizon):
            choice = self._choose(x, plans[:, h], proposals)
            action = self.view.act(x.mean(0), choice)
            x, mean = self.propagation.step(self.model, x, action, h)
            means.append(mean)
            states.append(x)
            actions.append(action)
            choices.append(choice)
        spreads = self.model.disagreement(torch.stack(means, 1))
        score, value = self._score(torch.stack(states), torch.stack(actions), spreads)
        return Imagined(torch.stack(choices, 1), score, spreads.transpose(0, 1), value)

    def _choose(self, x: Tensor, planned: Tensor, proposals: int) -> Tensor:
        """Choices (N, A): the plan, or the policy's at the particles' mean state plus the plan."""
        if not proposals:
            return planned
        if self.actor is None:
            raise PlannerError(f"{proposals} proposals asked of a model without a policy, use 0")
        policy = self.actor.choose(x[:, :proposals].mean(0))
        proposed = (policy + planned[:proposals]).clamp(-1.0, 1.0)
        return torch.cat([proposed, planned[proposals:]])

    def _score(self, states: Tensor, actions: Tensor, spreads: Tensor) -> tuple[Tensor, Tensor]:
        """Score (N,): discounted reward up to termination, terminal value, penalty; and of that the
        terminal value. States (H, P, N, O)."""
        horizon, particles, n, _ = states.shape
        reward = self.task.reward(states, actions[:, None].expand(-1, particles, -1, -1), xp=torch)
        ended = self.task.terminated(states, xp=torch).to(reward.dtype).cumsum(0)
        alive = (torch.cat([torch.zeros_like(ended[:1]), ended]) < 0.5).to(reward.dtype)
        discount = self.gamma ** torch.arange(horizon + 1, dtype=reward.dtype)
        ret = (discount[:-1, None, None] * alive[:-1] * reward).sum(0).mean(0)
        value = torch.zeros_like(ret)
        if self.terminal_value and self.actor is not None and self.critics is not None:
            last = states[-1].reshape(particles * n, -1)
            q = self.critics(last, self.actor.act(last)).mean(0).reshape(particles, n)
            value = (discount[-1] * alive[-1] * q).mean(0)
        score = ret + value - self.disagreement_penalty * spreads.sum(0)
        score = torch.where(torch.isfinite(score), score, torch.full_like(score, -torch.inf))
        return score, value
