"""An exported controller in many worlds at once, each with a plan of its own."""

import numpy as np

from robot_mbrl.onboard import OnnxController


class PlannerInWorlds:
    """Observations (B, O) -> actions (B, A) by the controller, one call a world."""

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
