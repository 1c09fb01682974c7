"""Cross-entropy method over action sequences, warm-started and seeded by a policy."""

from dataclasses import dataclass

import torch
from torch import Tensor

from robot_mbrl.planners.imagination import Imagination


@dataclass(frozen=True)
class CemConfig:
    """Settings of the planner."""

    horizon: int = 6
    """H, ticks looked ahead; the terminal value stands for the rest"""
    candidates: int = 48
    """N, plans per iteration"""
    iterations: int = 2
    """I, rounds of sampling and refitting"""
    elites: int = 6
    """plans the distribution is refitted to"""
    proposals: int = 24
    """plans of the first round in which the policy acts"""
    sigma: float = 0.4
    """standard deviation of the first round's noise, in action units"""
    proposal_sigma: float = 0.2
    """standard deviation of the noise around the policy's actions"""
    min_sigma: float = 0.05
    """floor of the refitted standard deviation"""


@dataclass(frozen=True)
class Planned:
    """The result: plan (H, A), its score (), its terminal value (), and disagreement (H,)."""

    plan: Tensor
    score: Tensor
    value: Tensor
    disagreement: Tensor


def plan_cem(
    imagination: Imagination, obs: Tensor, plan: Tensor, noise: Tensor, config: CemConfig
) -> Planned:
    """Improve a plan.

    Args:
        imagination: scores plans.
        obs: (O,).
        plan: the warm start, (H, A).
        noise: standard normal, (I, N, H, A); the same noise gives the same plan.
        config: settings.

    Returns:
        The mean of the last elites (with a learned model the mean is safer than the best sample,
        which exploits the model's errors); the score is -inf when no plan was usable.
    """
    mean, std = plan, torch.full_like(plan, config.sigma)
    kept, kept_score = plan[None][:0], plan.new_zeros(0)
    for i in range(config.iterations):
        # The mean itself is always a candidate, however few there are.
        proposals = min(config.proposals, config.candidates - 1) if i == 0 else 0
        imagined = imagination(obs, _sample(mean, std, noise[i], proposals, config), proposals)
        plans, score = imagined.plans, imagined.score
        if i > 0:
            plans, score = torch.cat([plans, kept]), torch.cat([score, kept_score])
        kept_score, index = torch.topk(score, min(config.elites, config.candidates))
        # A plan with score -inf must not pull the mean, even when fewer than `elites` are usable;
        # nor may it be multiplied by weight 0, as it can be NaN itself.
        good = torch.isfinite(kept_score)[:, None, None]
        kept = torch.where(good, plans[index], 0.0)
        weight = good.to(kept.dtype)
        total = weight.sum().clamp(min=1.0)
        mean = (weight * kept).sum(0) / total
        std = ((weight * (kept - mean) ** 2).sum(0) / total).sqrt().clamp(min=config.min_sigma)
    final = imagination(obs, mean[None])
    usable = torch.isfinite(kept_score[0])
    score = torch.where(usable, final.score[0], torch.full_like(final.score[0], -torch.inf))
    return Planned(mean, score, final.value[0], final.disagreement[0])


def _sample(mean: Tensor, std: Tensor, noise: Tensor, proposals: int, config: CemConfig) -> Tensor:
    """Candidates (N, H, A); proposal rows hold noise around the policy, the first of them none, and
    the row after them is the mean itself."""
    n = len(noise)
    silent = torch.ones(n, 1, 1)
    silent[proposals] = 0.0
    free = (mean + std * noise * silent).clamp(-1.0, 1.0)
    if not proposals:
        return free
    silent[0] = 0.0
    around_policy = config.proposal_sigma * noise * silent
    return torch.cat([around_policy[:proposals], free[proposals:]])


def shift(plan: Tensor) -> Tensor:
    """The plan one tick later: dropped first action, last one repeated."""
    return torch.cat([plan[1:], plan[-1:]])
