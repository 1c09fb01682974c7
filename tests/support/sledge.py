"""A sledge on ice, held by a weak spring; beyond the edge it slides away. For fixed data sets.

v' = .85 v + .3 u - .15 x (+ .6 beyond the edge),   x' = x + .2 v'
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from robot_mbrl.agents.imagination.rollouts import ImaginationConfig
from robot_mbrl.agents.mbpo import Mbpo, MbpoConfig
from robot_mbrl.agents.sac_config import SacConfig
from robot_mbrl.contract.noise import correlated_noise
from robot_mbrl.contract.observation.plain_layout import PlainLayout
from robot_mbrl.data.transitions import Transitions, concatenate
from robot_mbrl.learning.offline import OfflineConfig, learn_offline
from robot_mbrl.models.ensemble.config import EnsembleConfig
from robot_mbrl.models.fitting.fit import FitConfig

LAYOUT: Any = PlainLayout(2, 1)
EDGE, TICKS, SLEDGES = 1.2, 30, 20
Act = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Goal:
    """Be at a place."""

    at: float

    def reward(self, next_obs: Any, action: Any, xp: Any = np) -> Any:
        return -xp.abs(next_obs[..., 0] - self.at) - 0.01 * (action**2).sum(-1)

    def terminated(self, next_obs: Any, xp: Any = np) -> Any:
        return next_obs[..., 0] > 1e9


def slide(obs: np.ndarray, action: np.ndarray) -> np.ndarray:
    x, v = obs.T
    v = 0.85 * v + 0.3 * action[:, 0] - 0.15 * x + 0.6 * (x > EDGE)
    return np.stack([x + 0.2 * v, v], -1).astype(np.float32)


def drive(task: Any, act: Act, seed: int) -> Transitions:
    """Episodes of all sledges, tick by tick."""
    obs = 0.1 * np.random.default_rng(seed).standard_normal((SLEDGES, 2)).astype(np.float32)
    ticks = []
    for _ in range(TICKS):
        action = np.asarray(act(obs), np.float32)
        after = slide(obs, action)
        reward = task.reward(after, action).astype(np.float32)
        ticks.append(Transitions(obs, action, after, reward, np.zeros(SLEDGES, bool)))
        obs = after
    return concatenate(ticks)


def mean_return(task: Any, act: Act) -> float:
    return float(drive(task, act, seed=77).reward.sum() / SLEDGES)


def wander(seed: int) -> Act:
    """The policy that made the data: gentle correlated noise, which never comes to the edge."""
    rng, noise = np.random.default_rng(seed), np.zeros(SLEDGES)

    def act(obs: np.ndarray) -> np.ndarray:
        nonlocal noise
        noise = correlated_noise(noise, rng)
        return 0.4 * noise.clip(-1, 1)[:, None]

    return act


def offline(penalty: float) -> OfflineConfig:
    """Small and quick. No early stop: the penalty alone is looked at."""
    imagination = ImaginationConfig(
        branches=100,
        horizon=5,
        every=50,
        keep_rounds=4,
        stop_quantile=None,
        disagreement_penalty=penalty,
    )
    sac = SacConfig(
        actor_hidden=16,
        critic_hidden=32,
        gamma=0.95,
        target_entropy=-1.0,
        batch=64,
        actor_average=0.98,
        lr=3e-3,
    )
    mbpo = MbpoConfig(sac, EnsembleConfig(members=3, hidden=16), imagination, real_share=0.5)
    fit = FitConfig(steps=150, check_every=50, elites=3, lr=3e-3)
    return OfflineConfig(agent=mbpo, fit=fit, updates=600)


def recorded(task: Any, seed: int) -> Transitions:
    """The data set: 600 transitions up to x = 1, 0.85 at the outermost in most seeds."""
    return drive(task, wander(seed), seed)


@functools.cache
def learned(task: Any, penalty: float, seed: int) -> Mbpo:
    """The agent that learned a task offline; tests share it and leave it as it is."""
    return learn_offline(LAYOUT, task, recorded(task, seed), offline(penalty), seed)[0]
