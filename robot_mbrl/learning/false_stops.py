"""The supervisor's thresholds for innovation and disagreement, calibrated on nominal operation."""

import dataclasses
from typing import Any

from robot_mbrl.contract.errors import DataError
from robot_mbrl.contract.interface import Policy
from robot_mbrl.envs.episodes import record_worlds
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.models.judging.surprise import Surprise, surprise
from robot_mbrl.onboard.monitor.fit_thresholds import calibrate_monitor
from robot_mbrl.onboard.monitor.thresholds import MonitorThresholds


def surprises_in(env: Any, act: Policy, model: DynamicsEnsemble, *, seed: int) -> list[Surprise]:
    """Run one episode in every world of a vector environment; how each surprises the model."""
    return [surprise(model, segment) for segment in record_worlds(env, act, seed=seed)]


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
