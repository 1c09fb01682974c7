"""MBPO from scratch (Janner et al. 2019, algorithm 2): one environment, no simulator, few steps.

random steps -> each step: act, store, SAC updates on real and imagined rows
             -> every `fit_every` steps: refit the ensemble, measure its disagreement, imagine
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from robot_mbrl.agents.mbpo import Mbpo, correlated_noise
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.models.fit import FitConfig, Source, fit_ensemble, fit_normalizers

Evaluate = Callable[[int], dict[str, float]]


@dataclass(frozen=True)
class OnlineConfig:
    """Settings of learning from scratch."""

    steps: int = 2000
    """environment steps in all, the random ones included"""
    warmup: int = 200
    """steps under correlated noise before anything is learned"""
    updates_per_step: int = 20
    """SAC updates after each environment step"""
    fit_every: int = 100
    """steps between fits of the ensemble"""
    holdout: float = 0.2
    """share of transitions by which the ensemble is judged, and never fitted"""
    fit: FitConfig = field(
        default_factory=lambda: FitConfig(steps=600, check_every=50, patience=4, elites=4)
    )
    """each fit, from the last one's weights"""
    evaluate_every: int = 500
    """steps between evaluations"""


@dataclass(frozen=True)
class OnlineReport:
    """What happened.

    Attributes:
        evaluations: one record for each, with key "steps".
        holdout_nll: mean over members after each fit.
    """

    evaluations: list[dict[str, float]]
    holdout_nll: list[float]


class OnlineLearning:
    """One run of an agent in one environment.

    Args:
        env: a gymnasium environment with actions in [-1, 1].
        agent: what learns; its task rewards real and imagined transitions alike.
        config: settings.
        evaluate: environment steps -> numbers; called with the agent as it is.
        seed: of the environment and of the held-out rows.
    """

    def __init__(
        self,
        env: Any,
        agent: Mbpo,
        config: OnlineConfig,
        evaluate: Evaluate,
        seed: int,
    ) -> None:
        self.env, self.agent, self.config, self.evaluate = env, agent, config, evaluate
        self.rng = np.random.default_rng(seed)
        self.obs = self._restart(seed)
        self.held = np.zeros(config.steps, dtype=bool)
        self.report = OnlineReport([], [])

    def run(self, progress: Callable[[int, int, dict[str, float]], None]) -> OnlineReport:
        """Spend every step; returns what happened."""
        config, agent = self.config, self.agent
        noise = np.zeros((1, agent.layout.action_size))
        numbers: dict[str, float] = {}
        for step in range(config.steps):
            learning = step >= config.warmup
            if learning and (step - config.warmup) % config.fit_every == 0:
                self._fit()
            noise = correlated_noise(noise, self.rng)
            action = agent.explore(self.obs[None])[0] if learning else noise[0].clip(-1, 1)
            self._step(action.astype(np.float32))
            if learning:
                self._update(step - config.warmup)
            if (step + 1) % config.evaluate_every == 0 or step + 1 == config.steps:
                numbers = self.evaluate(step + 1)
                self.report.evaluations.append({"steps": float(step + 1)} | numbers)
            progress(step + 1, config.steps, numbers)
        return self.report

    def _restart(self, seed: int | None = None) -> np.ndarray:
        return np.asarray(self.env.reset(seed=seed)[0], dtype=np.float32)

    def _step(self, action: np.ndarray) -> None:
        """One environment step into the real buffer; a time limit is no termination."""
        agent = self.agent
        result: tuple[Any, ...] = self.env.step(action)
        next_obs, ended, truncated = np.asarray(result[0], np.float32), result[2], result[3]
        reward = agent.task.reward(next_obs.astype(np.float64), action)
        agent.real.add(
            Transitions(
                self.obs[None],
                action[None],
                next_obs[None],
                np.array([reward], np.float32),
                np.array([ended]),
            )
        )
        self.held[len(agent.real) - 1] = self.rng.uniform() < self.config.holdout
        self.obs = self._restart() if ended or truncated else next_obs

    def _fit(self) -> None:
        """Refit normalizers and ensemble to everything real; forget what the old model imagined."""
        agent, data = self.agent, self.agent.real.all()
        held = self.held[: len(data)]
        train, holdout = data.take(np.flatnonzero(~held)), data.take(np.flatnonzero(held))
        agent.sac.set_observation_statistics(data.obs.astype(np.float64))
        fit_normalizers(agent.model, train)
        report = fit_ensemble(agent.model, [Source(train, 1.0)], holdout, self.config.fit, self.rng)
        agent.measure_disagreement(data)
        agent.imagined.clear()
        self.report.holdout_nll.append(float(report.holdout_nll.mean()))

    def _update(self, step: int) -> None:
        """SAC updates of one step, after new imagined rollouts where they are due."""
        agent, each = self.agent, self.config.updates_per_step
        imagination = agent.config.imagination
        if agent.real_share < 1 and (not len(agent.imagined) or self._due(step)):
            starts = agent.real.sample(imagination.branches, agent.rng)
            agent.imagine(agent.real.split(starts).obs)
        agent.update(each)

    def _due(self, step: int) -> bool:
        """Rounds of imagination are `every` SAC updates apart."""
        each, every = self.config.updates_per_step, self.agent.config.imagination.every
        return (step * each) // every != ((step - 1) * each) // every
