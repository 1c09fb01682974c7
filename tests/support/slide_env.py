"""A small environment, its task, and agents and settings small enough to learn it in a second."""

import math
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import torch

from robot_mbrl.agents.imagination.rollouts import ImaginationConfig
from robot_mbrl.agents.imagination.schedules import LengthConfig, ShareConfig
from robot_mbrl.agents.mbpo import Mbpo, MbpoConfig
from robot_mbrl.agents.pets import Pets, PetsConfig
from robot_mbrl.agents.sac_config import SacConfig
from robot_mbrl.contract.observation.plain_layout import PlainLayout
from robot_mbrl.learning.online import OnlineConfig
from robot_mbrl.models.ensemble.config import EnsembleConfig
from robot_mbrl.models.fitting.fit import FitConfig
from robot_mbrl.models.judging.fresh_error import DriftConfig
from robot_mbrl.models.learned_task import LearnedTask, RewardFitConfig
from robot_mbrl.planners.objective.propagation import PropagationConfig
from robot_mbrl.planners.search.icem import IcemConfig

LAYOUT: Any = PlainLayout(2, 1)
SMALL = MbpoConfig(
    sac=SacConfig(actor_hidden=8, critic_hidden=8, batch=16),
    ensemble=EnsembleConfig(members=2, hidden=8),
    imagination=ImaginationConfig(branches=20, horizon=2, every=10, keep_rounds=2),
    real_share=0.25,
)
CONFIG = OnlineConfig(
    steps=60,
    warmup=30,
    updates_per_step=2,
    fit_every=15,
    evaluate_every=25,
    fit=FitConfig(steps=10, check_every=5, elites=2),
)
# everything that remembers, at once: drift, schedules by error, held-out segments
FULL = replace(
    CONFIG,
    holdout_ticks=3,
    drift=DriftConfig(ratio=1.0, rows=4, memory=2),
    reward_fit=RewardFitConfig(steps=5),
    checkpoint_every=10,
)
JUDGED = replace(
    SMALL,
    share=ShareConfig("error", ticks=2),
    imagination=replace(SMALL.imagination, length=LengthConfig("error", bound=2.0)),
)


class Slide(gymnasium.Env[np.ndarray, np.ndarray]):
    """A mass moved by the action; ends beyond 1, and by time after 12 steps.

    From step `breaks_at` on, counted over all episodes, it is pushed the other way and twice as
    hard.
    """

    observation_space = gymnasium.spaces.Box(-10, 10, (2,))
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,))

    def __init__(self, breaks_at: float = math.inf) -> None:
        self.breaks_at, self.total = breaks_at, 0

    def reset(self, *, seed: Any = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        self.state, self.steps = self.np_random.uniform(-0.1, 0.1, 2), 0
        return self.state.copy(), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        gain = 0.3 if self.total < self.breaks_at else -0.6
        self.steps, self.total = self.steps + 1, self.total + 1
        self.state = self.state + np.array([0.3 * self.state[1] + 0.05, gain * float(action[0])])
        ended = abs(self.state[0]) > 1
        return self.state.copy(), 7.0, bool(ended), self.steps >= 12, {}


class Centre:
    """Reward for being near 0."""

    def reward(self, next_obs: Any, action: Any, xp: Any = np) -> Any:
        return -(next_obs[..., 0] ** 2)

    def terminated(self, next_obs: Any, xp: Any = np) -> Any:
        return xp.abs(next_obs[..., 0]) > 1


def mbpo(seed: int = 0, config: MbpoConfig = SMALL, task: Any = None, steps: int = 60) -> Mbpo:
    return Mbpo(LAYOUT, task or Centre(), config, steps, seed)


def pets(seed: int = 0, kind: Any = "members", task: Any = None) -> Pets:
    planner = IcemConfig(horizon=4, candidates=12, iterations=2, elites=3, proposals=0)
    config = PetsConfig(EnsembleConfig(members=2, hidden=8), planner, PropagationConfig(kind, 4))
    return Pets(LAYOUT, task or Centre(), config, 2 * CONFIG.steps, seed)


def learned_task() -> LearnedTask:
    return LearnedTask(2, 1, 8, torch.Generator().manual_seed(0))
