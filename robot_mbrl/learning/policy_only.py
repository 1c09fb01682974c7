"""A policy without its planner, as the control loop takes it."""

import numpy as np
import torch

from robot_mbrl.agents.mbpo import Mbpo
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.envs.episodes import actor_policy
from robot_mbrl.onboard import ControllerOutput


class PolicyOnly:
    """The deterministic policy of an agent; it predicts that nothing moves and is never in doubt,
    so no monitor may listen to it."""

    def __init__(self, agent: Mbpo) -> None:
        self._act = actor_policy(agent.sac.average)
        torch.set_num_threads(1)

    def reset(self) -> None:
        """Nothing to forget."""

    def act(self, observation: FloatArray) -> ControllerOutput:
        """Decide from observation (O,)."""
        action = self._act(observation[None])[0].astype(np.float64)
        return ControllerOutput(
            action=action,
            plan=action[None].astype(np.float32),
            predicted_mean=observation,
            predicted_std=np.ones_like(observation),
            disagreement=np.zeros(1),
            value=0.0,
            plan_time_s=0.0,
        )
