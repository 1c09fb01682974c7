"""What acts: a policy for B worlds, a planner in many worlds, a policy where a controller is asked
for."""

import numpy as np
import torch

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.interface import Policy
from robot_mbrl.networks.actor import Actor
from robot_mbrl.onboard import ControllerOutput, OnnxController


def actor_policy(actor: Actor) -> Policy:
    """The deterministic policy of an actor."""

    def act(obs: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return actor.act(torch.as_tensor(obs, dtype=torch.float32)).numpy()

    return act


class PlannerInWorlds:
    """An exported controller in many worlds at once, each with a plan of its own: observations
    (B, O) -> actions (B, A), one call a world."""

    def __init__(self, controller: OnnxController, worlds: int, seed: int) -> None:
        self._controller = controller
        self._plans = np.zeros((worlds, *controller.plan_shape), dtype=np.float32)
        self._rng = np.random.default_rng(seed)

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        """Plan once in every world."""
        actions = []
        for world, row in enumerate(obs):
            noise = self._rng.standard_normal(self._controller.noise_shape, dtype=np.float32)
            output = self._controller.act_with(row, self._plans[world], noise)
            self._plans[world] = output.plan
            actions.append(output.action)
        return np.array(actions)


class PolicyController:
    """A policy without a planner, as the control loop takes it; it predicts that nothing moves and
    its model is never in doubt, so no monitor may listen to it."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def reset(self) -> None:
        """Nothing to forget."""

    def act(self, observation: FloatArray) -> ControllerOutput:
        """Decide from observation (O,)."""
        action = self._policy(observation[None])[0].astype(np.float64)
        return ControllerOutput(
            action=action,
            plan=action[None].astype(np.float32),
            predicted_mean=observation,
            predicted_std=np.ones_like(observation),
            disagreement=np.zeros(1),
            value=0.0,
            plan_time_s=0.0,
        )
