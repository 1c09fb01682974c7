"""What a plan is worth: roll it out through every member of the ensemble, close with the value.

Shapes: N candidate plans, H horizon, E elite members, P particles of each plan (E of them unless
something else is chosen), O observation, A action.
"""

import torch
from torch import Tensor, nn

from robot_mbrl.contract.errors import PlannerError
from robot_mbrl.contract.task import Task
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.models.ensemble.planning_model import PlanningModel, planning_model
from robot_mbrl.networks.actor import Actor
from robot_mbrl.networks.critics import Critics
from robot_mbrl.networks.policy_view import PolicyView
from robot_mbrl.planners.objective.propagation import OWN_MEANS, Propagation
from robot_mbrl.planners.objective.scoring import Imagined


class Imagination(nn.Module):
    """Dynamics, reward, policy and value as one differentiable, traceable model of the task.

    Args:
        model: the ensemble; its elites are used (a copy of them), each propagating its own mean
            unless `propagation` says otherwise.
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
        model: DynamicsEnsemble | PlanningModel,
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
        self.model, self.task = planning_model(model), task
        self.actor, self.critics = actor, critics
        self.view = actor.view if isinstance(actor, Actor) else PolicyView(model.layout.size)
        self.gamma, self.disagreement_penalty = gamma, disagreement_penalty
        self.terminal_value, self.propagation = terminal_value, propagation

    def forward(self, obs: Tensor, plans: Tensor, proposals: int = 0) -> Imagined:
        """Score plans.

        Args:
            obs: (O,), or one for each plan, (N, O).
            plans: (N, H, A), outputs within [-1, 1], see networks/policy_view.py.
            proposals: in the first so many rows the policy chooses and the plan is added to its
                choice.

        Returns:
            Imagined. Raises PlannerError for proposals without a policy.
        """
        (n, horizon, _), particles = plans.shape, self.propagation.particles(self.model)
        planned = plans.permute(1, 2, 0)  # (H, A, N)
        x = obs.reshape(-1, obs.shape[-1]).T.expand(particles, -1, n)
        known = None if proposals or not self.view.direct else self._for_members(planned)
        states, executed, choices, means = [], [], [], []
        for h in range(horizon):
            if known is not None:
                choice = action = planned[h]
                shared = known[h]
            else:
                choice = self._choose(x, planned[h], proposals)
                action = self.view.to_action(x.mean(0).T, choice.T).T
                shared = action.expand(self.model.members, -1, -1)
            x, mean = self.propagation.step(self.model, x, shared, h)
            states.append(x)
            means.append(mean)
            executed.append(action)
            choices.append(choice)
        spreads = self.model.disagreement(torch.cat(means, -1)).reshape(horizon, n)
        score, value = self._score(torch.cat(states, -1), torch.stack(executed), spreads)
        chosen = plans if known is not None else torch.stack(choices).permute(2, 0, 1)
        return Imagined(chosen, score, spreads.T, value)

    def _for_members(self, planned: Tensor) -> tuple[Tensor, ...]:
        """Actions (H, A, N) that no state changes, for all members at once: (E, A, N) of each
        tick."""
        _, actions, n = planned.shape
        together = planned.reshape(1, -1, n).expand(self.model.members, -1, -1)
        return tuple(together.split(actions, 1))

    def _choose(self, x: Tensor, planned: Tensor, proposals: int) -> Tensor:
        """Choices (A, N): the plan, or the policy's at the particles' mean state plus the plan."""
        if not proposals:
            return planned
        if self.actor is None:
            raise PlannerError(f"{proposals} proposals asked of a model without a policy, use 0")
        policy = self.actor.output(x[..., :proposals].mean(0).T).T
        proposed = (policy + planned[:, :proposals]).clamp(-1.0, 1.0)
        return torch.cat([proposed, planned[:, proposals:]], -1)

    def _score(self, states: Tensor, actions: Tensor, spreads: Tensor) -> tuple[Tensor, Tensor]:
        """Score (N,): discounted reward up to termination, terminal value, penalty; and of that the
        terminal value. States (P, O, H N), actions (H, A, N), spreads (H, N)."""
        particles, (horizon, n) = len(states), spreads.shape
        reached = states.transpose(1, 2)
        applied = actions.transpose(1, 2).flatten(0, 1).expand(particles, -1, -1)
        reward = self.task.reward(reached, applied, xp=torch).reshape(particles, horizon, n)
        ended = self.task.terminated(reached, xp=torch).reshape(particles, horizon, n)
        ended = ended.to(reward.dtype).cumsum(1)
        alive = (torch.cat([torch.zeros_like(ended[:, :1]), ended], 1) < 0.5).to(reward.dtype)
        discount = self.gamma ** torch.arange(horizon + 1, dtype=reward.dtype)
        ret = (discount[:-1, None] * alive[:, :-1] * reward).sum(1).mean(0)
        value = torch.zeros_like(ret)
        if self.terminal_value and self.actor is not None and self.critics is not None:
            last = reached[:, -n:].flatten(0, 1)
            q = self.critics(last, self.actor.act(last)).mean(0).reshape(particles, n)
            value = (discount[-1] * alive[:, -1] * q).mean(0)
        score = ret + value - self.disagreement_penalty * spreads.sum(0)
        score = torch.where(torch.isfinite(score), score, torch.full_like(score, -torch.inf))
        return score, value
