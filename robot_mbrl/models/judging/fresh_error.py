"""Has the machine changed since the model was fitted? Its error on fresh rows against what was
usual.

Rows gathered since the last fit are held-out data by birth: nothing was fitted to them. Their error
jumps when the machine changes, and when the policy first comes to where the model has never been.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from robot_mbrl.data.transitions import Transitions
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble


@dataclass(frozen=True)
class DriftConfig:
    """When a fit is due before its time."""

    ratio: float = math.inf
    """refit at once where the error on fresh rows is so many times its recent mean; infinity never
    does. 1.5 is for a machine that is known: where a policy is learned from scratch it comes to new
    places, which looks like drift"""
    rows: int = 25
    """fresh rows in one evaluation"""
    memory: int = 8
    """evaluations in the recent mean; with fewer than half of them nothing is said"""


def one_step_error(model: DynamicsEnsemble, fresh: Transitions) -> float:
    """Root mean square error of the elites' mean, in units of the residual spread."""
    obs, next_obs = fresh.obs.astype(np.float64), fresh.next_obs.astype(np.float64)
    x, action = torch.as_tensor(fresh.obs), torch.as_tensor(fresh.action)
    dq = torch.as_tensor(model.layout.increments(obs, next_obs)).float()
    with torch.no_grad():
        mean, _ = model.residual(model.spread(x), model.spread(action))
        error = model.target(x, dq) - mean[model.elites].mean(0)
    return float((error**2).mean().sqrt())


def has_drifted(error: float, before: Sequence[float], config: DriftConfig) -> bool:
    """Whether an error stands out from those before it, oldest first."""
    recent = list(before)[-config.memory :]
    if 2 * len(recent) < config.memory:
        return False
    return not error <= config.ratio * float(np.mean(recent))  # so does one that is not finite
