"""Settings of `robot-mbrl bench train`."""

from dataclasses import dataclass
from typing import Literal

from launch.verb import Verb


@dataclass(frozen=True, kw_only=True)
class TrainBench(Verb):
    """Updates of ensemble and SAC per second of one thread: as a share of the sgemm rate, and
    against stable-baselines3's SAC; imagined transitions per second. Two minutes.
    """

    rounds: int = 25
    """all are measured in turn so often; medians are reported"""
    updates: int = 8
    """updates of each kind in a round"""
    branches: int = 2000
    """imagined rollouts in a round, of 10 ticks"""
    activation: Literal["silu", "relu"] = "silu"
    """of the ensemble's hidden layers"""
