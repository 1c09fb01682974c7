"""What an episode is worth to who has learned nothing: at rest, and at random."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from robot_mbrl.contract import ObservationLayout
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.task import Task
from robot_mbrl.envs.episodes import EvaluationReport, evaluate


@dataclass(frozen=True)
class UnlearnedReport:
    """One episode in each world of doing nothing, and one of random actions."""

    idle: EvaluationReport
    random: EvaluationReport

    def beaten_by(self, mean_return: float) -> bool:
        """Whether a mean return is better than both, by more than two standard errors."""
        for report in (self.idle, self.random):
            error = report.returns.std() / np.sqrt(len(report.returns))
            if not mean_return > report.returns.mean() + 2 * error:
                return False
        return True

    @property
    def summary(self) -> dict[str, float]:
        """Mean returns."""
        means = {"idle": self.idle.returns.mean(), "random": self.random.returns.mean()}
        return {name: float(mean) for name, mean in means.items()}


def evaluate_unlearned(env: Any, *, seed: int, task: Task) -> UnlearnedReport:
    """What `evaluate` says of doing nothing and of random actions, in the same worlds.

    Doing nothing is to go on with the last command: no drive, or the pose that a servo holds.
    """
    layout: ObservationLayout = env.layout
    rng = np.random.default_rng(seed)

    def idle(obs: FloatArray) -> FloatArray:
        if layout.action_history == 0:
            return np.zeros((len(obs), layout.action_size))
        held: FloatArray = layout.last_action(obs)
        return held

    def random(obs: FloatArray) -> FloatArray:
        return rng.uniform(-1, 1, (len(obs), layout.action_size))

    reports = [evaluate(env, policy, seed=seed, task=task) for policy in (idle, random)]
    return UnlearnedReport(*reports)
