"""Are predicted spreads true? Coverage, likelihood, and the scale that mends them.

A Gaussian prediction is calibrated when its central p intervals hold a share p of what really
happens, for every p. All functions work per column on held-out errors (B, J).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from robot_mbrl.contract.arrays import FloatArray, check_finite, check_shape
from robot_mbrl.contract.errors import DataError

NOISE_RANGE = (0.2, 5.0)  # of factors on predicted noise
LEVELS = (*(k / 20 for k in range(1, 20)), 0.975, 0.99)


def half_width(level: float) -> float:
    """Half the width of a normal's central interval of probability `level`, in sigma; 0.9: 1.645.

    Raises DataError unless 0 < level < 1.
    """
    if not 0 < level < 1:
        raise DataError(f"coverage level is {level}, expected between 0 and 1, e.g. 0.9")
    return float(torch.distributions.Normal(0.0, 1.0).icdf(torch.tensor((1 + level) / 2)).item())


def coverage_curve(
    error: FloatArray, std: FloatArray, levels: Sequence[float] = LEVELS
) -> FloatArray:
    """Share of errors within the central interval of each level, (levels, J).

    Args:
        error: observed - predicted, (B, J).
        std: predicted standard deviation, (B, J), above 0.
        levels: probabilities of the intervals.

    Raises ShapeError, NotFiniteError.
    """
    z = np.abs(_checked(error, std)) / std
    widths = np.array([half_width(level) for level in levels])
    return np.stack([(z <= width).mean(0) for width in widths])


def gaussian_nll(error: FloatArray, std: FloatArray) -> FloatArray:
    """Mean negative log-likelihood per column, (J,), in nats; std (B, J) like error (B, J).

    For errors that are N(0, s^2) and a prediction of s it is log(s) + (1 + log 2 pi) / 2, the least
    that any prediction reaches. Raises ShapeError, NotFiniteError.
    """
    z = _checked(error, std) / std
    nll: FloatArray = (0.5 * z**2 + np.log(std) + 0.5 * np.log(2 * np.pi)).mean(0)
    return nll


@dataclass(frozen=True)
class IntervalScale:
    """Factors (J,) on the predicted noise and on the members' spread."""

    noise: FloatArray
    spread: FloatArray


def interval_scale(
    error: FloatArray, noise: FloatArray, spread: FloatArray, level: float
) -> IntervalScale:
    """Factors with which intervals of `level` cover that share of rows.

    Row by row the interval reaches the truth when (error / half_width)^2 <= s^2 noise + c^2 spread.
    The noise is scaled, within NOISE_RANGE, and the spread left alone. Only where noise as small as
    that still covers more, c falls below 1: members that err each in its own way spread wider than
    their mean errs, and without noise nothing hides that.

    Args:
        error: observed - predicted, (B, J).
        noise: aleatoric variance, (B, J).
        spread: epistemic variance, (B, J).
        level: wanted coverage.
    """
    wanted = (error / half_width(level)) ** 2
    needed = np.sqrt(np.quantile((wanted - spread) / noise, level, axis=0).clip(0))
    s = needed.clip(*NOISE_RANGE)
    c, wide = np.ones_like(s), needed < NOISE_RANGE[0]
    left = (wanted - s**2 * noise)[:, wide].clip(0)
    share = left / np.maximum(left, spread[:, wide]).clip(np.finfo(float).tiny)  # at most 1
    c[wide] = np.sqrt(np.quantile(share, level, axis=0))
    return IntervalScale(s, c)


def _checked(error: FloatArray, std: FloatArray) -> FloatArray:
    check_shape("std", std, error.shape)
    check_finite("prediction error", error)
    check_finite("predicted std", std)
    if (std <= 0).any():
        raise DataError("predicted std: expected above 0; a model that predicts 0 cannot be scaled")
    return error
