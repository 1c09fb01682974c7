"""iCEM, the sample-efficient cross-entropy method of Pinneri et al. 2020 (arXiv:2008.06389).

On top of CEM: noise with a 1/f^beta spectrum over the horizon, so that candidates push in one
direction for a while instead of trembling; populations that shrink from round to round; a share of
the elites kept, over rounds and (by `kept`) over ticks; the mean as a candidate in the last round
only, where it cannot narrow the distribution; an update with momentum.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from robot_mbrl.contract.errors import check_range
from robot_mbrl.planners.objective.scoring import ScoringModel, score_plans
from robot_mbrl.planners.search.sampling import (
    Planned,
    finish,
    finite_or_zero,
    refit,
    sample,
    shift,
)


@dataclass(frozen=True)
class IcemConfig:
    """Settings of the planner."""

    horizon: int = 6
    """H, ticks looked ahead; the terminal value stands for the rest"""
    candidates: int = 52
    """N, plans of the first round"""
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
    beta: float = 2.0
    """color of the noise: power falls with frequency as 1/f^beta; 0 is white"""
    decay: float = 1.25
    """each round has so many times fewer candidates, but at least twice the elites"""
    keep: float = 0.3
    """share of the elites that compete again in the next round and at the next tick"""
    momentum: float = 0.1
    """share of the old mean and standard deviation in the refitted ones"""
    execute_best: bool = False
    """return the best plan seen, as the paper does with true dynamics, instead of the mean, which
    exploits a learned model's errors less"""

    def __post_init__(self) -> None:
        check_range(self, 1, 1000, "horizon", "iterations")
        check_range(self, 1, 1e5, "candidates")
        check_range(self, 1, 1e5, "elites")
        check_range(self, 0, 1e5, "proposals")
        check_range(self, 0, 1e3, "sigma", "proposal_sigma", "min_sigma")
        check_range(self, 1, 1e3, "decay")
        check_range(self, 0, 1, "keep", "momentum")


@dataclass(frozen=True)
class IcemPlanned(Planned):
    """The result, with the elites kept for the next tick, (..., K, H, A), not yet shifted."""

    kept: Tensor


def plan_icem(
    model: ScoringModel,
    obs: Tensor,
    plan: Tensor,
    noise: Tensor,
    config: IcemConfig,
    kept: Tensor | None = None,
) -> IcemPlanned:
    """Improve a plan.

    Args:
        model, obs, plan, noise: as in `plan_cem`; a warm start that is not finite counts as zeros.
        config: settings.
        kept: `kept` of the last tick, (..., K, H, A); shifted here, they compete in the first
            round. None: the warm start stands in for them (the exported controller carries only
            the plan).
    """
    mean = finite_or_zero(plan)
    std = torch.full_like(mean, config.sigma)
    noise = color(noise, config.beta)
    kept = mean.unsqueeze(-3) if kept is None else shift(finite_or_zero(kept))
    for i, n in enumerate(populations(config)):
        proposals = min(config.proposals, n - 1) if i == 0 else 0
        candidates = sample(
            mean,
            std,
            noise.select(-4, i)[..., :n, :, :],
            proposals=proposals,
            proposal_sigma=config.proposal_sigma,
            with_mean=i == config.iterations - 1,
        )
        # What was kept is scored again: it costs few rows and needs no second way into the model.
        imagined = score_plans(model, obs, torch.cat([candidates, kept], -3), proposals)
        elites = refit(imagined.plans, imagined.score, min(config.elites, n))
        kept = elites.plans[..., : round(config.keep * config.elites), :, :]
        mean = config.momentum * mean + (1 - config.momentum) * elites.mean
        std = config.momentum * std + (1 - config.momentum) * elites.std
        std = std.clamp(min=config.min_sigma)
    chosen = elites.plans[..., 0, :, :] if config.execute_best else mean
    planned = finish(model, obs, chosen.clamp(-1.0, 1.0), torch.isfinite(elites.score[..., 0]))
    return IcemPlanned(**vars(planned), kept=kept)


def populations(config: IcemConfig) -> list[int]:
    """Candidates of each round: N decay^-i, at least twice the elites and at most N."""
    n = config.candidates
    shrunk = [round(n * config.decay**-i) for i in range(config.iterations)]
    return [min(n, max(2 * config.elites, few)) for few in shrunk]


def color(noise: Tensor, beta: float) -> Tensor:
    """White noise (..., H, A) to noise of unit variance whose power falls as 1/f^beta over H.

    A product with a fixed matrix, so that it traces: the symmetric circulant root of the spectrum.
    As in the paper the frequency 0 has the power of the lowest one.
    """
    horizon = noise.shape[-2]
    matrix = color_matrix(int(horizon), beta).to(noise)
    return (noise.transpose(-1, -2) @ matrix).transpose(-1, -2)


def color_matrix(horizon: int, beta: float) -> Tensor:
    """C (H, H) with C C' the covariance of the noise: circulant, diagonal 1."""
    steps = torch.arange(horizon, dtype=torch.float64)
    frequency = torch.minimum(steps, horizon - steps).clamp(min=1.0)
    power = frequency**-beta
    amplitude = (power / power.mean()).sqrt()
    angle = 2 * torch.pi * steps[:, None] * steps / horizon
    kernel = (amplitude * angle.cos()).mean(-1)
    lag = (steps[:, None] - steps).remainder(horizon).long()
    return kernel[lag]
