"""Model predictive path integral control (Williams et al. 2017): the mean of all candidates,
weighted by the exponential of their score.

The temperature is relative to how much scores differ among the better half of the candidates, so
that it means the same for every task and reward scale. The paper's control cost is left out: the
reward already has its own.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from robot_mbrl.contract.errors import check_range
from robot_mbrl.planners.objective.scoring import ScoringModel, score_plans
from robot_mbrl.planners.search.sampling import Planned, finish, finite_or_zero, sample


@dataclass(frozen=True)
class MppiConfig:
    """Settings of the planner."""

    horizon: int = 6
    """H, ticks looked ahead; the terminal value stands for the rest"""
    candidates: int = 48
    """N, plans per iteration"""
    iterations: int = 2
    """I, rounds of sampling and averaging"""
    proposals: int = 24
    """plans of the first round in which the policy acts"""
    sigma: float = 0.4
    """standard deviation of the noise, in action units"""
    proposal_sigma: float = 0.2
    """standard deviation of the noise around the policy's actions"""
    sigma_decay: float = 0.5
    """factor on sigma from round to round; 1 is the paper's"""
    temperature: float = 0.1
    """score difference at which a weight falls to 1/e, as a share of the difference between the
    best and the median candidate"""

    def __post_init__(self) -> None:
        check_range(self, 1, 1000, "horizon", "iterations")
        check_range(self, 1, 1e5, "candidates")
        check_range(self, 0, 1e5, "proposals")
        check_range(self, 0, 1e3, "sigma", "proposal_sigma", "sigma_decay")
        check_range(self, 1e-9, 1e9, "temperature")


def plan_mppi(
    model: ScoringModel, obs: Tensor, plan: Tensor, noise: Tensor, config: MppiConfig
) -> Planned:
    """Improve a plan; arguments as in `plan_cem`. A warm start that is not finite counts as
    zeros."""
    mean = finite_or_zero(plan)
    usable = torch.isfinite(mean[..., 0, 0])
    for i in range(config.iterations):
        proposals = min(config.proposals, config.candidates - 1) if i == 0 else 0
        candidates = sample(
            mean,
            torch.full_like(mean, config.sigma * config.sigma_decay**i),
            noise.select(-4, i),
            proposals=proposals,
            proposal_sigma=config.proposal_sigma,
        )
        imagined = score_plans(model, obs, candidates, proposals)
        weight = weights(imagined.score, config.temperature)
        usable = weight.sum(-1) > 0
        # Weight 0 does not silence a NaN.
        plans = torch.where(weight[..., None, None] > 0, imagined.plans, 0.0)
        mean = (weight[..., None, None] * plans).sum(-3)
    return finish(model, obs, mean, usable)


def weights(score: Tensor, temperature: float) -> Tensor:
    """Weights (..., N) that sum to 1, or to 0 where no score (..., N) is finite.

    Unchanged when all scores are scaled or shifted alike.
    """
    half, _ = torch.topk(score, (score.shape[-1] + 1) // 2)
    best = half[..., :1]
    best = torch.where(torch.isfinite(best), best, torch.zeros_like(best))
    worst = torch.where(torch.isfinite(half), half, best).amin(-1, keepdim=True)
    # All alike or no temperature: the floor is far below what differs in single precision.
    scale = (temperature * (best - worst)).clamp(min=1e-12)
    weight = torch.exp((score - best) / scale)
    return weight / weight.sum(-1, keepdim=True).clamp(min=1e-12)
