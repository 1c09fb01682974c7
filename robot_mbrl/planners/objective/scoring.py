"""What planners plan on: anything that scores plans. Here is the one call and its guard.

Shapes: N candidate plans, H horizon, O observation, A action; `...` is a batch of robots, or empty.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True)
class Imagined:
    """The outcome of N plans.

    Attributes:
        plans: what was executed, (N, H, A); differs from the input where the policy chose.
        score: expected discounted return, (N,); -inf where anything was not finite.
        disagreement: root mean square spread of the members' increments per step, (N, H).
        value: the terminal value's part in `score`, (N,).
    """

    plans: Tensor
    score: Tensor
    disagreement: Tensor
    value: Tensor


class ScoringModel(Protocol):
    """A model of the task: the ensemble's Imagination, or a linear plant in a test."""

    def __call__(self, obs: Tensor, plans: Tensor, proposals: int = 0) -> Imagined:
        """Score plans (N, H, A) from one observation (O,), or from one for each plan, (N, O).

        In the first `proposals` rows the model's policy acts and the plan is added to its action.
        """


def score_plans(model: ScoringModel, obs: Tensor, plans: Tensor, proposals: int = 0) -> Imagined:
    """Score the plans (..., N, H, A) of each robot from its observation (..., O).

    All robots go through the model in one call. A plan that is not finite, or whose score is not,
    scores -inf: NaN would be the largest of all numbers to `topk`.
    """
    batch = obs.shape[:-1]
    imagined = _score_batch(model, obs, plans, proposals) if batch else model(obs, plans, proposals)
    # A model may forget a NaN (a clamp does in some runtimes), so the plan is looked at as well.
    sound = torch.isfinite(imagined.score + imagined.plans.sum((-2, -1)))
    score = torch.where(sound, imagined.score, torch.full_like(imagined.score, -torch.inf))
    return Imagined(imagined.plans, score, imagined.disagreement, imagined.value)


def _score_batch(model: ScoringModel, obs: Tensor, plans: Tensor, proposals: int) -> Imagined:
    """Rows in the order plan, robot, so that the proposals of all robots come first."""
    batch, robots = obs.shape[:-1], math.prod(obs.shape[:-1])
    n = plans.shape[-3]
    rows = plans.reshape(robots, *plans.shape[-3:]).transpose(0, 1).flatten(0, 1)
    imagined = model(obs.reshape(robots, -1).repeat(n, 1), rows, proposals * robots)

    def by_robot(x: Tensor) -> Tensor:
        return x.reshape(n, robots, *x.shape[1:]).transpose(0, 1).reshape(*batch, n, *x.shape[1:])

    return Imagined(
        by_robot(imagined.plans),
        by_robot(imagined.score),
        by_robot(imagined.disagreement),
        by_robot(imagined.value),
    )
