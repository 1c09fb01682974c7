"""How far the model is trusted: which share of a batch stays real, and how long rollouts become.

By steps: along a line, as MBPO lengthens its rollouts (Janner et al. 2019; `rollout_schedule`
[20, 150, 1, 15] of jannerm/mbpo goes from 1 to 15 ticks over epochs 20 to 150). By error: what the
model reached on rows that it was never fitted to, see models/relative_error.py; a model that has
not been judged yet is not trusted.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from robot_mbrl.contract.arrays import FloatArray

By = Literal["constant", "steps", "error"]


@dataclass(frozen=True)
class ShareConfig:
    """How the share of real rows falls from 1 to its floor."""

    by: By = "constant"
    """constant: the floor from the first; steps: along a line; error: the share is the model's
    relative error, but at least the floor"""
    span: tuple[int, int] = (0, 1000)
    """steps since the first fit at which the line begins and ends"""
    ticks: int = 5
    """ticks ahead at which the error is taken"""


@dataclass(frozen=True)
class LengthConfig:
    """How long imagined rollouts are, up to the horizon."""

    by: By = "constant"
    """constant: the horizon; steps: along a line; error: as many ticks as the model's relative
    error stays below a bound"""
    span: tuple[int, int] = (0, 1000)
    """steps since the first fit at which the line begins and ends"""
    shortest: int = 1
    """ticks at the line's beginning, and of a model that errs beyond the bound in the first tick"""
    bound: float = 0.3
    """relative error up to which a rollout goes on"""


def real_share(config: ShareConfig, floor: float, step: int, error: FloatArray | None) -> float:
    """Share of real rows.

    Args:
        config: settings.
        floor: the least share.
        step: steps since the first fit.
        error: relative error after 1..K ticks, (K,), K >= config.ticks; None before it was taken.
    """
    if config.by == "steps":
        return 1.0 + (floor - 1.0) * _progress(config.span, step)
    if config.by == "error":
        proven = np.inf if error is None else float(error[config.ticks - 1])
        return max(floor, proven) if proven < 1 else 1.0  # NaN proves nothing
    return floor


def rollout_length(config: LengthConfig, horizon: int, step: int, error: FloatArray | None) -> int:
    """Ticks of a rollout; arguments as in `real_share`, (K,) with K >= horizon."""
    shortest = min(config.shortest, horizon)
    if config.by == "steps":
        return int(shortest + (horizon - shortest) * _progress(config.span, step))
    if config.by == "error":
        good = np.zeros(1, bool) if error is None else error[:horizon] <= config.bound
        return max(shortest, int(np.cumprod(good).sum()))
    return horizon


def _progress(span: tuple[int, int], step: int) -> float:
    """From 0 at the span's beginning to 1 at its end."""
    begin, end = span
    return float(np.clip((step - begin) / max(end - begin, 1), 0.0, 1.0))
