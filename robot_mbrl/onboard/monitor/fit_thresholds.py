"""Choosing the monitors' thresholds from nominal episodes, for a rate of false stops per hour.

Quantiles of single ticks differ by phase of a task and ticks are correlated, so what is counted is
the largest value each statistic reaches in a whole episode (block maxima); ticks within an episode
may depend on each other as they like. Beyond the data the tail of those maxima is taken as
exponential, as the maximum of a CUSUM under its slack has it (Cramer-Lundberg). Few blocks leave
its mean open, so the rate asked for is that of the predictive distribution: seconds of data give
higher limits than hours.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.errors import DataError, SettingsError
from robot_mbrl.onboard.monitor.thresholds import MonitorThresholds

MIN_BLOCKS = 20
MIN_BLOCK_TICKS = 20
TAIL_SHARE = 0.25
# One bad sample makes innovations + - + in three ticks: signs cancel but squares add up,
# and it stays in the observation's history, so that disagreement is high for some ticks more.
BIAS_OUTLIERS = 1.5
SQUARE_OUTLIERS = 3.5
DISAGREEMENT_OUTLIERS = 6.5
NORMAL_Q95 = 1.959964
NORMAL_QUARTILES = 1.348980


def calibrate_monitor(
    z_episodes: Sequence[FloatArray],
    disagreement_episodes: Sequence[FloatArray],
    rate_hz: float,
    false_stops_per_hour: float,
    *,
    slack: float = 0.5,
    square_slack: float = 2.0,
    cap: float = 4.0,
    disagreement_slack: float = 1.0,
) -> MonitorThresholds:
    """Thresholds whose expected false stops on data like this are at most the target.

    Args:
        z_episodes: innovation of each nominal episode, (T, J); NaN where unknown.
        disagreement_episodes: disagreement of the same episodes, (T,).
        rate_hz: ticks per second.
        false_stops_per_hour: target for all statistics together.
        slack, square_slack, cap, disagreement_slack: see `MonitorThresholds`.

    Returns:
        Thresholds; `evidence` holds the sample size and the guarantee.

    Raises:
        DataError: too little data (fewer than 20 blocks of 20 ticks), or infinite values.
        SettingsError: a target of no stops at all.
    """
    z, d = _check(z_episodes, disagreement_episodes, false_stops_per_hour)
    joints = z[0].shape[1]
    log_d = np.log(np.maximum(np.concatenate(d), 1e-12))
    log_d = log_d[np.isfinite(log_d)]
    quartiles = np.quantile(log_d, [0.25, 0.5, 0.75]) if len(log_d) else np.array([0.0, 0.0, 0.0])
    draft = MonitorThresholds(
        z_scale=tuple(robust_scale(np.concatenate(z))),
        slack=slack,
        square_slack=square_slack,
        cap=cap,
        disagreement_center=float(quartiles[1]),
        disagreement_scale=max(float(quartiles[2] - quartiles[0]) / NORMAL_QUARTILES, 0.05),
        disagreement_slack=disagreement_slack,
        limits=(math.inf,) * (3 * joints + 1),
    )
    maxima, ticks = block_maxima([draft.increments(a, b) for a, b in zip(z, d, strict=True)])
    hours = len(maxima) * ticks / rate_hz / 3600
    # Each of the K statistics gets its share of the target (union bound).
    wanted = false_stops_per_hour / maxima.shape[1] * (ticks / rate_hz / 3600)
    fitted = np.array([tail_quantile(column, wanted) for column in maxima.T])
    ticks_of_one = [BIAS_OUTLIERS] * (2 * joints) + [SQUARE_OUTLIERS] * joints
    outlier = np.array([*ticks_of_one, DISAGREEMENT_OUTLIERS]) * draft.largest_increments()
    limits = np.maximum(fitted, outlier)
    evidence: dict[str, Any] = {
        "episodes": len(z),
        "blocks": len(maxima),
        "hours": hours,
        "false_stops_per_hour": false_stops_per_hour,
        "block_probability_per_statistic": wanted,
        "extrapolated": bool(wanted * len(maxima) < 1),
        "raised_to_tolerate_one_outlier": (fitted < limits).tolist(),
        "guarantee": (
            f"at most {false_stops_per_hour:g} false stops per hour expected on data like the "
            f"{hours:.3f} h seen, exponential tail of unknown mean"
        ),
    }
    return replace(draft, limits=tuple(limits.tolist()), evidence=evidence)


def robust_scale(z: FloatArray) -> FloatArray:
    """Spread of each joint (J,) from the 95 % quantile of |z| (T, J), 1 for a standard normal.

    The quantile and not the median: swing-up is a small but honest part of nominal data.
    """
    scale = np.nanquantile(np.abs(z), 0.95, axis=0) / NORMAL_Q95
    return np.asarray(np.maximum(scale, 1e-3), dtype=np.float64)


def cusum(increments: FloatArray) -> FloatArray:
    """S_t = max(0, S_{t-1} + x_t) from 0, along axis 0 of (T, ...)."""
    total = np.cumsum(increments, axis=0)
    floor = np.minimum(np.minimum.accumulate(total, axis=0), 0.0)
    return np.asarray(total - floor)


def block_maxima(increments: Sequence[FloatArray]) -> tuple[FloatArray, float]:
    """Largest statistics (blocks, K) and the mean length of a block in ticks.

    A block is an episode; few long ones are cut so that there are at least `MIN_BLOCKS`. Scraps,
    as lost frames leave them, are no blocks: their largest statistic is that of a shorter time.
    """
    cuts = math.ceil(MIN_BLOCKS / len(increments))
    length = float(np.mean([len(x) for x in increments])) / cuts
    blocks = [
        block
        for x in increments
        for block in np.array_split(cusum(x), max(1, round(len(x) / length)))
        if len(block) > length / 2
    ]
    ticks = float(np.mean([len(b) for b in blocks]))
    return np.stack([b.max(axis=0) for b in blocks]), ticks


def tail_quantile(maxima: FloatArray, probability: float) -> float:
    """The value that the next block's maximum exceeds with `probability`, from maxima (blocks,).

    Above the 75 % quantile u the excess is taken as exponential. With n excesses of mean b seen and
    a prior 1 / mean (Jeffreys), the next one is Lomax: P(M > u + x) = share (1 + x / n b)^-n; for
    large n that is share exp(-x / b).
    """
    u = float(np.quantile(maxima, 1 - TAIL_SHARE))
    excess = maxima[maxima > u] - u
    n = len(excess)
    if n == 0:
        return u
    odds = max(1.0, n / len(maxima) / probability)
    return u + n * float(excess.mean()) * math.expm1(math.log(odds) / n)


def _check(
    z_episodes: Sequence[FloatArray], disagreement_episodes: Sequence[FloatArray], target: float
) -> tuple[list[FloatArray], list[FloatArray]]:
    if target <= 0 or not math.isfinite(target):
        raise SettingsError(f"false_stops_per_hour {target}: expected more than 0 per hour")
    z = [np.asarray(e, dtype=np.float64) for e in z_episodes]
    d = [np.asarray(e, dtype=np.float64) for e in disagreement_episodes]
    if not z or [len(e) for e in z] != [len(e) for e in d]:
        raise DataError(
            f"calibrate_monitor: expected as many disagreements as innovations, got "
            f"{[len(e) for e in z]} and {[len(e) for e in d]} ticks"
        )
    if any(np.isinf(e).any() for e in [*z, *d]):
        raise DataError("calibrate_monitor: infinite innovation or disagreement")
    ticks = sum(len(e) for e in z)
    if ticks < MIN_BLOCKS * MIN_BLOCK_TICKS:
        raise DataError(
            f"calibrate_monitor: {ticks} ticks, expected at least {MIN_BLOCKS * MIN_BLOCK_TICKS}; "
            "collect more nominal episodes"
        )
    return z, d
