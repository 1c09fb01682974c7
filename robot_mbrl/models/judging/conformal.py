"""Thresholds for a requested false-alarm rate, by split conformal prediction.

With n calibration scores and a fresh one that are exchangeable, the fresh one passes the k-th
smallest, k = ceil((n + 1)(1 - a)), with probability at most a, whatever the scores' distribution
(Vovk et al. 2005; Papadopoulos et al. 2002). The scores must not have trained the model.

Ticks of one episode are NOT exchangeable with those of another: they share a start, a world, a
phase of the task, and each resembles the one before. Ten thousand ticks of ten episodes are ten
samples, not ten thousand. So whole episodes are the samples, in one of two ways:

- an episode's largest score: bounds the share of fresh episodes with any alarm;
- all ticks, each episode with weight 1 / (K + 1), and 1 / (K + 1) at infinity for the fresh one:
  bounds the share of ticks with an alarm in a fresh episode (two-layer exchangeability: Dunn,
  Wasserman and Ramdas 2022; Lee, Barber and Willett 2023).

The supervisor does not stop on these: its CUSUM limits (onboard/monitor_calibration.py) add up
evidence and reach far smaller rates, at the price of an assumed tail. Here nothing is assumed but
exchangeable episodes, and so nothing is said beyond 1 / (K + 1).
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from robot_mbrl.contract.arrays import FloatArray, check_finite
from robot_mbrl.contract.errors import DataError


@dataclass(frozen=True)
class ConformalThreshold:
    """A limit and what it promises.

    Attributes:
        limit: a score above it is an alarm; infinite where there are too few episodes.
        alarm_rate: the requested bound on false alarms.
        per: what the rate counts, "episode" or "tick".
        episodes: K, the sample size.
        ticks: how many ticks these had.
        guarantee: in words, with its condition.
    """

    limit: float
    alarm_rate: float
    per: str
    episodes: int
    ticks: int
    guarantee: str

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def conformal_quantile(scores: FloatArray, alarm_rate: float) -> float:
    """The ceil((n + 1)(1 - alarm_rate))-th smallest of scores (n,); infinite where n is too small.

    Example: 9 scores and 0.1 give the largest, 8 scores give infinity. Raises DataError,
    NotFiniteError.
    """
    check_finite("conformal scores", scores)
    _check_rate(alarm_rate)
    n = len(scores)
    rank = math.ceil((n + 1) * (1 - alarm_rate) - 1e-9)
    return float(np.sort(scores)[rank - 1]) if rank <= n else math.inf


def episode_threshold(episodes: Sequence[FloatArray], alarm_rate: float) -> ConformalThreshold:
    """Limit that at most a share `alarm_rate` of fresh episodes passes anywhere.

    Args:
        episodes: scores of each nominal episode, (T,); lengths may differ.
        alarm_rate: requested bound, between 0 and 1.

    Raises DataError, NotFiniteError.
    """
    limit = conformal_quantile(np.array([e.max() for e in _check(episodes)]), alarm_rate)
    return _threshold(limit, alarm_rate, "episode", episodes)


def tick_threshold(episodes: Sequence[FloatArray], alarm_rate: float) -> ConformalThreshold:
    """Limit that at most a share `alarm_rate` of the ticks of a fresh episode passes, on average.

    Arguments and errors as in `episode_threshold`.
    """
    _check_rate(alarm_rate)
    scores = np.concatenate(_check(episodes))
    share = [np.full(len(e), 1 / (len(episodes) + 1) / len(e)) for e in episodes]
    order = np.argsort(scores, kind="stable")
    mass = np.cumsum(np.concatenate(share)[order])
    at = int(np.searchsorted(mass, 1 - alarm_rate - 1e-9))
    limit = float(scores[order[at]]) if at < len(scores) else math.inf
    return _threshold(limit, alarm_rate, "tick", episodes)


def _threshold(
    limit: float, alarm_rate: float, per: str, episodes: Sequence[FloatArray]
) -> ConformalThreshold:
    count = len(episodes)
    needed = math.ceil(1 / alarm_rate - 1e-9) - 1
    if math.isinf(limit):
        words = (
            f"none: {count} episodes cannot bound a rate of {alarm_rate:g}; at least {needed} can"
        )
    else:
        what = "fresh episodes with any alarm" if per == "episode" else "ticks of a fresh episode"
        words = (
            f"at most {alarm_rate:.1%} of {what}, on average over draws of the {count} calibration "
            "episodes, if fresh episodes are exchangeable with these (same robot, worlds, policy); "
            "nothing is assumed of ticks within an episode"
        )
    return ConformalThreshold(limit, alarm_rate, per, count, sum(map(len, episodes)), words)


def _check(episodes: Sequence[FloatArray]) -> Sequence[FloatArray]:
    if not len(episodes) or any(len(e) == 0 for e in episodes):
        raise DataError("conformal threshold: expected at least one episode and none without ticks")
    for episode in episodes:
        check_finite("conformal scores", episode)
    return episodes


def _check_rate(alarm_rate: float) -> None:
    if not 0 < alarm_rate < 1:
        raise DataError(f"false-alarm rate is {alarm_rate}, expected between 0 and 1, e.g. 0.05")
