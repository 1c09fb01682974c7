"""Random shooting around the warm start: one round of samples, the best of them wins.

Also known as predictive sampling (Howell et al. 2022). It is the yardstick: a planner that does not
beat it at equal model rows is not worth its code.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from robot_mbrl.contract.errors import check_range
from robot_mbrl.planners.objective.scoring import ScoringModel, score_plans
from robot_mbrl.planners.search.sampling import Planned, finite_or_zero, pick, sample


@dataclass(frozen=True)
class RandomShootingConfig:
    """Settings of the planner."""

    horizon: int = 6
    """H, ticks looked ahead; the terminal value stands for the rest"""
    candidates: int = 96
    """N, plans scored"""
    proposals: int = 24
    """plans in which the policy acts"""
    sigma: float = 0.4
    """standard deviation of the noise around the warm start, in action units"""
    proposal_sigma: float = 0.2
    """standard deviation of the noise around the policy's actions"""

    def __post_init__(self) -> None:
        check_range(self, 1, 1000, "horizon")
        check_range(self, 1, 1e5, "candidates")
        check_range(self, 0, 1e5, "proposals")
        check_range(self, 0, 1e3, "sigma", "proposal_sigma")

    @property
    def iterations(self) -> int:
        """I = 1, the rounds of noise the planner takes."""
        return 1


def plan_random_shooting(
    model: ScoringModel, obs: Tensor, plan: Tensor, noise: Tensor, config: RandomShootingConfig
) -> Planned:
    """The best of the candidates around the warm start, which is one of them, and the policy's.

    Arguments as in `plan_cem`, with noise (..., 1, N, H, A). A warm start that is not finite counts
    as zeros.
    """
    mean = finite_or_zero(plan)
    proposals = min(config.proposals, config.candidates - 1)
    candidates = sample(
        mean,
        torch.full_like(mean, config.sigma),
        noise.select(-4, 0),
        proposals=proposals,
        proposal_sigma=config.proposal_sigma,
    )
    imagined = score_plans(model, obs, candidates, proposals)
    score, index = torch.topk(imagined.score, 1)
    best = pick(imagined.plans, index)[..., 0, :, :]
    return Planned(
        plan=torch.where(torch.isfinite(score)[..., None], best, torch.zeros_like(best)),
        score=score[..., 0],
        value=torch.gather(imagined.value, -1, index)[..., 0],
        disagreement=pick(imagined.disagreement.unsqueeze(-1), index)[..., 0, :, 0],
    )
