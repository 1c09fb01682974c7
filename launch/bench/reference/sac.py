"""The model-free reference of `bench learn`: SAC of stable-baselines3, in its own settings."""

from collections.abc import Callable
from typing import Any

import numpy as np

from robot_mbrl.contract.errors import RobotMbrlError, how_to_install
from robot_mbrl.contract.interface import Policy

try:
    from stable_baselines3 import SAC
    from stable_baselines3.common.callbacks import BaseCallback
except ModuleNotFoundError as error:
    raise RobotMbrlError(
        f"bench learn --agent sac is another package here: {error}; {how_to_install('bench')}"
    ) from error


class _Evaluations(BaseCallback):
    """Calls `evaluate` every so many environment steps."""

    def __init__(
        self, every: int, evaluate: Callable[[int, Policy], dict[str, float]], report: Any
    ):
        super().__init__()
        self.every, self.evaluate, self.report = every, evaluate, report
        self.curve: list[dict[str, float]] = []

    def _on_step(self) -> bool:
        if self.num_timesteps % self.every == 0:
            found = self.evaluate(self.num_timesteps, self._act)
            self.curve.append({"steps": float(self.num_timesteps)} | found)
        if self.num_timesteps % 50 == 0:
            self.report(self.num_timesteps, self.model._total_timesteps, *(self.curve[-1:] or [{}]))
        return True

    def _act(self, obs: np.ndarray) -> np.ndarray:
        return self.model.predict(obs, deterministic=True)[0]


def learn_sac(
    env: Any,
    arguments: dict[str, Any],
    steps: int,
    evaluate_every: int,
    evaluate: Callable[[int, Policy], dict[str, float]],
    seed: int,
    report: Callable[[int, int, dict[str, float]], None],
) -> list[dict[str, float]]:
    """Learn for `steps` environment steps, with `arguments` beyond its defaults; returns the
    evaluations, each with key "steps"."""
    agent = SAC("MlpPolicy", env, seed=seed, device="cpu", **arguments)
    evaluations = _Evaluations(evaluate_every, evaluate, report)
    agent.learn(steps, callback=evaluations)
    return evaluations.curve
