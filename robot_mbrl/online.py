"""Learning from scratch: one environment, no simulator, few steps. MBPO or PETS.

random steps -> each step: act, store, let the agent improve (MBPO: SAC updates on real and
                imagined rows, Janner et al. 2019, algorithm 2; PETS plans and has nothing to do)
             -> every `fit_every` steps: refit the ensemble, tell the agent
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from robot_mbrl.agents.mbpo import Policy, correlated_noise
from robot_mbrl.contract.plain_layout import Layout
from robot_mbrl.data.replay import ReplayBuffer
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.models.ensemble import DynamicsEnsemble
from robot_mbrl.models.fit import FitConfig, Source, fit_ensemble, fit_normalizers
from robot_mbrl.models.reward import LearnedTask, RewardFitConfig

Evaluate = Callable[[int], dict[str, float]]


@dataclass(frozen=True)
class OnlineConfig:
    """Settings of learning from scratch."""

    steps: int = 2000
    """environment steps in all, the random ones included"""
    warmup: int = 200
    """steps under correlated noise before anything is learned"""
    updates_per_step: int = 20
    """SAC updates after each environment step; for agents that have a policy"""
    fit_every: int = 100
    """steps between fits of the ensemble"""
    holdout: float = 0.2
    """share of transitions by which the ensemble is judged, and never fitted"""
    fit: FitConfig = field(
        default_factory=lambda: FitConfig(steps=600, check_every=50, patience=4, elites=4)
    )
    """each fit, from the last one's weights"""
    reward_fit: RewardFitConfig = field(default_factory=RewardFitConfig)
    """each fit of reward and termination, for an agent whose task is learned"""
    evaluate_every: int = 500
    """steps between evaluations"""


class OnlineAgent(Protocol):
    """What learns; `Mbpo` and `Pets` are such agents."""

    layout: Layout
    task: Any
    model: DynamicsEnsemble
    real: ReplayBuffer

    def begin_episode(self) -> None:
        """The environment was reset."""

    def explore(self, obs: np.ndarray) -> np.ndarray:
        """Actions (B, A) that collect data, for observations (B, O)."""

    def model_fitted(self, data: Transitions) -> None:
        """The model was fitted anew, to all real transitions but the held-out ones."""

    def improve(self, step: int, updates: int) -> None:
        """Learn something else after step `step` since the first fit."""

    def policy(self) -> Policy:
        """What is evaluated, for one episode of B environments."""


@dataclass(frozen=True)
class OnlineReport:
    """What happened.

    Attributes:
        evaluations: one record for each, with key "steps".
        holdout_nll: loss on held-out rows, mean over members, after each fit.
        trials: one record for each finished episode: "steps" at its end and "return", the
            environment's own; those within the first `warmup` steps are random.
    """

    evaluations: list[dict[str, float]]
    holdout_nll: list[float]
    trials: list[dict[str, float]]


class OnlineLearning:
    """One run of an agent in one environment.

    Args:
        env: a gymnasium environment with actions in [-1, 1].
        agent: what learns; its task rewards real and imagined transitions alike. A LearnedTask is
            fitted with the model to the environment's own rewards and terminations, and then only
            imagined transitions are rewarded by it.
        config: settings.
        evaluate: environment steps -> numbers; called when the agent is as it then is.
        seed: of the environment and of the held-out rows.
    """

    def __init__(
        self,
        env: Any,
        agent: OnlineAgent,
        config: OnlineConfig,
        evaluate: Evaluate,
        seed: int,
    ) -> None:
        self.env, self.agent, self.config, self.evaluate = env, agent, config, evaluate
        self.rng = np.random.default_rng(seed)
        self.obs = self._restart(seed)
        self.held = np.zeros(config.steps, dtype=bool)
        self.report = OnlineReport([], [], [])

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
                agent.improve(step - config.warmup, config.updates_per_step)
            if (step + 1) % config.evaluate_every == 0 or step + 1 == config.steps:
                numbers = self.evaluate(step + 1)
                self.report.evaluations.append({"steps": float(step + 1)} | numbers)
            progress(step + 1, config.steps, numbers)
        return self.report

    def held_out(self) -> Transitions:
        """The real transitions that no model was fitted to."""
        data = self.agent.real.all()
        return data.take(np.flatnonzero(self.held[: len(data)]))

    def _restart(self, seed: int | None = None) -> np.ndarray:
        self.agent.begin_episode()
        self.earned = 0.0
        return np.asarray(self.env.reset(seed=seed)[0], dtype=np.float32)

    def _step(self, action: np.ndarray) -> None:
        """One environment step into the real buffer; a time limit is no termination."""
        agent = self.agent
        result: tuple[Any, ...] = self.env.step(action)
        next_obs, ended, truncated = np.asarray(result[0], np.float32), result[2], result[3]
        reward = float(result[1])
        action = np.asarray(result[4].get("applied", action), np.float32)  # a supervisor may cut it
        self.earned += reward
        if not isinstance(agent.task, LearnedTask):
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
        self.obs = next_obs
        if ended or truncated:
            steps = float(len(agent.real))
            self.report.trials.append({"steps": steps, "return": self.earned})
            self.obs = self._restart()

    def _fit(self) -> None:
        """Refit normalizers and ensemble to everything real."""
        agent, data = self.agent, self.agent.real.all()
        held = self.held[: len(data)]
        train, holdout = data.take(np.flatnonzero(~held)), data.take(np.flatnonzero(held))
        if isinstance(agent.task, LearnedTask):
            agent.task.fit(train, holdout, self.config.reward_fit, self.rng)
        fit_normalizers(agent.model, train)
        report = fit_ensemble(agent.model, [Source(train, 1.0)], holdout, self.config.fit, self.rng)
        agent.model_fitted(data)
        self.report.holdout_nll.append(float(report.holdout_nll.mean()))
