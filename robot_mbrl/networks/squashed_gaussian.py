"""The policy's density, Haarnoja et al. 2018b, appendix C: tanh(u) with u ~ N(mean, std)."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

LOG_STD_MIN, LOG_STD_MAX = -5.0, 2.0


def squash(mean: Tensor, log_std: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Choice (B, A) made from standard normal noise (B, A), and its log-probability (B,).

    log pi = log N(u) - sum log(1 - tanh(u)^2), with log(1 - tanh(u)^2) as
    2 (log 2 - u - softplus(-2u)), which does not overflow.
    """
    u = torch.addcmul(mean, log_std.exp(), noise)
    surprise = torch.addcmul(log_std, noise, noise, value=0.5)  # -log N(u) but for a constant
    spread = torch.sub(surprise, u + F.softplus(-2 * u), alpha=2)
    constant = u.shape[-1] * (2 * math.log(2) + 0.5 * math.log(2 * math.pi))
    return torch.tanh(u), -constant - spread.sum(-1)


def squash_gradient(
    head: Tensor, noise: Tensor, choice: Tensor, choice_slope: Tensor, log_prob_slope: float
) -> Tensor:
    """Gradient (B, 2A) of the actor's head [mean, log-std before its bounds] (B, 2A).

    Args:
        head: what the choice was made from, see `bound`.
        noise: the same as in `squash`.
        choice: its result, (B, A).
        choice_slope: gradient of the choice, (B, A).
        log_prob_slope: gradient of each row's log-probability, a number for all of them.

    With d tanh(u) / du = 1 - tanh(u)^2, d log pi / du = 2 tanh(u) and d u / d log-std = std noise.
    """
    raw = head.chunk(2, -1)[1]
    log_std = raw.clamp(LOG_STD_MIN, LOG_STD_MAX)
    slope = torch.addcmul(choice_slope, choice, choice_slope * choice, value=-1)
    slope.add_(choice * (2 * log_prob_slope))
    log_std_slope = slope * log_std.exp() * noise - log_prob_slope
    return torch.cat([slope, log_std_slope * (raw == log_std)], -1)


def bound(head: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log-std (B, A) of the actor's head (B, 2A)."""
    mean, log_std = head.chunk(2, -1)
    return mean, log_std.clamp(LOG_STD_MIN, LOG_STD_MAX)
