"""The supervisor's thresholds for innovation and disagreement, calibrated on nominal operation."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from robot_mbrl.agents.mbpo import Mbpo
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.errors import DataError
from robot_mbrl.envs.episodes import Act, record_worlds
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.models.ensemble.uncertainty import mixture
from robot_mbrl.onboard.monitor.fit_thresholds import calibrate_monitor
from robot_mbrl.onboard.monitor.thresholds import MonitorThresholds


@dataclass(frozen=True)
class Surprise:
    """What a model says about one episode.

    Attributes:
        z: innovation of each transition, (T, J): (observed dq - predicted) / predicted spread.
        disagreement: of the elites at each transition, (T,).
    """

    z: FloatArray
    disagreement: FloatArray


@torch.no_grad()
def surprise(model: DynamicsEnsemble, obs: np.ndarray, action: np.ndarray) -> Surprise:
    """Judge an episode: observations (T + 1, O), actions (T, A)."""
    x = torch.as_tensor(obs[:-1], dtype=torch.float32)
    a = torch.as_tensor(action, dtype=torch.float32)
    means, stds = model.increments(model.spread(x), model.spread(a))
    mean, std = mixture(means[model.elites], stds[model.elites], model.spread_scale)
    dq = model.layout.increments(np.asarray(obs[:-1], np.float64), np.asarray(obs[1:], np.float64))
    z = (dq - mean.double().numpy()) / std.double().numpy()
    return Surprise(z, model.disagreement(means).double().numpy())


def surprises_in(env: Any, act: Act, agent: Mbpo, *, seed: int) -> list[Surprise]:
    """Run one episode in every world of a vector environment and judge each."""
    return [surprise(agent.model, o, a) for o, a in record_worlds(env, act, seed=seed)]


def calibrate_alarms(
    surprises: list[Surprise], rate_hz: float, false_stops_per_hour: float
) -> MonitorThresholds:
    """Thresholds for a rate of false stops on episodes like these."""
    return calibrate_monitor(
        [s.z for s in surprises],
        [s.disagreement for s in surprises],
        rate_hz,
        false_stops_per_hour,
    )


def at_least(real: MonitorThresholds, simulated: MonitorThresholds) -> MonitorThresholds:
    """The limits of seconds of real operation, but never below those of minutes of simulated one.

    Twenty seconds say how large a normal innovation is (its scale); how rarely it adds up by chance
    is better known from hours. Raises DataError when the two watch different joints.
    """
    if len(real.limits) != len(simulated.limits):
        raise DataError("thresholds of real and simulated episodes watch different joints")
    limits = tuple(max(a, b) for a, b in zip(real.limits, simulated.limits, strict=True))
    scale = tuple(max(a, b) for a, b in zip(real.z_scale, simulated.z_scale, strict=True))
    evidence = {"real": real.evidence, "simulated": simulated.evidence}
    return dataclasses.replace(real, z_scale=scale, limits=limits, evidence=evidence)
