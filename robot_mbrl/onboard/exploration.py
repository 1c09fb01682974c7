"""Actions that try something new, before the supervisor: noise on a controller, or alone."""

from dataclasses import replace

import numpy as np

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.noise import CorrelatedNoise
from robot_mbrl.onboard.controller.output import Controller, ControllerOutput


class ExploringController:
    """Another controller's actions with correlated noise.

    Its prediction was made for another action, so it is marked unknown (NaN): the innovation is not
    watched while exploring.
    """

    def __init__(
        self, controller: Controller, size: int, sigma: float, rng: np.random.Generator
    ) -> None:
        self._controller = controller
        self._noise = CorrelatedNoise(size, sigma, rng)

    def reset(self) -> None:
        """Start an episode."""
        self._controller.reset()
        self._noise.reset()

    def act(self, observation: FloatArray) -> ControllerOutput:
        """Decide from observation (O,); the action (A,) stays in [-1, 1]."""
        output = self._controller.act(observation)
        action = np.clip(output.action + self._noise.sample(), -1.0, 1.0)
        unknown = np.full_like(output.predicted_mean, np.nan)
        return replace(output, action=action, predicted_mean=unknown)


class RandomController:
    """Noise alone: the first data of a robot that has no controller yet."""

    def __init__(self, columns: int, size: int, sigma: float, rng: np.random.Generator) -> None:
        self._noise = CorrelatedNoise(size, sigma, rng)
        self._unknown = np.full(columns, np.nan)
        self._plan = np.zeros((1, size), dtype=np.float32)

    def reset(self) -> None:
        """Start an episode."""
        self._noise.reset()

    def act(self, observation: FloatArray) -> ControllerOutput:
        """An action that does not depend on the observation (O,); nothing is predicted."""
        return ControllerOutput(
            action=np.clip(self._noise.sample(), -1.0, 1.0),
            plan=self._plan,
            predicted_mean=self._unknown,
            predicted_std=self._unknown,
            disagreement=np.full(1, np.nan),
            value=float("nan"),
            plan_time_s=0.0,
        )
