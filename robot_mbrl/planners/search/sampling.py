"""What the sampling planners share: draw candidates, refit to the best, hand over to the next tick.

Shapes: N candidate plans, K elites, H horizon, O observation, A action; `...` is a batch of robots,
or empty.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from robot_mbrl.planners.objective.scoring import ScoringModel, score_plans


@dataclass(frozen=True)
class Planned:
    """The result of every planner.

    Attributes:
        plan: (..., H, A) in [-1, 1].
        score: its expected discounted return (...); -inf when no candidate was usable, and the plan
            must then not be executed.
        value: the terminal value's part in the score, (...).
        disagreement: of the model along the plan, (..., H).
    """

    plan: Tensor
    score: Tensor
    value: Tensor
    disagreement: Tensor


@dataclass(frozen=True)
class Elites:
    """The best candidates: plans (..., K, H, A) with the best first, their score (..., K), and mean
    and standard deviation (..., H, A) over those of them that are usable."""

    plans: Tensor
    score: Tensor
    mean: Tensor
    std: Tensor


def sample(
    mean: Tensor,
    std: Tensor,
    noise: Tensor,
    *,
    proposals: int,
    proposal_sigma: float,
    with_mean: bool = True,
) -> Tensor:
    """Candidates (..., N, H, A) around a mean (..., H, A), from noise (..., N, H, A).

    Proposal rows hold what is added to the policy's actions; in the first of them that is nothing.
    The row after them is the mean itself.
    """
    silent = noise.new_ones(noise.shape[-3], 1, 1)
    if with_mean:
        silent[proposals] = 0.0
    free = (mean.unsqueeze(-3) + std.unsqueeze(-3) * noise * silent).clamp(-1.0, 1.0)
    if not proposals:
        return free
    silent[0] = 0.0
    around_policy = proposal_sigma * noise * silent
    return torch.cat([around_policy[..., :proposals, :, :], free[..., proposals:, :, :]], -3)


def refit(plans: Tensor, score: Tensor, count: int) -> Elites:
    """The best `count` of plans (..., N, H, A) by score (..., N), and their distribution.

    A plan with score -inf must not pull the mean, even when fewer than `count` are usable; nor may
    it be multiplied by weight 0, as it can be NaN itself. The standard deviation is that of the
    population: one elite has 0, not NaN.
    """
    best, index = torch.topk(score, count)
    good = torch.isfinite(best)[..., None, None]
    kept = torch.where(good, pick(plans, index), 0.0)
    weight = good.to(kept.dtype)
    total = weight.sum(-3).clamp(min=1.0)
    mean = (weight * kept).sum(-3) / total
    std = ((weight * (kept - mean.unsqueeze(-3)) ** 2).sum(-3) / total).sqrt()
    return Elites(kept, best, mean, std)


def pick(plans: Tensor, index: Tensor) -> Tensor:
    """Rows `index` (..., K) of plans (..., N, H, A)."""
    if index.dim() == 1:
        return plans[index]
    spread = index[..., None, None].expand(*index.shape, *plans.shape[-2:])
    return torch.gather(plans, -3, spread)


def finish(model: ScoringModel, obs: Tensor, plan: Tensor, usable: Tensor) -> Planned:
    """Score the plan (..., H, A) that was decided on; -inf where `usable` (...) is false."""
    final = score_plans(model, obs, plan.unsqueeze(-3))
    score = final.score[..., 0]
    score = torch.where(usable, score, torch.full_like(score, -torch.inf))
    return Planned(plan, score, final.value[..., 0], final.disagreement[..., 0, :])


def finite_or_zero(plan: Tensor) -> Tensor:
    """A warm start that is not finite is none."""
    return torch.where(torch.isfinite(plan), plan, torch.zeros_like(plan))


def shift(plan: Tensor) -> Tensor:
    """A plan (..., H, A) one tick later: dropped first action, last one repeated."""
    return torch.cat([plan[..., 1:, :], plan[..., -1:, :]], -2)
