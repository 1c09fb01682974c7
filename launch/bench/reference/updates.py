"""Gradient updates of stable-baselines3's SAC, without an environment: what `bench train` compares
with."""

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np

from robot_mbrl.contract.errors import RobotMbrlError, how_to_install
from robot_mbrl.data.transitions import Transitions

try:
    from stable_baselines3 import SAC
    from stable_baselines3.common.logger import configure
except ModuleNotFoundError as error:
    raise RobotMbrlError(
        f"bench train compares with another package: {error}; {how_to_install('bench')}"
    ) from error


class _Spaces(gymnasium.Env[np.ndarray, np.ndarray]):
    """Says how large observations and actions are; is never stepped."""

    def __init__(self, obs_size: int, action_size: int) -> None:
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (obs_size,), np.float32)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (action_size,), np.float32)


def make_reference(
    data: Transitions, *, hidden: int, batch: int, settings: dict[str, Any] | None = None
) -> Callable[[int], None]:
    """Returns `update(n)`: n gradient steps on batches sampled from its replay buffer, which holds
    `data`. Two layers of `hidden` units in actor and both critics; its own settings otherwise."""
    rows = len(data)
    agent = SAC(
        "MlpPolicy",
        _Spaces(data.obs.shape[1], data.action.shape[1]),
        policy_kwargs={"net_arch": [hidden, hidden]},
        batch_size=batch,
        buffer_size=rows,
        seed=0,
        device="cpu",
        **(settings or {}),
    )
    agent.set_logger(configure(None, []))
    buffer: Any = agent.replay_buffer
    buffer.observations[:, 0], buffer.next_observations[:, 0] = data.obs, data.next_obs
    buffer.actions[:, 0], buffer.rewards[:, 0] = data.action, data.reward
    buffer.dones[:, 0], buffer.full = data.terminated, True
    return lambda updates: agent.train(gradient_steps=updates, batch_size=batch)
