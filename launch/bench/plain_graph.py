"""The controller's graph as one would first write it: the reference implementation of
`bench planner` that is exported.

Rows of candidates first and columns last, whitening, layers and scale one after the other, reward
and termination step by step. It plans the same with the same noise; a test holds it to that.
"""

import torch
from torch import Tensor, nn

from robot_mbrl.contract.task import Task
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.models.ensemble.uncertainty import mixture
from robot_mbrl.planners.objective.scoring import Imagined
from robot_mbrl.planners.search.cem import CemConfig, plan_cem
from robot_mbrl.planners.search.sampling import shift


class PlainGraph(nn.Module):
    """CEM on an ensemble of plain columns, without policy and value; inputs and outputs as of
    `PlannerModule`.

    Args:
        model: the ensemble; all its members are used.
        task: reward and termination.
        planner: settings of the planner.
        gamma: discount per tick.
        penalty: score lost per unit of disagreement and step.
    """

    def __init__(
        self,
        model: DynamicsEnsemble,
        task: Task,
        planner: CemConfig,
        *,
        gamma: float,
        penalty: float,
    ) -> None:
        super().__init__()
        self.model, self.task, self.planner = model, task, planner
        self.gamma, self.penalty = gamma, penalty

    def forward(self, observation: Tensor, plan: Tensor, noise: Tensor) -> tuple[Tensor, ...]:
        """One tick of control."""
        planned = plan_cem(self.score, observation, plan, noise, self.planner)
        obs, action = (self.model.spread(x[None]) for x in (observation, planned.plan[0]))
        dq, sigma = mixture(*self.model.increments(obs, action), self.model.spread_scale)
        mean = self.model.layout.advance(observation[None], dq, action[0], xp=torch)
        return (
            planned.plan[0],
            shift(planned.plan),
            mean[0],
            sigma[0],
            planned.disagreement,
            planned.score,
        )

    def score(self, obs: Tensor, plans: Tensor, proposals: int = 0) -> Imagined:
        """Plans (N, H, A) from an observation (O,); without a policy there are no proposals."""
        x = self.model.spread(obs.expand(len(plans), -1))
        alive = torch.ones(x.shape[:-1])
        ret = torch.zeros_like(alive)
        spreads = []
        for h in range(plans.shape[1]):
            action = self.model.spread(plans[:, h])
            dq, _ = self.model.increments(x, action)
            x = self.model.layout.advance(x, dq, action, xp=torch)
            ret = ret + self.gamma**h * alive * self.task.reward(x, action, xp=torch)
            alive = alive * (~self.task.terminated(x, xp=torch)).to(alive.dtype)
            spreads.append(self.model.disagreement(dq))
        spread = torch.stack(spreads, -1)
        score = ret.mean(0) - self.penalty * spread.sum(-1)
        return Imagined(plans, score, spread, torch.zeros_like(score))
