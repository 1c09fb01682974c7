"""Cross-entropy method over action sequences, warm-started and seeded by a policy."""

from dataclasses import dataclass

import torch
from torch import Tensor

from robot_mbrl.contract.errors import check_range
from robot_mbrl.planners.objective.scoring import ScoringModel, score_plans
from robot_mbrl.planners.search.sampling import Planned, finish, refit, sample


@dataclass(frozen=True)
class CemConfig:
    """Settings of the planner."""

    horizon: int = 1
    """H, ticks looked ahead; the terminal value stands for the rest, and was learned on measured
    states: imagined ones, without their noise, it overrates the more the further they lie ahead"""
    candidates: int = 24
    """N, plans per iteration"""
    iterations: int = 2
    """I, rounds of sampling and refitting"""
    elites: int = 4
    """plans the distribution is refitted to"""
    proposals: int = 12
    """plans of the first round in which the policy acts"""
    sigma: float = 0.05
    """standard deviation of the first round's noise, in action units; a wide search also
    finds where model and value are wrong"""
    proposal_sigma: float = 0.03
    """standard deviation of the noise around the policy's actions"""
    min_sigma: float = 0.02
    """floor of the refitted standard deviation"""

    def __post_init__(self) -> None:
        check_range(self, 1, 1000, "horizon", "iterations")
        check_range(self, 1, 1e5, "candidates")
        check_range(self, 1, 1e5, "elites")
        check_range(self, 0, 1e5, "proposals")
        check_range(self, 0, 1e3, "sigma", "proposal_sigma", "min_sigma")


def plan_cem(
    model: ScoringModel, obs: Tensor, plan: Tensor, noise: Tensor, config: CemConfig
) -> Planned:
    """Improve a plan.

    Args:
        model: scores plans.
        obs: (..., O); leading dimensions are robots, each planned for by itself.
        plan: the warm start, (..., H, A).
        noise: standard normal, (..., I, N, H, A); the same noise gives the same plan.
        config: settings.

    Returns:
        The mean of the last elites (with a learned model the mean is safer than the best sample,
        which exploits the model's errors); the score is -inf when no plan was usable.
    """
    mean, std = plan, torch.full_like(plan, config.sigma)
    kept, kept_score = plan.unsqueeze(-3)[..., :0, :, :], plan[..., 0, 0].unsqueeze(-1)[..., :0]
    for i in range(config.iterations):
        # The mean itself is always a candidate, however few there are.
        proposals = min(config.proposals, config.candidates - 1) if i == 0 else 0
        candidates = sample(
            mean,
            std,
            noise.select(-4, i),
            proposals=proposals,
            proposal_sigma=config.proposal_sigma,
        )
        imagined = score_plans(model, obs, candidates, proposals)
        elites = refit(
            torch.cat([imagined.plans, kept], -3),
            torch.cat([imagined.score, kept_score], -1),
            min(config.elites, config.candidates),
        )
        kept, kept_score = elites.plans, elites.score
        mean, std = elites.mean, elites.std.clamp(min=config.min_sigma)
    return finish(model, obs, mean, torch.isfinite(kept_score[..., 0]))
